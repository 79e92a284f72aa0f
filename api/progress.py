"""How far long work is, on the error stream: a bar on a terminal, else a line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

EVERY = 10.0  # seconds between two lines

Show = Callable[..., None]


@contextmanager
def progress(what: str) -> Iterator[Show]:
    """Show how far work is, while it goes.

    Args:
        what: What is done, such as "indexing photos".

    Yields:
        A function to call with what is done, what there is in all, and items a second; None
        or 0 while that is not known.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(what).show
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None, rate="")

        def show(done: int, total: int, rate: float | None = None) -> None:
            told = _a_second(rate) if rate else ""
            bar.update(task, completed=done, total=total, rate=told)

        yield show


class _Lines:
    """Progress as lines, so that a log or a pipe shows that work goes on."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._told = time.monotonic()

    def show(self, done: int, total: int, rate: float | None = None) -> None:
        """Print a line, if the last one is long enough ago."""
        now = time.monotonic()
        if now - self._told < EVERY:
            return
        self._told = now
        speed = "" if not rate else f", {_a_second(rate)}, {(total - done) / rate:,.0f} s left"
        click.echo(f"{self._what}: {done:,} of {total:,}{speed}", err=True)


def _a_second(rate: float) -> str:
    return f"{rate:.1f}/s" if rate < 10 else f"{rate:.0f}/s"
