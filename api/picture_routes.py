"""The HTTP routes of pictures: originals and thumbnails, which clients may keep."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Header, Query, Request, Response

from api import dependencies, etags
from api.dependencies import Named
from api.documented import errors
from api.known import KnownCollections
from embedstore import Collection
from embedstore.corpus.images import media_type
from embedstore.errors import BadImage, NotFound

# A page shows its thumbnails at once and asks behind its back whether they are still the same
THUMBNAIL_LIFE = "private, max-age=300, stale-while-revalidate=86400"
ORIGINAL_LIFE = "private, no-cache"
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "The client has it already."}}

log = logging.getLogger("embedstore.api")
router = dependencies.router("pictures")
most_asked = dependencies.router("pictures")
Known = Annotated[str | None, Header(alias="If-None-Match", max_length=4_000)]


# A page asks for sixty at once: one thread each, no dependency, which costs more than the file
@most_asked.get(
    "/collections/{name}/thumbnails/{key:path}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **UNCHANGED, **errors(404, 409)},
)
async def thumbnail(
    name: str,
    key: str,
    request: Request,
    side: Annotated[int, Query(ge=16, le=1024)] = 256,
    known: Known = None,
) -> Response:
    """Give the picture of an item as a JPEG of at most `side` pixels."""
    opened: KnownCollections = request.app.state.known
    turns: AbstractContextManager[object] = request.app.state.decoding

    def answered(collection: Collection) -> Response:
        version = collection.picture_version(key)
        headers = {"ETag": f'"{version}-{side}"', "Cache-Control": THUMBNAIL_LIFE}
        if etags.has(known, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        small = collection.kept_thumbnail(key, side, version)
        if small is None:
            with turns:
                small = _there(key, lambda: collection.thumbnail(key, side))
        return Response(small, media_type="image/jpeg", headers=headers)

    return await to_thread.run_sync(opened.ask, name, answered)


@router.get(
    "/collections/{name}/originals/{key:path}",
    response_class=Response,
    responses={200: {"content": {"image/*": {}}}, **UNCHANGED, **errors(404, 409)},
)
def original(key: str, collection: Named, known: Known = None) -> Response:
    """Give the picture of an item as it was stored."""
    headers = {"ETag": f'"{collection.picture_version(key)}-0"', "Cache-Control": ORIGINAL_LIFE}
    if etags.has(known, headers["ETag"]):
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
