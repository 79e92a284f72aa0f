"""What `embedstore index` and `watch` say of a run, and what to do about what failed."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.output import print_table, printable

if TYPE_CHECKING:
    from embedstore.corpus import Failure
    from embedstore.indexing import Indexed

SHOWN_FAILURES = 20


def print_report(path: str, report: "Indexed") -> None:
    """Print what an indexing run did."""
    click.echo(
        f"{path}: {report.added} added, {report.unchanged} unchanged, {report.replaced} replaced, "
        f"{report.removed} removed, {len(report.failed)} failed in {report.seconds:.1f} s"
    )
    if report.kept:
        click.echo(f"{report.kept} items were not met but kept: part of {path} could not be read")
    if report.truncated:
        click.echo(f"texts longer than the encoder reads, ends ignored: {len(report.truncated)}")
    print_failures(report.failed)


def print_failures(failed: "Sequence[Failure]") -> None:
    """Print what failed and why, the first of many; nothing where nothing did."""
    if failed:
        # A reason often names its line first, which the column beside it does already
        rows = [(each.key, each.reason.removeprefix(f"{each.key}: ")) for each in failed]
        print_table(("failed", "reason"), rows[:SHOWN_FAILURES])
    if len(failed) > SHOWN_FAILURES:
        click.echo(f"... and {len(failed) - SHOWN_FAILURES} more; --json lists all")


def tell_how_to_go_on(path: Path, images: Path | None, report: "Indexed") -> None:
    """Print what to do about failures, where anything went well; else an error says it."""
    if report.failed and not _is_nothing([report]):
        click.echo(f"{len(report.failed)} failed: {_cure([path], images, report.failed)}")


def _is_nothing(reports: list["Indexed"]) -> bool:
    return not any(each.added or each.replaced or each.unchanged for each in reports)


def refuse_nothing(paths: tuple[Path, ...], images: Path | None, reports: list["Indexed"]) -> None:
    """Let no script go on as if something had been indexed.

    Raises:
        Invalid: All failed.
    """
    from embedstore.errors import Invalid

    failed = [failure for each in reports for failure in each.failed]
    if failed and _is_nothing(reports):
        raise Invalid(f"nothing was indexed, {len(failed)} failed: {_cure(paths, images, failed)}")


def _cure(paths: Sequence[Path], images: Path | None, failed: "list[Failure]") -> str:
    from embedstore.corpus.reader import takes_images

    gone = sum(os.strerror(errno.ENOENT) in each.reason for each in failed)
    if 2 * gone > len(failed) and all(takes_images(path) for path in paths):
        own = "the caption file's own folder (for Karpathy's .json, `images` in it)"
        start = own if images is None else printable(images)
        return (
            f"most name a picture that is not there; names start from {start}, "
            "give the pictures' folder with --images FOLDER"
        )
    return "fix the cause, then run again with --retry"
