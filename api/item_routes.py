"""The HTTP routes of items: store, give, list, delete."""

from typing import Annotated

from fastapi import Query, Response

from api import dependencies
from api.dependencies import Decoding, Encoders, Named, Told
from api.documented import errors
from api.list_cursor import place_of, written
from api.pictures import Pictures
from api.schemas import Deleted, Failed, Keys, NewItems, Stored, StoredItem, StoredItems
from api.shown import item_on_wire
from embedstore import Item
from embedstore.corpus import Failure
from embedstore.errors import BadImage, NotFound
from embedstore.intake import Added

LAST_ROW = 2**63 - 1

router = dependencies.router("items")


@router.post("/collections/{name}/items", responses=errors(404, 409, 507))
def add(
    wanted: NewItems, collection: Named, decoding: Decoding, encoders: Encoders, pictures: Told
) -> Stored:
    """Store items; one whose key is there already replaces it."""
    items, unread = _items(wanted, pictures)
    encoders.serve(collection)
    with decoding:
        report = collection.add(items)
    report.add(unread)
    return stored(report)


def _items(wanted: NewItems, pictures: Pictures) -> tuple[list[Item], Added]:
    """Give the items with their pictures, and those whose picture cannot be had."""
    urls = [each.image_url for each in wanted.items if each.image_url is not None]
    named = iter(pictures.all(urls))
    items, unread = [], Added()
    for each in wanted.items:
        picture = each.image_base64 if each.image_url is None else next(named)
        if isinstance(picture, BadImage):
            unread.failed.append(Failure(each.key, str(picture)))
        else:
            items.append(Item(each.key, picture, tuple(each.texts), each.meta))
    return items, unread


def stored(report: Added) -> Stored:
    """Give what became of items as it goes over the wire."""
    return Stored(
        added=report.added,
        replaced=report.replaced,
        failed=[Failed(key=each.key, reason=each.reason) for each in report.failed],
        truncated=report.truncated,
    )


@router.post("/collections/{name}/delete", responses=errors(404, 409, 507))
def delete(wanted: Keys, collection: Named) -> Deleted:
    """Delete items; they are gone from answers when this returns."""
    missing = collection.delete(wanted.keys)
    return Deleted(deleted=len(set(wanted.keys)) - len(missing), missing=missing)


@router.get("/collections/{name}/items", responses=errors(404, 409))
def items(
    collection: Named,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
    after: Annotated[int, Query(ge=0, le=LAST_ROW, description="A row, in place of a cursor.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    where: Annotated[str | None, Query(max_length=4_000)] = None,
) -> StoredItems:
    """List items in the order they were stored."""
    after = after if cursor is None else place_of(cursor, collection.info.id)
    found = collection.items(after, limit, where)
    end = len(found) < limit
    return StoredItems(
        items=[StoredItem(**item_on_wire(collection.name, item)) for item in found.values()],
        rows=list(found),
        cursor=None if end else written(max(found), collection.info.id),
    )


@router.get("/collections/{name}/items/{key:path}", responses=errors(404, 409))
def get(key: str, collection: Named) -> StoredItem:
    """Give one item."""
    return StoredItem(**item_on_wire(collection.name, collection.get(key)))


@router.delete(
    "/collections/{name}/items/{key:path}", status_code=204, responses=errors(404, 409, 507)
)
def delete_one(key: str, collection: Named) -> Response:
    """Delete one item; it is gone from answers when this returns."""
    if collection.delete([key]):
        raise NotFound(f"no item {key!r} in collection {collection.name!r}; nothing was deleted")
    return Response(status_code=204)
