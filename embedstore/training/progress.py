"""How far a run is, on the error stream: a bar on a terminal, else a line now and then."""

import time
from collections.abc import Mapping

import click

_EVERY = 10.0  # seconds between two lines
_SHOWN = {
    "loss": "loss {:.3f}",
    "temperature": "temperature {:.4g}",
    "learning_rate": "rate {:.1e}",
    "images_per_second": "{:.0f} images/s",
}
_BESIDE_THE_BAR = ("loss", "images_per_second")  # all that 80 columns leave room for


class Progress:
    """The progress of one run.

    Args:
        total: Steps in all.
        done: Steps done before.
    """

    def __init__(self, total: int, done: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        self._total, self._done = total, done
        self._started = self._told = time.monotonic()
        self._bar: Bar | None = None
        if console.is_terminal:
            self._bar = Bar(
                TextColumn("step"),
                MofNCompleteColumn(),
                BarColumn(bar_width=12),
                TextColumn("{task.description}"),
                TimeRemainingColumn(),
                TextColumn("left"),
                console=console,
                transient=True,
            )
            self._task = self._bar.add_task("", total=total, completed=done)
            self._bar.start()

    def step(self, step: int, figures: Mapping[str, float]) -> None:
        """Show that a step is done."""
        if self._bar is not None:
            few = {name: figures[name] for name in _BESIDE_THE_BAR if name in figures}
            self._bar.update(self._task, completed=step, description=_words(few))
            return
        now = time.monotonic()
        if now - self._told < _EVERY and step < self._total:
            return
        self._told = now
        left = (now - self._started) / max(step - self._done, 1) * (self._total - step)
        self.say(f"step {step}/{self._total}  {_words(figures)}  {_span(left)} left")

    def say(self, line: str) -> None:
        """Print a line, above the bar where there is one."""
        if self._bar is not None:
            self._bar.console.print(line, highlight=False, markup=False)
        else:
            click.echo(line, err=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


def _words(figures: Mapping[str, float]) -> str:
    return "  ".join(how.format(figures[name]) for name, how in _SHOWN.items() if name in figures)


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
