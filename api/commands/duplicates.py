"""`embedstore duplicates`."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from api.output import print_json, print_table, printable
from api.progress import progress
from api.settings import collection_option, json_option, store_options

if TYPE_CHECKING:
    from embedstore.duplicates import Duplicates, Pair


@click.command()
@click.option("--score", type=float, default=0.96, show_default=True, help="Of two vectors.")
@click.option(
    "--bits",
    type=int,
    default=3,
    show_default=True,
    help="That may differ of the 64 of two looks.",
)
@click.option("--quick", is_flag=True, help="Open no picture, compare vectors alone.")
@click.option("--workers", type=int, help="Decoding processes.  [default: one a core]")
@store_options
@collection_option
@json_option
def duplicates(
    score: float,
    bits: int,
    quick: bool,
    workers: int | None,
    store: str,
    index_folder: str | None,
    collection: str,
    as_json: bool,
) -> None:
    """Group pictures that are nearly the same; nothing is deleted.

    Two belong together if their bytes are equal, their looks differ in few bits, or their vectors
    score high. Each group begins with its largest picture, the one to keep.

    \b
    Example:
      embedstore duplicates
      embedstore duplicates --json --score 0.98
    """
    import embedstore
    from embedstore.duplicates import duplicates as grouped

    with (
        embedstore.open(store, folder=index_folder, must_exist=True) as opened,
        progress("comparing") as show,
    ):
        found = grouped(
            opened.collection(collection),
            score=score,
            bits=bits,
            read=not quick,
            workers=workers,
            progress=show,
        )
    if as_json:
        print_json(asdict(found))
        return
    rows = [
        (number if key == group.keys[0] else "", "keep" if key == group.keys[0] else "", key, seen)
        for number, group in enumerate(found.groups, 1)
        for key, seen in ((key, _evidence(key, group.pairs)) for key in group.keys)
    ]
    if rows:
        print_table(("group", "", "key", "like"), rows)
    click.echo(_summary(found))
    for failure in found.unreadable:
        click.echo(f"not read: {printable(failure.key)}: {failure.reason}", err=True)


def _summary(found: "Duplicates") -> str:
    if not found.groups:
        return f"no two of {found.pictures} pictures are nearly the same"
    extra = sum(len(group.keys) - 1 for group in found.groups)
    groups = f"{len(found.groups)} group{'s' if len(found.groups) > 1 else ''}"
    return (
        f"{groups} among {found.pictures} pictures; besides the one to keep of each, "
        f"{extra} could go (`embedstore delete KEY`)"
    )


def _evidence(key: str, pairs: "tuple[Pair, ...]") -> str:
    """Say what joins a picture to another of its group, the strongest sign of all."""
    own = [pair for pair in pairs if key in (pair.first, pair.second)]
    best = max(own, key=lambda pair: (pair.same_bytes is True, pair.score))
    other = best.second if best.first == key else best.first
    signs = ["the same bytes"] if best.same_bytes else []
    if best.bits is not None:
        signs.append(f"{best.bits} bits differ")
    return f"{other}: {', '.join([*signs, f'score {best.score:.3f}'])}"
