"""Items and hits as they go over the wire."""

from typing import Any
from urllib.parse import quote

from api.output import printable
from embedstore import Hit, Item


def item_on_wire(collection: str, item: Item) -> dict[str, Any]:
    """Give the fields of an item; its picture as the address of its thumbnail."""
    where = None
    if item.image is not None:
        where = f"/v1/collections/{quote(collection)}/thumbnails/{_spelled(item.key)}"
    return {
        "key": item.key,
        "texts": [printable(text) for text in item.texts],
        "meta": dict(item.meta),
        "image": where,
    }


def hit_on_wire(collection: str, hit: Hit) -> dict[str, Any]:
    """Give the fields of a hit."""
    text = None if hit.text is None else printable(hit.text)
    return {
        **item_on_wire(collection, hit.item),
        "rank": hit.rank,
        "score": hit.score,
        "text": text,
        "probability": hit.probability,
    }


def _spelled(key: str) -> str:
    """Quote a key; one with `..`, as older stores hold, as one part, which nobody resolves."""
    dotted = not {".", ".."}.isdisjoint(key.split("/"))
    return quote(key, safe="" if dotted else "/")
