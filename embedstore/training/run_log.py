"""What a run tells while it goes: lines of JSON, TensorBoard, Weights & Biases, a progress bar.

Figures of a step: loss, temperature, gradient_norm, learning_rate, images_per_second. Any others
are kept likewise.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from embedstore.errors import StorageFull
from embedstore.training.disk import unwritable
from embedstore.training.event_file import EventFile
from embedstore.training.progress import Progress
from embedstore.training.weights_and_biases import Tracker

METRICS = "metrics.jsonl"


class RunLog:
    """The log of one run; a context manager.

    Args:
        folder: The run's folder, made if missing.
        total_steps: Steps that the whole run has.
        wandb: Send the figures to Weights & Biases too.
        resumed_at: Steps done before; what the log says of later ones is removed, for they are
            done again. 0 starts a new log.
        about: Any JSON object, such as the recipe, shown beside the figures in Weights & Biases.

    Raises:
        MissingExtra: Weights & Biases is asked for and not installed.
        Unavailable: It does not start.
        StorageFull: The folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        total_steps: int,
        wandb: bool = False,
        resumed_at: int = 0,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self._folder = folder
        self._tracker: Tracker | None = None
        if wandb:
            self._guarded(lambda: self._track(resumed_at, about or {}))
        self._guarded(lambda: self._open(resumed_at))
        self._progress = Progress(total_steps, resumed_at)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:  # on a full disk the error on its way says what was lost
            with suppress(StorageFull):
                self.close()

    def step(self, step: int, **figures: float) -> None:
        """Note the figures of a step, the first of which is 1.

        Raises:
            StorageFull: The disk is full.
        """
        self._note({"step": step, **_finite(figures)})
        self._figures(step, figures)
        self._progress.step(step, figures)

    def validation(self, step: int, epoch: float, recall: Mapping[str, float]) -> None:
        """Note recall@k on the validation photos.

        Args:
            step: Steps done.
            epoch: Times that every photo was seen.
            recall: By name, such as `text_to_image@1`, 0..1.

        Raises:
            StorageFull: The disk is full.
        """
        self._note({"step": step, "epoch": epoch, "val": _finite(recall)})
        self._figures(step, {f"val/{name}": value for name, value in recall.items()})
        self._guarded(self._events.flush)
        self._progress.say(f"step {step}  epoch {epoch:g}  val{_brief(recall)}")

    def close(self) -> None:
        """Write what is left and end the progress bar; once is enough, twice does no harm."""
        self._progress.close()
        self._lines.close()
        if self._tracker is not None:
            self._tracker.close()
        self._guarded(self._events.close)

    def _track(self, resumed_at: int, about: Mapping[str, Any]) -> None:
        self._tracker = Tracker(self._folder, resumed_at, about)

    def _open(self, resumed_at: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / METRICS
        kept = [line for line in metrics(path) if line["step"] <= resumed_at and resumed_at]
        draft = path.with_suffix(".tmp")
        draft.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        draft.replace(path)
        # Unbuffered: a line is on its way when `step` returns, and closing has nothing to write.
        self._lines = path.open("ab", buffering=0)
        self._events = EventFile(self._folder, resumed_at)

    def _note(self, line: Mapping[str, Any]) -> None:
        data = json.dumps(line).encode() + b"\n"

        def write() -> None:
            at = 0
            while at < len(data):  # a disk that fills up takes a part
                at += self._lines.write(data[at:]) or 0

        self._guarded(write)

    def _figures(self, step: int, figures: Mapping[str, float]) -> None:
        self._guarded(lambda: self._events.add(step, figures))
        if self._tracker is not None:
            self._tracker.add(step, figures)

    def _guarded(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            raise unwritable("the log of the run", self._folder, 1 << 20, error) from error


def metrics(path: Path) -> Iterator[dict[str, Any]]:
    """Read the lines of `metrics.jsonl`; one that a crash cut short is left out.

    Yields:
        Objects with `step` and figures, or with `step`, `epoch` and `val`.
    """
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and isinstance(line.get("step"), int):
                yield line


def _brief(recall: Mapping[str, float]) -> str:
    """Put the depths of each direction together: `  text_to_image@1/5 0.300/0.600`."""
    directions: dict[str, dict[str, float]] = {}
    for name, value in recall.items():
        direction, _, depth = name.partition("@")
        directions.setdefault(direction, {})[depth] = value
    return "".join(
        f"  {direction}@{'/'.join(found)} {'/'.join(f'{one:.3f}' for one in found.values())}"
        for direction, found in directions.items()
    )


def _finite(figures: Mapping[str, float]) -> dict[str, float | None]:
    """Give NaN and infinity as null: JSON has no word for them."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}
