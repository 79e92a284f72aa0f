"""What generators are called at the door: never by a path of this machine, nor a host beside it."""

from collections.abc import Sequence
from pathlib import Path

from embedstore.errors import Unavailable


class NoGenerator(Unavailable):
    """A generator that cannot be loaded or reached; its message tells nothing of the inside."""


def public_names(names: Sequence[str]) -> dict[str, str]:
    """Give for each public name the one that `generators.load` takes.

    A head and a local model are called by the last part of their folder, an endpoint by its model;
    a second one of the same name gets a number.
    """
    given: dict[str, str] = {}
    for name in dict.fromkeys(names):
        wanted = public = _public(name)
        count = 1
        while public in given:
            count += 1
            public = f"{wanted}-{count}"
        given[public] = name
    return given


def _public(name: str) -> str:
    kind, _, rest = name.partition(":")
    if not rest:
        return name
    return f"{kind}:{rest.partition('#')[2] if kind == 'endpoint' else Path(rest).absolute().name}"
