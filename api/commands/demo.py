"""`embedstore demo`."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.commands.demo_answers import demo_answers, print_demo_answers
from api.commands.index import index_with_bar
from api.contact_sheet import write_contact_sheet
from api.output import print_json, print_table, printable
from api.settings import json_option

if TYPE_CHECKING:
    from embedstore import Hit
    from embedstore.gallery import DemoQuery

HITS = 5


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Folder for the demo's store and its contact sheet.",
)
@click.option("--encoder", default="mini", show_default=True, help="Encoder to use.")
@json_option
def demo(out: Path, encoder: str, as_json: bool) -> None:
    """Index the sample gallery, search it, caption and ask about photos, write a contact sheet.

    \b
    Example:
      embedstore demo
    """
    import embedstore
    from embedstore.gallery import DEMO_QUERIES, corpus

    started = time.perf_counter()
    sheet = out / "contact-sheet.html"
    with embedstore.open(out / "store") as store:
        photos = store.create("gallery", encoder, exist_ok=True)
        report = index_with_bar(photos, corpus(), "the sample gallery")
        answers = [(query.text, photos.search(query.text, k=HITS)) for query in DEMO_QUERIES]
        write_contact_sheet(sheet, photos, answers)
        told = demo_answers(photos)
    rows = [_row(hits, query) for (_, hits), query in zip(answers, DEMO_QUERIES, strict=True)]
    if as_json:
        print_json(
            {
                "indexed": asdict(report),
                "queries": rows,
                "answers": told,
                "contact_sheet": printable(sheet),
            }
        )
        return
    click.echo(
        f"indexed {report.added + report.unchanged + report.replaced} photos "
        f"({report.unchanged} were there already)"
    )
    columns = ("query", "first fit", "best photo", "score", "its caption")
    print_table(columns, [_shown(row) for row in rows])
    click.echo("first fit: the best rank of a photo that a person accepts for the query")
    print_demo_answers(told)
    click.echo(f"done in {time.perf_counter() - started:.1f} s; open {sheet} to see the photos")
    program = os.path.relpath(sys.argv[0])  # as it was called: perhaps not on the path
    click.echo(f'search on: {program} search "your words" --store {out / "store"} -c gallery')


def _row(hits: Sequence["Hit"], query: "DemoQuery") -> dict[str, Any]:
    first = hits[0]
    return {
        "query": query.text,
        "first_fit": next((hit.rank for hit in hits if hit.item.key in query.expected), None),
        "key": first.item.key,
        "score": round(first.score, 6),
        "caption": first.item.texts[0],
    }


def _shown(row: dict[str, Any]) -> tuple[str, ...]:
    rank = row["first_fit"]
    fit = f"not in {HITS}" if rank is None else f"rank {rank}"
    return row["query"], fit, row["key"], f"{row['score']:.3f}", row["caption"]
