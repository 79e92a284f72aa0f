"""`embedstore re-embed`."""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from api.commands.index_output import print_failures
from api.exit_codes import EXIT_CODES
from api.output import print_json
from api.progress import progress
from api.settings import json_option, store_options

if TYPE_CHECKING:
    from embedstore import Store
    from embedstore.re_embedding import ReEmbedded
    from embedstore.types import Encoder


@click.command("re-embed")
@click.argument("collection")
@click.option("--encoder", required=True, help="A name, or the path of a run or encoder folder.")
@click.option("--keep", metavar="NAME", help="Keep the old collection under this name.")
@click.option(
    "--allow-missing",
    is_flag=True,
    help="Leave out items whose picture is gone or no longer decodes.",
)
@click.option(
    "--skip-without-source",
    is_flag=True,
    help="Leave out items whose vectors were given ready-made.",
)
@click.option("--workers", type=int, help="Decoding processes.  [default: one a core]")
@store_options
@json_option
def re_embed(
    collection: str,
    encoder: str,
    keep: str | None,
    allow_missing: bool,
    skip_without_source: bool,
    workers: int | None,
    store: str,
    index_folder: str | None,
    as_json: bool,
) -> None:
    """Move a collection to another encoder, such as one that you trained.

    The new space is built beside the old one, which goes on serving and taking items; then the
    new one takes over the name at once. An interrupted run goes on where it stopped. Until the
    end both spaces are on the disk; `compact` gives the room of the old one back.

    \b
    Example:
      embedstore re-embed photos --encoder runs/mine
      embedstore re-embed photos --encoder mini --keep photos-before
    """
    import embedstore
    from embedstore.encoders import load

    with embedstore.open(store, folder=index_folder, must_exist=True) as opened:
        opened.catalog.describe(collection)  # a mistyped name is told before weights are read
        ready = load(encoder)
        options = {"allow_missing": allow_missing, "skip_without_source": skip_without_source}
        report = _with_bar(opened, collection, ready, keep, workers, options)
    if as_json:
        print_json(asdict(report))
    else:
        _print(report)
    if not (report.switched or report.needless):
        sys.exit(EXIT_CODES["Conflict"])


def _with_bar(
    store: "Store",
    collection: str,
    encoder: "Encoder",
    keep: str | None,
    workers: int | None,
    options: dict[str, bool],
) -> "ReEmbedded":
    import embedstore
    from embedstore.re_embedding import disk_need

    need = disk_need(store, collection, encoder.space.dim)
    room = f"{max(1, need >> 20):,} MiB of disk"
    with progress(f"re-embedding {collection} ({room})") as show:
        return embedstore.re_embed(
            store, collection, encoder, keep=keep, workers=workers, progress=show, **options
        )


def _print(report: "ReEmbedded") -> None:
    name, failed = report.collection, len(report.failed)
    if report.needless:
        click.echo(f"{name}: nothing to do, it is in the space of {report.after} already")
        return
    click.echo(f"{name}: {report.copied} items re-embedded in {report.seconds:.1f} s")
    if report.left_out:
        click.echo(f"{report.left_out} items left out: their vectors were given ready-made")
    if report.truncated:
        click.echo(f"texts longer than the encoder reads, ends ignored: {len(report.truncated)}")
    print_failures(report.failed)
    if report.switched:
        old = f"kept as {report.kept}" if report.kept else "dropped; `compact` gives its room back"
        click.echo(f"{name} is in the space of {report.after} now; the old one is {old}")
        if report.calibrated:
            click.echo(
                f"it was calibrated; do so again: `embedstore calibrate --collection {name}`"
            )
        for modality, asked in report.promised.items():
            click.echo(
                f"what its {modality} index was tuned for, memory too, went with the old space; "
                f"tune again: `{_tune(name, modality, asked)}`"
            )
    else:
        click.echo(
            f"error: {failed} items of {name} cannot be encoded, so it stays in the space of "
            f"{report.before}; what is done is kept: mend or delete them and run the same command "
            "again, or leave them out with --allow-missing",
            err=True,
        )


def _tune(name: str, modality: str, asked: Mapping[str, Any]) -> str:
    """Write the command that asks for the same once more."""
    words = ["embedstore tune --collection", name, "--recall", asked["recall"], "-k", asked["k"]]
    if asked["memory_bytes"] is not None:
        words += ["--memory", asked["memory_bytes"]]
    if modality != "image":
        words += ["--target", modality]
    if asked["source"] != "captions":
        words += ["--queries", "FILE" if " " in asked["source"] else shlex.quote(asked["source"])]
    return " ".join(map(str, words))
