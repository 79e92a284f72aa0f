"""Indexing photos end to end, beside its parts and beside a naive loop, in one run.

What the cores allow: an image costs d seconds of CPU to decode (pool included) and e to encode,
both measured alone on the same photos; c cores do at most c / (d + e) images a second, and never
more than the encoder alone. End to end has to reach .90 of that.
"""

import json
import os
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click
import numpy as np
import psutil
from PIL import Image

import embedstore
from benchmarks.report import record
from embedstore import encoders
from embedstore.corpus import decode_all, default_workers, read
from embedstore.corpus.entry import Entry
from embedstore.corpus.images import fit
from embedstore.gallery import corpus as gallery
from embedstore.types import Encoder, Pixels

MEGAPIXEL = (1224, 816)
BATCH = 64
GROWTH = 4
NAIVE_SHARE = 4  # the naive loop takes every fourth photo: it is slow and its rate is steady


@dataclass
class Cost:
    """What one way of doing it cost, round by round, per image."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Wall time of an image in the median round."""
        return statistics.median(self.wall)

    @property
    def cpu_seconds(self) -> float:
        """CPU time of an image in the median round, all processes."""
        return statistics.median(self.cpu)

    @contextmanager
    def measure(self, images: int) -> Iterator[None]:
        """Time a round over so many images."""
        wall, cpu = time.perf_counter(), _cpu_seconds()
        yield
        self.wall.append((time.perf_counter() - wall) / images)
        self.cpu.append((_cpu_seconds() - cpu) / images)


class PeakMemory:
    """Watch the memory of this process and its children, shared pages counted once."""

    def __init__(self) -> None:
        self.most = 0
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        this = psutil.Process()
        while not self._over.wait(0.2):
            self.most = max(self.most, sum(map(_memory, [this, *this.children()])))


@click.command()
@click.option("--photos", default=400, show_default=True, help="Photos of 1 MP to make.")
@click.option(
    "--folder", type=click.Path(exists=True, path_type=Path), help="Photos to take instead."
)
@click.option("--encoder", "name", default="mini", show_default=True)
@click.option("--rounds", default=3, show_default=True, help="Of each way, interleaved.")
@click.option("--seed", default=7, show_default=True)
def command(photos: int, folder: Path | None, name: str, rounds: int, seed: int) -> None:
    """Measure indexing end to end beside decoding, encoding and a naive loop."""
    encoder = encoders.load(name)
    with tempfile.TemporaryDirectory() as place:
        small, large = Path(place) / "small", Path(place) / "large"
        if folder is None:
            click.echo(f"making {photos} photos of 1 MP")
            make_photos(small, photos, seed)
        else:
            link_photos(folder, small, 1)
        link_photos(small, large, GROWTH)
        figures = measured(small, large, encoder, rounds)
    source = "photos of 1 MP" if folder is None else f"photos of {folder.name}"
    figures["title"] = f"Indexing: {figures['photos']} {source}, encoder {name}"
    options = f"--photos {photos}" if folder is None else f"--folder {folder.name}"
    record("indexing", figures, f"python -m benchmarks indexing {options} --encoder {name}", seed)
    click.echo(json.dumps(figures, indent=2))


def measured(small: Path, large: Path, encoder: Encoder, rounds: int) -> dict[str, Any]:
    """Measure each way in turn, round by round, then the memory of a larger corpus."""
    entries = [entry for entry in read(small).entries if isinstance(entry, Entry)]
    pixels = [
        one.pixels for one in decode_all(entries, encoder.preprocess) if one.pixels is not None
    ]
    few = entries[::NAIVE_SHARE]
    encoder.encode_images(pixels[:BATCH])  # the first call pays for buffers
    ways: dict[str, tuple[int, Callable[[], object]]] = {
        "encode": (len(pixels), lambda: encode(pixels, encoder)),
        "decode": (len(entries), lambda: decode(entries, encoder)),
        "end to end": (len(entries), lambda: index(small, encoder)),
        "naive": (len(few), lambda: naive(few, encoder)),
    }
    costs = {way: Cost() for way in ways}
    with PeakMemory() as of_small:
        for _ in range(rounds):
            for way, (images, act) in ways.items():
                with costs[way].measure(images):
                    act()
    with PeakMemory() as of_large:
        index(large, encoder)
    return report(costs, len(entries), of_small.most, of_large.most)


def encode(pixels: list[Pixels], encoder: Encoder) -> None:
    """Encode ready pixels, batch by batch."""
    for start in range(0, len(pixels), BATCH):
        encoder.encode_images(pixels[start : start + BATCH])


def decode(entries: list[Entry], encoder: Encoder) -> None:
    """Decode in worker processes, and drop the pixels."""
    for _ in decode_all(entries, encoder.preprocess):
        pass


def index(folder: Path, encoder: Encoder) -> None:
    """Index a folder into a new store."""
    with tempfile.TemporaryDirectory() as place, embedstore.open(place) as store:
        done = embedstore.index(store.create("photos", encoder), folder)
    if done.failed:
        raise RuntimeError(f"{len(done.failed)} photos failed: {done.failed[0].reason}")


def naive(entries: list[Entry], encoder: Encoder) -> None:
    """Open, decode whole and encode one photo after the other, as a first script does."""
    for entry in entries:
        assert entry.image is not None
        with Image.open(entry.image) as image:
            encoder.encode_images([fit(image.convert("RGB"), encoder.preprocess)])


def report(costs: dict[str, Cost], photos: int, small: int, large: int) -> dict[str, Any]:
    """Turn costs into rates and ratios."""
    cores = default_workers()
    cpu = costs["decode"].cpu_seconds + costs["encode"].cpu_seconds
    attainable = min(cores / cpu, 1 / costs["encode"].seconds)
    rate = 1 / costs["end to end"].seconds
    table = [
        {
            "way": way,
            "images/s": 1 / cost.seconds,
            "CPU ms/image": 1e3 * cost.cpu_seconds,
            "of what the cores allow": (1 / cost.seconds) / attainable,
        }
        for way, cost in costs.items()
    ]
    return {
        "photos": photos,
        "table": table,
        "attainable": attainable,
        "ratio": rate / attainable,
        "peak_memory_mib": {"1x": small / 2**20, f"{GROWTH}x": large / 2**20},
        "notes": [
            f"{cores} cores allow {attainable:.1f} images/s: the least of cores / (decode + encode "
            f"CPU seconds an image) = {cores / cpu:.1f} and the encoder alone. "
            f"End to end reaches {rate / attainable:.2f} of it, "
            f"and {rate * costs['encode'].seconds:.2f} of the encoder alone.",
            f"In CPU seconds end to end costs {costs['end to end'].cpu_seconds / cpu:.2f} of "
            "decoding and encoding apart. Load of the machine in the last 5 minutes: "
            f"{os.getloadavg()[1]:.1f}; where others took part, times by the clock say little.",
            f"Peak memory of all processes: {small / 2**20:.0f} MiB, and "
            f"{large / 2**20:.0f} MiB with {GROWTH} times the photos.",
            "naive: Pillow decodes the whole photo, one after the other, batches of 1, no store.",
        ],
    }


def make_photos(folder: Path, count: int, seed: int) -> None:
    """Make distinct 1 MP JPEGs of the sample gallery: enlarged, with grain."""
    folder.mkdir()
    dice = np.random.default_rng(seed)
    sources = [
        entry.image for entry in read(gallery()).entries if isinstance(entry, Entry) and entry.image
    ]
    for number in range(count):
        with Image.open(sources[number % len(sources)]) as image:
            large = np.asarray(image.convert("RGB").resize(MEGAPIXEL), np.int16)
        grain = dice.integers(-4, 5, large.shape, dtype=np.int16)
        photo = Image.fromarray((large + grain).clip(0, 255).astype(np.uint8))
        photo.save(folder / f"{number:06}.jpg", quality=85)


def link_photos(source: Path, folder: Path, times: int) -> None:
    """Give the photos of a folder under several names each."""
    folder.mkdir()
    for entry in read(source).entries:
        if isinstance(entry, Entry) and entry.image:
            for copy in range(times):
                name = f"{copy}-{entry.key.replace('/', '-')}"
                (folder / name).symlink_to(entry.image)


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _memory(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except psutil.Error:
        return 0  # it has just ended
    return int(getattr(full, "pss", full.rss))
