"""`embedstore search`."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.output import hit_json, print_hits, print_json
from api.settings import collection_option, json_option, store_options
from api.terminal_pictures import drawing, print_drawn

if TYPE_CHECKING:
    from embedstore import Collection, Hit, Query
    from embedstore.paging import Page


@click.command()
@click.argument("text", required=False)
@click.option("--image", type=click.Path(path_type=Path), help="A picture to search with.")
@click.option("--like", metavar="KEY", help="Find more like this item.")
@click.option(
    "--not", "without", metavar="WORDS", multiple=True, help="Steer away from these words."
)
@click.option(
    "--text-weight",
    type=float,
    default=0.5,
    show_default=True,
    help="Share of the text beside a picture.",
)
@click.option(
    "--target",
    type=click.Choice(["image", "text", "both"]),
    default="image",
    show_default=True,
    help="Search pictures, captions, or both.",
)
@click.option("-k", type=int, default=10, show_default=True, help="Hits wanted.")
@click.option(
    "--where", metavar="FILTER", help="Filter, such as 'year >= 2020 and \"sea\" in tags'."
)
@click.option(
    "--diversity",
    type=float,
    default=0.0,
    show_default=True,
    help="0 to 1: prefer hits that are unlike those before them.",
)
@click.option(
    "--min-score",
    type=float,
    help="Leave out what scores less; fewer than -k hits are then all there are.",
)
@click.option(
    "--min-probability",
    type=float,
    help="Leave out what is less probably relevant; `calibrate` measures it.",
)
@click.option("--explain", is_flag=True, help="Say which index was searched and what it promises.")
@click.option("--page", is_flag=True, help="Give the first page of -k hits, and its cursor.")
@click.option("--cursor", help="Give the page after the one that had this cursor.")
@click.option(
    "--thumbnails",
    type=click.Choice(["auto", "never", "always"]),
    default="auto",
    show_default=True,
    help="Draw pictures in the terminal: kitty's and iTerm2's way; never into a pipe.",
)
@click.option("--term", envvar="TERM", default="", hidden=True)
@click.option("--term-program", envvar="TERM_PROGRAM", default="", hidden=True)
@store_options
@collection_option
@json_option
def search(
    store: str,
    index_folder: str | None,
    collection: str,
    as_json: bool,
    explain: bool,
    page: bool,
    cursor: str | None,
    thumbnails: str,
    term: str,
    term_program: str,
    **asked: Any,
) -> None:
    """Find items by words, by a picture, by both, or by another item.

    \b
    Example:
      embedstore search "two dogs running" -k 5
      embedstore search "at night" --image street.jpg --not people
      embedstore search "a red bicycle" --min-probability 0.1 --diversity 0.3
      embedstore search "a red bicycle" -k 50 --page
    """
    import embedstore
    from embedstore.query_vector import scores_all

    if not (asked["text"] is not None or asked["image"] or asked["like"]):
        raise click.UsageError("nothing to search for; give words, --image PICTURE or --like KEY")
    query = embedstore.Query(**asked)
    draw = drawing(thumbnails, term, term_program) if sys.stdout.isatty() else None
    with embedstore.open(store, folder=index_folder, must_exist=True) as opened:
        photos = opened.collection(collection)
        for reason in photos.explain(query) if explain else ():
            click.echo(f"searched: {reason}", err=True)  # so that --json stays what it is
        if page or cursor is not None:
            given = photos.search_page(query, cursor)
            first = cursor is None
            why = _why_nothing(photos, query) if first and not given.hits else None
            _print_page(given, why, as_json)
            return
        hits = photos.search(query)
        why = None if hits else _why_nothing(photos, query)
        if hits and draw is not None and not as_json:
            print_drawn(photos, hits, draw)
        elif as_json:
            print_json([hit_json(hit) for hit in hits])
        elif why is not None:
            click.echo(why)
        else:
            print_hits(hits)
    if scores_all(query) and len(hits) == query.k:
        click.echo(f"these are the best {query.k}; there may be more: raise -k", err=True)


def _print_page(page: "Page", why_nothing: str | None, as_json: bool) -> None:
    if as_json:
        print_json({"hits": [hit_json(hit) for hit in page.hits], "cursor": page.cursor})
    elif why_nothing is not None:
        click.echo(why_nothing)
    else:
        print_hits(page.hits)
        click.echo("the last page" if page.cursor is None else f"next: --cursor={page.cursor}")


def _why_nothing(photos: "Collection", query: "Query") -> str:
    from embedstore.filter_hints import type_hint

    if not photos.items(limit=1):
        return (
            f"no hits: collection {photos.name!r} is empty; fill it with "
            f"`embedstore index PATH --collection {photos.name}`"
        )
    best = _best(photos, query)
    if best is not None:
        return _too_little(query, best)
    hint = None if query.where is None else type_hint(photos.catalog, photos.info, query.where)
    if hint is not None:
        return f"no hits: {hint}"
    return (
        f"no hits: collection {photos.name!r} holds nothing that fits; "
        "try --target text, a wider --where, or `embedstore info`"
    )


def _best(photos: "Collection", query: "Query") -> "Hit | None":
    """Find what comes nearest, where a query left all out."""
    if query.min_score is None and query.min_probability is None:
        return None
    anything = replace(query, k=1, diversity=0.0, min_score=None, min_probability=None)
    return next(iter(photos.search(anything)), None)


def _too_little(query: "Query", best: "Hit") -> str:
    told = f"{best.item.key!r}, which scores {best.score:.3f}"
    if best.probability is not None:
        told += f" and is relevant with a probability of {best.probability:.2f}"
    wanted = [
        f"--{name} {value}"
        for name, value in (
            ("min-score", query.min_score),
            ("min-probability", query.min_probability),
        )
        if value is not None
    ]
    return f"nothing matches: the best is {told}; lower {' and '.join(wanted)} to see it"
