"""`embedstore index`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.commands.index_output import print_report, refuse_nothing, tell_how_to_go_on
from api.output import print_json, printable
from api.progress import progress
from api.settings import collection_option, json_option, store_options

if TYPE_CHECKING:
    from embedstore import Collection, Store
    from embedstore.indexing import Indexed


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--encoder", default=None, help="Encoder of a new collection.  [default: mini]")
@click.option("--prefix", help="Start of every key, in place of the folder's name.")
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    help="Folder that image names in caption files start from.  [default: the file's own]",
)
@click.option("--split", help="Keep only this split of a Karpathy json.")
@click.option("--workers", type=int, help="Decoding processes.  [default: one a core]")
@click.option("--moved", is_flag=True, help="The corpus was indexed before from another place.")
@click.option("--retry", is_flag=True, help="Try again what failed before.")
@click.option(
    "--prompt",
    "prompts",
    metavar="TEXT",
    multiple=True,
    help="Template for query words of a new collection, such as 'a photo of {}'; repeatable.",
)
@store_options
@collection_option
@json_option
def index(
    paths: tuple[Path, ...],
    encoder: str | None,
    prompts: tuple[str, ...],
    store: str,
    index_folder: str | None,
    collection: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Index photo folders, caption files (.jsonl, .csv, Karpathy .json) or webdataset shards.

    Run again, it adds what is new, replaces what changed, removes what is gone and skips the
    rest; an interrupted run goes on where it stopped.

    \b
    Example:
      embedstore index ~/Pictures
      embedstore index captions.jsonl --collection products
      embedstore index 'shard-{000..003}.tar' --collection web
    """
    import embedstore
    from embedstore.corpus import read

    for path in paths:  # a mistyped one is told before a store is made
        read(path, options["prefix"], options["images"], options["split"])
    reports: dict[str, Indexed] = {}
    with embedstore.open(store, folder=index_folder) as opened:
        try:
            with filled(opened, collection, encoder, prompts) as target:
                for path in paths:
                    named = printable(path)
                    reports[named] = index_with_bar(target, path, named, **options)
                    if not as_json:
                        print_report(named, reports[named])
                        tell_how_to_go_on(path, options["images"], reports[named])
                refuse_nothing(paths, options["images"], list(reports.values()))
        finally:  # an error at one path keeps what is done at those before it
            if as_json and reports:
                print_json({named: asdict(report) for named, report in reports.items()})


@contextmanager
def filled(
    store: "Store", name: str, encoder: str | None, prompts: tuple[str, ...] = ()
) -> Iterator["Collection"]:
    """Open the collection to fill, or make it; one that was made and stays empty goes again."""
    there = name in {each.name for each in store.collections()}
    target = _target(store, name, there, encoder, prompts)
    try:
        yield target
    except BaseException:
        if not there and not target.items(limit=1):
            store.drop(name)
        raise


def _target(
    store: "Store", name: str, there: bool, encoder: str | None, prompts: tuple[str, ...]
) -> "Collection":
    from embedstore.errors import Conflict

    if not there:
        return store.create(name, encoder or "mini", prompts=prompts or ("{}",), exist_ok=True)
    target = store.create(name, encoder, exist_ok=True) if encoder else store.collection(name)
    kept = target.describe()["prompts"]
    if prompts and list(prompts) != kept:
        raise Conflict(
            f"collection {name!r} has the prompts {kept}, which are set when it is made; "
            "leave --prompt out, or index into a new one with --collection NAME"
        )
    return target


def index_with_bar(target: "Collection", source: Path, named: str, **options: Any) -> "Indexed":
    """Index one corpus, and show on the error stream how far it is."""
    import embedstore

    with progress(f"indexing {named}") as show:
        return embedstore.index(target, source, progress=show, **options)
