"""The HTTP routes of searches: one, many, in pages, explained."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import File, Form, Request, UploadFile

from api import dependencies
from api.dependencies import Decoding, Encoders, Named, Told
from api.documented import errors
from api.schemas import Explained, Found, FoundPage, Search, Searches, SearchPage
from api.searching import Searching, query_of
from api.short_way import ShortWay
from api.shown import hit_on_wire
from api.uploads import json_part
from embedstore import Collection, Hit, Query
from embedstore.errors import BadQuery

router = dependencies.router("search")
most_asked = dependencies.router("search", ShortWay)

Hits = list[dict[str, Any]]  # each with the fields of `Found`; a model costs five times as much


@most_asked.post(
    "/collections/{name}/search", response_model=list[Found], responses=errors(404, 409)
)
async def search(wanted: Search, name: str, request: Request) -> Hits:
    """Find the nearest items, best first."""
    return await _searching(request).run(
        name, [wanted], lambda collection, asked: _found(name, collection.search(asked[0]))
    )


@router.post(
    "/collections/{name}/search/upload", response_model=list[Found], responses=errors(404, 409)
)
def search_upload(
    image: Annotated[UploadFile, File(description="A picture to look for.")],
    collection: Named,
    decoding: Decoding,
    encoders: Encoders,
    query: Annotated[
        str, Form(description="JSON, what `search` takes.", examples=['{"k": 5}'])
    ] = "{}",
) -> Hits:
    """Find the items nearest to an uploaded picture, weighed against words where some are given."""
    wanted = json_part(Search, query, "query")
    if wanted.image_base64 is not None or wanted.image_url is not None:
        raise BadQuery("the query holds a picture beside the file; expected one of them")
    asked = query_of(wanted, image.file.read())
    encoders.serve(collection)
    with decoding:
        hits = collection.search(asked)
    return _found(collection.name, hits)


@router.post("/collections/{name}/explain", responses=errors(404, 409))
def explain(wanted: Search, collection: Named, pictures: Told) -> list[Explained]:
    """Say how a search is done: which index, what recall it promises, what the filter allows."""
    found = collection.explain(query_of(wanted, pictures.of(wanted)))
    return [Explained(**asdict(each), words=str(each)) for each in found]


@router.post(
    "/collections/{name}/search_many", response_model=list[list[Found]], responses=errors(404, 409)
)
async def search_many(wanted: Searches, name: str, request: Request) -> list[Hits]:
    """Find the nearest items for each of several queries, as `search` does, in less time."""
    return await _searching(request).run(
        name,
        wanted.queries,
        lambda collection, asked: [_found(name, hits) for hits in collection.search_many(asked)],
    )


@router.post("/collections/{name}/search_page", responses=errors(404, 409))
async def search_page(wanted: SearchPage, name: str, request: Request) -> FoundPage:
    """Find the nearest items, k at a time; none is skipped or repeated while others change."""

    def found(collection: Collection, asked: list[Query]) -> FoundPage:
        page = collection.search_page(asked[0], wanted.cursor)
        return FoundPage.model_validate({"hits": _found(name, page.hits), "cursor": page.cursor})

    return await _searching(request).run(name, [wanted], found, every_row=True)


# Asked of the application itself: a dependency costs a twentieth of a search
def _searching(request: Request) -> Searching:
    searching: Searching = request.app.state.searching
    return searching


def _found(name: str, hits: Iterable[Hit]) -> Hits:
    return [hit_on_wire(name, hit) for hit in hits]
