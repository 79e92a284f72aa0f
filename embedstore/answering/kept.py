"""How sure answers are: as measured on their collection, else as measured with the generator."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from embedstore.answering import confidence
from embedstore.answering.confidence import Confidence, Task
from embedstore.collection import Collection

ANSWERS = "answers"  # where a collection's options keep it
Sureness = Mapping[tuple[str, Task], Confidence]  # by who writes, and what


def known(
    collection: Collection, generator: str, task: Task, folder: Path | None = None
) -> Confidence | None:
    """Give what was measured of a generator's answers; None where nothing was.

    Args:
        collection: That they rest on; what was measured on itself comes first.
        generator: Its name.
        task: What is asked for.
        folder: Of the generator's own files.

    Raises:
        Corrupt: What is kept beside the generator is damaged.
    """
    info = collection.info
    held = collection.catalog.options(info.id).get(ANSWERS, {}).get(generator, {}).get(task)
    found = None if held is None else confidence.from_json(held)
    if found is not None and found.space == info.space.fingerprint:
        return found
    return confidence.load(generator, task, info.space.fingerprint, folder)


def keep(collection: Collection, found: Sureness) -> None:
    """Keep what was measured with a collection, in place of all that was kept before."""
    told: dict[str, dict[str, object]] = {}
    for (generator, task), each in found.items():
        told.setdefault(generator, {})[task] = asdict(each)
    with collection.catalog.as_opened(collection.info):
        collection.catalog.change_options(collection.info, lambda kept: {**kept, ANSWERS: told})
