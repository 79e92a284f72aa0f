"""`embedstore watch`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.commands.index import filled
from api.commands.index_output import print_report
from api.output import print_json, printable
from api.progress import progress
from api.settings import collection_option, json_option, store_options

if TYPE_CHECKING:
    from embedstore.watching_folder import Pass


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--encoder", default=None, help="Encoder of a new collection.  [default: mini]")
@click.option("--prefix", help="Start of every key, in place of the folder's name.")
@click.option("--workers", type=int, help="Decoding processes.  [default: one a core]")
@click.option(
    "--every",
    type=click.FloatRange(min=1.0),
    default=300.0,
    show_default=True,
    help="Seconds after which to look though no change was told, as on network drives.",
)
@store_options
@collection_option
@json_option
def watch(
    folder: Path,
    encoder: str | None,
    prefix: str | None,
    workers: int | None,
    every: float,
    store: str,
    index_folder: str | None,
    collection: str,
    as_json: bool,
) -> None:
    """Keep a collection in step with a folder until Ctrl-C: new, changed and removed photos.

    Files that cannot be read are listed and never stop it. With --json each change of the
    collection is one line. A folder that is empty removes nothing: its disk may not be mounted.

    \b
    Example:
      embedstore watch ~/Pictures
      embedstore watch ~/Pictures --json >> changes.jsonl
    """
    import embedstore
    from embedstore.errors import NotFound
    from embedstore.watching_folder import watch_folder

    if not folder.expanduser().is_dir():
        raise NotFound(f"no folder at {printable(folder)}; expected one of photos; check the path")
    with (
        embedstore.open(store, folder=index_folder) as opened,
        filled(opened, collection, encoder),
    ):
        named = printable(folder)
        options: dict[str, Any] = {"prefix": prefix, "workers": workers, "every": every}
        with progress(f"indexing {named}") as show:
            passes = watch_folder(opened, collection, folder, progress=show, **options)
            first = next(passes)
        _tell(first, named, as_json)
        click.echo(f"watching {named}; Ctrl-C ends it", err=True)
        for each in passes:
            _tell(each, named, as_json)


def _tell(news: "Pass", folder: str, as_json: bool) -> None:
    if news.report is None:
        click.echo(f"not now: {printable(str(news.trouble))}", err=True)
    elif as_json:
        print_json(asdict(news.report), indent=None)
    else:
        print_report(folder, news.report)
