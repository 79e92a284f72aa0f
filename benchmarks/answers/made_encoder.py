"""The space of a made world, whose vectors are drawn and never encoded."""

from collections.abc import Sequence

from benchmarks.answers.made_world import space
from embedstore.errors import Invalid
from embedstore.types import ImagePreprocess, Pixels, Vectors


class MadeEncoder:
    """Names a space, and encodes nothing."""

    def __init__(self, seed: int) -> None:
        self.space, self.preprocess = space(seed), ImagePreprocess(size=8)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Refuse: words have no vectors here."""
        raise Invalid(f"{len(texts)} texts for a made world; expected vectors")

    def encode_images(self, images: Sequence[Pixels]) -> Vectors:
        """Refuse: pictures are vectors here."""
        raise Invalid(f"{len(images)} pictures for a made world; expected vectors")

    def overlong(self, texts: Sequence[str]) -> list[bool]:
        """Say that no text is cut."""
        return [False for _ in texts]
