"""The HTTP routes of pictures: originals and thumbnails, which clients may keep."""

import logging
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Header, Query, Response

from api import dependencies
from api.dependencies import Decoding, Named
from api.documented import errors
from embedstore import Collection
from embedstore.corpus.images import media_type
from embedstore.errors import BadImage, NotFound

# A page shows its thumbnails at once and asks behind its back whether they are still the same
THUMBNAIL_LIFE = "private, max-age=300, stale-while-revalidate=86400"
ORIGINAL_LIFE = "private, no-cache"
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "The client has it already."}}

log = logging.getLogger("embedstore.api")
router = dependencies.router("pictures")
Known = Annotated[str | None, Header(alias="If-None-Match", max_length=4_000)]


@router.get(
    "/collections/{name}/thumbnails/{key:path}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **UNCHANGED, **errors(404, 409)},
)
def thumbnail(
    key: str,
    collection: Named,
    decoding: Decoding,
    side: Annotated[int, Query(ge=16, le=1024)] = 256,
    known: Known = None,
) -> Response:
    """Give the picture of an item as a JPEG of at most `side` pixels."""

    def shrunk() -> bytes:
        with decoding:
            return collection.thumbnail(key, side)

    headers = {"ETag": _tag(collection, key, side), "Cache-Control": THUMBNAIL_LIFE}
    if _has(known, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(_there(key, shrunk), media_type="image/jpeg", headers=headers)


@router.get(
    "/collections/{name}/originals/{key:path}",
    response_class=Response,
    responses={200: {"content": {"image/*": {}}}, **UNCHANGED, **errors(404, 409)},
)
def original(key: str, collection: Named, known: Known = None) -> Response:
    """Give the picture of an item as it was stored."""
    headers = {"ETag": _tag(collection, key, 0), "Cache-Control": ORIGINAL_LIFE}
    if _has(known, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    picture = _there(key, lambda: collection.image_bytes(key))
    return Response(picture, media_type=media_type(picture[:32]), headers=headers)


def _there(key: str, picture: Callable[[], bytes]) -> bytes:
    try:
        return picture()
    except BadImage as error:  # its message may hold a path of this machine
        log.warning("a stored picture is gone or no longer decodes")
        raise NotFound(
            f"the picture of item {key!r} is gone or no longer decodes; index its folder again"
        ) from error


def _tag(collection: Collection, key: str, side: int) -> str:
    return f'"{collection.picture_version(key)}-{side}"'


def _has(known: str | None, tag: str) -> bool:
    named = [each.strip().removeprefix("W/") for each in (known or "").split(",")]
    return tag in named or named == ["*"]
