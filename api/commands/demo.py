"""`embedstore demo`."""

import time
from pathlib import Path

import click

from api.contact_sheet import write_contact_sheet
from api.output import print_table, progress

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
def demo(out: Path, encoder: str) -> None:
    """Index the sample gallery, search it with words, and write a contact sheet.

    \b
    Example:
      embedstore demo
    """
    import embedstore
    from embedstore.gallery import DEMO_QUERIES, corpus

    started = time.perf_counter()
    with embedstore.open(out / "store") as store:
        photos = store.create("gallery", encoder, exist_ok=True)
        with progress() as bar:
            task = bar.add_task("indexing the sample gallery", total=None, rate="")
            report = embedstore.index(
                photos,
                corpus(),
                progress=lambda done, total, rate: bar.update(
                    task, completed=done, total=total, rate=f"{rate:.0f}/s"
                ),
            )
        click.echo(
            f"indexed {report.added + report.unchanged + report.replaced} photos "
            f"({report.unchanged} were there already)"
        )
        answers = [(query.text, photos.search(query.text, k=HITS)) for query in DEMO_QUERIES]
        rows = []
        for (text, hits), query in zip(answers, DEMO_QUERIES, strict=True):
            fits = hits[0].item.key in query.expected
            first = hits[0]
            rows.append(
                (
                    text,
                    first.item.key,
                    f"{first.score:.3f}",
                    "yes" if fits else "no",
                    first.item.texts[0],
                )
            )
        print_table(("query", "best photo", "score", "as expected", "its caption"), rows)
        sheet = out / "contact-sheet.html"
        write_contact_sheet(sheet, photos, answers)
    click.echo(f"done in {time.perf_counter() - started:.1f} s; open {sheet} to see the photos")
    click.echo(f'search on: embedstore search "your words" --store {out / "store"} -c gallery')
