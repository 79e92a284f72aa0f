"""Whether an encoder and a collection are of one space."""

from embedstore.catalog import CollectionInfo
from embedstore.errors import SpaceMismatch
from embedstore.types import Encoder


def fitting(encoder: Encoder, info: CollectionInfo) -> Encoder:
    """Give the encoder back, if a collection holds vectors of its space.

    Raises:
        SpaceMismatch: It holds those of another.
    """
    held, offered = info.space, encoder.space
    if held.fingerprint != offered.fingerprint:
        raise SpaceMismatch(
            f"collection {info.name!r} holds vectors of {held.encoder} "
            f"(space {held.fingerprint}, {held.dim}-d); the encoder {offered.encoder} makes "
            f"space {offered.fingerprint}, {offered.dim}-d; move the collection to it with "
            f"`embedstore re-embed {info.name} --encoder {offered.encoder}`, or index into "
            "another with --collection NAME"
        )
    return encoder
