"""The HTTP routes, versioned under /v1; each one calls one method of the store."""

import logging
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.routing import APIRoute

from api.output import printable
from api.schemas import (
    CollectionSummary,
    Deleted,
    Explained,
    Failed,
    Found,
    FoundPage,
    Health,
    Keys,
    NewCollection,
    NewItems,
    Search,
    Searches,
    SearchPage,
    Stored,
    StoredItem,
    StoredItems,
)
from embedstore import Collection, Hit, Item, Store
from embedstore import Query as StoreQuery
from embedstore.errors import BadImage, Moved, NotFound

log = logging.getLogger("embedstore.api")


class _AskedAgain(APIRoute):
    """A route that asks once more where a collection was re-embedded while it answered."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answer_again(request: Request) -> Response:
            try:
                return await answer(request)
            except Moved:
                return await answer(request)

        return answer_again


router = APIRouter(prefix="/v1", route_class=_AskedAgain)


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _decoding(request: Request) -> AbstractContextManager[object]:
    turns: AbstractContextManager[object] = request.app.state.decoding
    return turns


def _collection(name: str, store: Annotated[Store, Depends(_store)]) -> Collection:
    return store.collection(name)


Opened = Annotated[Store, Depends(_store)]
Named = Annotated[Collection, Depends(_collection)]
# So many pictures are decoded at once, however many requests are served
Decoding = Annotated[AbstractContextManager[object], Depends(_decoding)]


@router.get("/health")
def health() -> Health:
    """Say that the service answers."""
    return Health(status="ok")


@router.get("/collections")
def collections(store: Opened) -> list[CollectionSummary]:
    """List the collections."""
    return [
        CollectionSummary(
            name=info.name, encoder=info.space.encoder, items=store.catalog.count(info.id)["items"]
        )
        for info in store.collections()
    ]


@router.post("/collections", status_code=201)
def create(wanted: NewCollection, store: Opened) -> CollectionSummary:
    """Create an empty collection."""
    store.create(wanted.name, wanted.encoder, prompts=tuple(wanted.prompts))
    return CollectionSummary(name=wanted.name, encoder=wanted.encoder, items=0)


@router.get("/collections/{name}")
def describe(collection: Named) -> dict[str, Any]:
    """Tell all about a collection."""
    return dict(collection.describe())


@router.post("/collections/{name}/items")
def add(wanted: NewItems, collection: Named, decoding: Decoding) -> Stored:
    """Store items; one whose key is there already replaces it."""
    with decoding:
        report = collection.add(
            Item(each.key, each.image_base64, tuple(each.texts), each.meta) for each in wanted.items
        )
    return Stored(
        added=report.added,
        replaced=report.replaced,
        failed=[Failed(key=each.key, reason=each.reason) for each in report.failed],
        truncated=report.truncated,
    )


@router.post("/collections/{name}/delete")
def delete(wanted: Keys, collection: Named) -> Deleted:
    """Delete items; they are gone from answers when this returns."""
    missing = collection.delete(wanted.keys)
    return Deleted(deleted=len(set(wanted.keys)) - len(missing), missing=missing)


@router.get("/collections/{name}/items")
def items(
    collection: Named,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    where: Annotated[str | None, Query(max_length=4_000)] = None,
) -> StoredItems:
    """List items in the order they were stored."""
    found = collection.items(after, limit, where)
    return StoredItems(
        items=[StoredItem(**_item(collection.name, item)) for item in found.values()],
        after=max(found) if len(found) == limit else None,
    )


@router.get("/collections/{name}/items/{key:path}")
def get(key: str, collection: Named) -> StoredItem:
    """Give one item."""
    return StoredItem(**_item(collection.name, collection.get(key)))


@router.post("/collections/{name}/search")
def search(wanted: Search, collection: Named, decoding: Decoding) -> list[Found]:
    """Find the nearest items, best first."""
    asked = _query(wanted)
    with nullcontext() if asked.image is None else decoding:
        hits = collection.search(asked)
    return [_found(collection.name, hit) for hit in hits]


@router.post("/collections/{name}/explain")
def explain(wanted: Search, collection: Named) -> list[Explained]:
    """Say how a search is done: which index, what recall it promises, what the filter allows."""
    found = collection.explain(_query(wanted))
    return [Explained(**asdict(each), words=str(each)) for each in found]


@router.post("/collections/{name}/search_many")
def search_many(wanted: Searches, collection: Named, decoding: Decoding) -> list[list[Found]]:
    """Find the nearest items for each of several queries, as `search` does, in less time."""
    asked = [_query(each) for each in wanted.queries]
    with decoding if any(each.image is not None for each in asked) else nullcontext():
        found = collection.search_many(asked)
    return [[_found(collection.name, hit) for hit in hits] for hits in found]


@router.post("/collections/{name}/search_page")
def search_page(wanted: SearchPage, collection: Named, decoding: Decoding) -> FoundPage:
    """Find the nearest items, k at a time; none is skipped or repeated while others change."""
    asked = _query(wanted)
    with nullcontext() if asked.image is None else decoding:
        page = collection.search_page(asked, wanted.cursor)
    return FoundPage(hits=[_found(collection.name, hit) for hit in page.hits], cursor=page.cursor)


@router.get(
    "/collections/{name}/thumbnails/{key:path}",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}},
)
def thumbnail(
    key: str,
    collection: Named,
    decoding: Decoding,
    side: Annotated[int, Query(ge=16, le=1024)] = 256,
) -> Response:
    """Give the picture of an item as a JPEG of at most `side` pixels."""
    try:
        with decoding:
            jpeg = collection.thumbnail(key, side)
    except BadImage as error:  # its message may hold a path of this machine
        log.warning("thumbnail of %r: %s", key, error)
        raise NotFound(
            f"the picture of item {key!r} is gone or no longer decodes; "
            "the server's log says more; index its folder again"
        ) from error
    return Response(jpeg, media_type="image/jpeg")


def _query(wanted: Search) -> StoreQuery:
    return StoreQuery(
        text=wanted.text,
        image=wanted.image_base64,
        like=wanted.like,
        without=tuple(wanted.without),
        text_weight=wanted.text_weight,
        target=wanted.target,
        k=wanted.k,
        where=wanted.where,
        diversity=wanted.diversity,
        min_score=wanted.min_score,
        min_probability=wanted.min_probability,
    )


def _item(collection: str, item: Item) -> dict[str, Any]:
    where = f"/v1/collections/{quote(collection)}/thumbnails/{quote(item.key)}"
    return {
        "key": item.key,
        "texts": [printable(text) for text in item.texts],
        "meta": dict(item.meta),
        "image": where if item.image is not None else None,
    }


def _found(collection: str, hit: Hit) -> Found:
    text = None if hit.text is None else printable(hit.text)
    return Found(
        **_item(collection, hit.item),
        rank=hit.rank,
        score=hit.score,
        text=text,
        probability=hit.probability,
    )
