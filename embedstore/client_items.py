"""Items on their way to a server: checked as a collection does, in requests that it takes."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from embedstore.catalog.metadata import encode
from embedstore.catalog.new_rows import check_key
from embedstore.corpus import Failure
from embedstore.corpus.bounds import read_bytes
from embedstore.errors import BadImage, BadItem, Invalid
from embedstore.intake import Added
from embedstore.types import Item

BATCH, BATCH_BYTES = 64, 16 << 20  # of items in a request; a larger picture goes alone

Sent = dict[str, Any]  # an item as it is sent


def add(items: Iterable[Item], send: Callable[[list[Sent]], Any]) -> Added:
    """Send items, a batch a request.

    Args:
        items: To store.
        send: Sends a batch, and gives what the server answered.

    Returns:
        What became of each; one that cannot be sent, or is refused, does not stop the others.
    """
    report = Added()
    for batch in _batches(_sendable(items, report)):
        report.add(_sent(batch, send))
    return report


def _sent(batch: list[Sent], send: Callable[[list[Sent]], Any]) -> Added:
    try:
        told = send(batch)
    except Invalid as error:
        # The server refuses a request whole: each item alone tells which one it was
        if len(batch) == 1:
            return Added(failed=[Failure(batch[0]["key"], str(error))])
        report = Added()
        for each in batch:
            report.add(_sent([each], send))
        return report
    failed = [Failure(each["key"], each["reason"]) for each in told["failed"]]
    return Added(told["added"], told["replaced"], failed, told["truncated"])


def _sendable(items: Iterable[Item], report: Added) -> Iterator[Sent]:
    for item in items:
        try:
            picture = picture_sent(item.image)
            check_key(item.key)
            encode(item.key, item.meta)
        except (BadImage, BadItem) as error:
            report.failed.append(Failure(item.key, str(error)))
            continue
        texts, meta = list(item.texts), dict(item.meta)
        yield {"key": item.key, "image_base64": picture, "texts": texts, "meta": meta}


def picture_sent(image: Path | bytes | None) -> str | None:
    """Give a picture as it is sent.

    Raises:
        BadImage: It cannot be read.
    """
    return None if image is None else b64encode(read_bytes(image)).decode()


def _batches(items: Iterable[Sent]) -> Iterator[list[Sent]]:
    batch: list[Sent] = []
    size = 0
    for item in items:
        more = len(item["image_base64"] or "") + sum(map(len, item["texts"]))
        if batch and (len(batch) == BATCH or size + more > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += more
    if batch:
        yield batch
