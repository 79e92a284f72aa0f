"""`embedstore index`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.output import print_json, print_table, progress
from api.settings import collection_option, json_option, store_options

if TYPE_CHECKING:
    from embedstore.indexing import Indexed

SHOWN_FAILURES = 20


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--encoder", default=None, help="Encoder of a new collection.  [default: mini]")
@click.option("--prefix", help="Start of every key, in place of the folder's name.")
@click.option(
    "--images", type=click.Path(path_type=Path), help="Folder of a caption file's pictures."
)
@click.option("--split", help="Keep only this split of a Karpathy json.")
@click.option("--workers", type=int, help="Decoding processes.  [default: one a core]")
@click.option("--moved", is_flag=True, help="The corpus was indexed before from another place.")
@click.option("--retry", is_flag=True, help="Try again what failed before.")
@store_options
@collection_option
@json_option
def index(
    paths: tuple[Path, ...],
    encoder: str | None,
    store: str,
    index_folder: str | None,
    collection: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Index folders of photos, or caption files (.jsonl, .csv, Karpathy .json).

    Run again, it adds what is new, replaces what changed, removes what is gone and skips the
    rest; an interrupted run goes on where it stopped.

    \b
    Example:
      embedstore index ~/Pictures
      embedstore index captions.jsonl --collection products
    """
    import embedstore

    with embedstore.open(store, folder=index_folder) as opened:
        names = {each.name for each in opened.collections()}
        if collection in names and encoder is None:
            target = opened.collection(collection)
        else:
            target = opened.create(collection, encoder or "mini", exist_ok=True)
        reports = {}
        for path in paths:
            with progress() as bar:
                task = bar.add_task(f"indexing {path}", total=None, rate="")

                def show(
                    done: int, total: int, rate: float, bar: Any = bar, task: Any = task
                ) -> None:
                    bar.update(task, completed=done, total=total, rate=f"{rate:.0f}/s")

                reports[str(path)] = embedstore.index(target, path, progress=show, **options)
    if as_json:
        print_json({path: asdict(report) for path, report in reports.items()})
    else:
        for named, report in reports.items():
            _print(named, report)


def _print(path: str, report: "Indexed") -> None:
    click.echo(
        f"{path}: {report.added} added, {report.unchanged} unchanged, {report.replaced} replaced, "
        f"{report.removed} removed, {len(report.failed)} failed in {report.seconds:.1f} s"
    )
    if report.kept:
        click.echo(f"{report.kept} items were not met but kept: part of {path} could not be read")
    if report.truncated:
        click.echo(f"texts longer than the encoder reads, ends ignored: {len(report.truncated)}")
    if report.failed:
        rows = [(failure.key, failure.reason) for failure in report.failed[:SHOWN_FAILURES]]
        print_table(("failed", "reason"), rows)
        if len(report.failed) > SHOWN_FAILURES:
            click.echo(f"... and {len(report.failed) - SHOWN_FAILURES} more; --json lists all")
