"""What a step of training costs: time beside open_clip_train, memory with gradient caching."""

import csv
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import click

from benchmarks.report import record
from benchmarks.retrieval import plain
from embedstore.training.init import OWN_MODELS
from embedstore.training.pairs import Photo, photos_of

SIDES = Path(__file__).parent / "training_sides"
_AHEAD = 8  # batches after the last that is timed, for data loaders to work on
_SPARE = 16  # photos, of which some are held out
_MOST_WORKERS = 16  # as many threads as embedstore decodes with
Figures = Mapping[str, float]
Row = dict[str, object]


@dataclass(frozen=True)
class Task:
    """What both sides do; handed to their processes as JSON.

    Attributes:
        model: Name of an open_clip model, or the path of a JSON file of that form.
        precision: float32 or bfloat16.
        batch: Pairs that are told from each other.
        chunk: Pairs that the towers take at a time; 0 for all at once.
        warm: Steps before those that are timed.
        steps: That are timed.
        workers: Processes that decode for open_clip_train.
        pairs: A csv file.
        out: Folder of the run.
    """

    model: str
    precision: str
    batch: int
    chunk: int
    warm: int
    steps: int
    workers: int
    pairs: str = ""
    out: str = ""

    @property
    def photos(self) -> int:
        """Photos that it needs."""
        return (self.warm + self.steps + _AHEAD) * self.batch + _SPARE


@click.group()
def command() -> None:
    """Measure training: `throughput` beside open_clip_train, and `memory`."""


@command.command()
@click.argument("dataset", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--peer-python", required=True, help="Of an environment with open_clip_train.")
@click.option("--split", default="train", show_default=True)
@click.option("--model", default="small", show_default=True)
@click.option("--batch", default=64, show_default=True)
@click.option("--steps", default=8, show_default=True, help="Timed in each block.")
@click.option("--warm", default=3, show_default=True, help="Steps before them.")
@click.option("--rounds", default=3, show_default=True, help="Blocks of each side.")
@click.option("--precision", "precisions", multiple=True, default=("float32", "bfloat16"))
@click.option("--threads", default=len(os.sched_getaffinity(0)), help="Of torch.")
def throughput(
    dataset: Path,
    peer_python: str,
    split: str,
    model: str,
    batch: int,
    steps: int,
    warm: int,
    rounds: int,
    precisions: Sequence[str],
    threads: int,
) -> None:
    """Train on DATASET, in turns with open_clip_train, and compare images a second.

    The environment of --peer-python needs `open_clip_torch[training]` and this one's torch.

    Example: python -m benchmarks training throughput dataset_flickr8k.json --peer-python PYTHON
    """
    workers = min(_MOST_WORKERS, os.cpu_count() or 1)
    base = Task(_named(model), precisions[0], batch, 0, warm, steps, workers)
    sides = {"own": sys.executable, "peer": peer_python}
    rows = []
    with tempfile.TemporaryDirectory() as work:
        pairs = write_pairs(photos_of(dataset, (split,))[: base.photos], Path(work) / "pairs.csv")
        for precision in precisions:
            task = replace(base, precision=precision, pairs=str(pairs))
            found: dict[str, list[Figures]] = {side: [] for side in sides}
            for place in range(rounds):
                for side in sorted(sides, reverse=bool(place % 2)):
                    found[side].append(block(sides[side], side, task, Path(work), threads))
                    click.echo(f"{precision} {side} {found[side][-1]}")
            rows.append(compared(task, model, found))
            click.echo(rows[-1])
    result = {
        "title": f"Training throughput beside open_clip_train: {model}",
        "table": rows,
        "notes": [
            f"Random weights, {steps} steps a block after {warm} that are not timed, {rounds} "
            f"blocks of each side in turns, medians; {threads} threads, {workers} decode workers. "
            "CPU-seconds are of all processes. Both crop at random, clip the gradient and use "
            "AdamW; embedstore keeps a running average of the weights as well."
        ],
    }
    asked = f"python -m benchmarks training throughput {shlex.quote(dataset.name)}"
    asked += f" --peer-python PYTHON --model {plain(model)} --batch {batch}"
    click.echo(f"wrote {record(f'training-throughput-{plain(model)}', result, asked)}")


@command.command()
@click.argument("dataset", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--split", default="train", show_default=True)
@click.option("--model", default="ViT-B-32", show_default=True)
@click.option("--batch", default=32, show_default=True)
@click.option("--times", default=8, show_default=True, help="How much greater the other batch is.")
@click.option("--steps", default=2, show_default=True)
@click.option("--precision", default="float32", show_default=True)
def memory(
    dataset: Path, split: str, model: str, batch: int, times: int, steps: int, precision: str
) -> None:
    """Train on DATASET with a batch, and a greater one in chunks of it; compare peak memory.

    Example: python -m benchmarks training memory dataset_flickr8k.json --batch 32
    """
    threads = len(os.sched_getaffinity(0))
    small = Task(_named(model), precision, batch, 0, 0, steps, 0)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as work:
        for task in (small, replace(small, batch=times * batch, chunk=batch)):
            photos = photos_of(dataset, (split,))[: task.photos]
            pairs = write_pairs(photos, Path(work) / "pairs.csv")
            task = replace(task, pairs=str(pairs))
            found = block(sys.executable, "own", task, Path(work), threads)
            first = rows[0]["peak MiB"] if rows else round(found["peak"])
            rows.append(
                {
                    "batch": task.batch,
                    "chunk": task.chunk or task.batch,
                    "before the first step MiB": round(found["ready"]),
                    "peak MiB": round(found["peak"]),
                    "of the small batch's": round(found["peak"] / float(str(first)), 3),
                }
            )
            click.echo(rows[-1])
    result = {
        "title": f"Peak memory of training with gradient caching: {model}, {precision}",
        "table": rows,
        "notes": [
            f"Each row is a process that trains {steps} steps with AdamW and a running average of "
            "the weights, decoding photos ahead; its greatest resident memory, everything counted."
        ],
    }
    asked = f"python -m benchmarks training memory {shlex.quote(dataset.name)}"
    asked += f" --model {plain(model)} --batch {batch}"
    click.echo(f"wrote {record(f'training-memory-{plain(model)}', result, asked)}")


def write_pairs(photos: Sequence[Photo], path: Path) -> Path:
    """Write a table of photos with one caption each that both sides read."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "caption"])
        table.writerows((Path(str(one.path)).resolve(), one.captions[0]) for one in photos)
    return path


def block(python: str, side: str, task: Task, work: Path, threads: int) -> Figures:
    """Train for a few steps in a process of its own.

    Raises:
        RuntimeError: It did not come to its end.
    """
    with tempfile.TemporaryDirectory(dir=work) as out:
        told = json.dumps(asdict(replace(task, out=out)))
        done = subprocess.run(
            [python, SIDES / f"{side}.py", told],
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            capture_output=True,
            text=True,
            check=False,
        )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise RuntimeError(f"{side} ended with code {done.returncode}: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(lines[-1])
    return found


def compared(task: Task, model: str, found: Mapping[str, Sequence[Figures]]) -> Row:
    """Give one row: images a second of both sides, and the median ratio of their turns."""
    images = task.batch * task.steps
    row: Row = {"model": model, "precision": task.precision, "batch": task.batch}
    for clock, unit in (("seconds", "s"), ("cpu", "CPU-s")):
        own, peer = ([images / one[clock] for one in found[side]] for side in ("own", "peer"))
        row[f"embedstore images/{unit}"] = round(median(own), 2)
        row[f"open_clip_train images/{unit}"] = round(median(peer), 2)
        ratios = [mine / theirs for mine, theirs in zip(own, peer, strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        row[f"ratio ({unit})"] = f"{median(ratios):.2f} ({spread})"
    return row


def _named(model: str) -> str:
    """Give the path of one of embedstore's own models, for open_clip knows it by no name."""
    own: Any = OWN_MODELS / f"{model}.json"
    return str(own) if own.is_file() else model
