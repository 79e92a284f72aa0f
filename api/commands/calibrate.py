"""`embedstore calibrate`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.output import print_json, print_table
from api.query_file import lines_of
from api.settings import collection_option, json_option, store_options

if TYPE_CHECKING:
    from embedstore.gain import Gain
    from embedstore.relevance import Relevance

CHOICES = click.Choice(("auto", "on", "off"))


@click.command()
@click.option(
    "--queries",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What people search for, one query a line.  [default: the collection's captions]",
)
@click.option(
    "--hubs",
    type=CHOICES,
    default="auto",
    show_default=True,
    help="Take off a picture's score what it scores with every query.",
)
@click.option(
    "--expand",
    type=CHOICES,
    default="auto",
    show_default=True,
    help="Search once more with the words moved towards the first hits.",
)
@store_options
@collection_option
@json_option
def calibrate(
    queries: Path | None,
    store: str,
    index_folder: str | None,
    collection: str,
    as_json: bool,
    **choices: Any,
) -> None:
    """Find more with words: correct the pictures that every query finds.

    Each option is measured on captions of the collection and kept where recall surely gains,
    which takes 100 pictures with captions at least: half of them are put aside for it;
    `on` and `off` choose without measuring; `--hubs off --expand off` takes all back. Searches
    with a picture stay as they are. What a score then means, the probability that a hit is the
    picture described, is measured and kept as well.

    \b
    Example:
      embedstore calibrate
      embedstore calibrate --queries queries.txt --hubs on --expand off
    """
    import embedstore
    from embedstore.calibration import calibrate as measured

    lines = None if queries is None else lines_of(queries)
    with embedstore.open(store, folder=index_folder, must_exist=True) as opened:
        found = measured(opened.collection(collection), lines, **choices)
    if as_json:
        print_json(asdict(found))
        return
    in_force = f"on, {found.queries} queries" if found.queries else "off"
    print_table(
        ("option", "in force", "gain in recall, points", "95% interval"),
        [
            ("hubs", in_force, *_points(found.hubs_gain)),
            ("expand", "on" if found.expand else "off", *_points(found.expand_gain)),
        ],
    )
    if found.captions:
        click.echo(f"mean of recall@1, 5 and 10 of {found.captions} captions outside the bank")
    click.echo(_probabilities(found.relevance))
    if found.queries or found.expand:
        undo = f"embedstore calibrate --collection {collection} --hubs off --expand off"
        click.echo(f"take it back with `{undo}`")


def _probabilities(found: "Relevance | None") -> str:
    if found is None:
        return "probability of relevance: not measured, too few pictures have captions"
    return (
        f"probability of relevance: fitted on {found.pairs} hits of captions among "
        f"{found.pictures} pictures, {100 * found.base_rate:.1f}% of them relevant; "
        f"expected calibration error {found.error:.3f} on the other half of the captions"
    )


def _points(gain: "Gain | None") -> tuple[str, str]:
    if gain is None:
        return "not measured", ""
    return f"{100 * gain.mean:+.1f}", f"{100 * gain.low:+.1f} to {100 * gain.high:+.1f}"
