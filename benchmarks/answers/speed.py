"""How long a caption takes on one core, from a picture that is encoded."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click
import numpy as np
import torch

from benchmarks.answers import photo_data
from benchmarks.answers.asked_heads import Trained, loaded
from benchmarks.answers.options import arguments, heads, on_data, written
from benchmarks.answers.stock import stocked
from benchmarks.answers.vectors import Remembering, remembering
from benchmarks.retrieval import plain
from embedstore import encoders
from embedstore.answering import reading
from embedstore.answering.evidence import gather
from embedstore.answering.head.citing import judge
from embedstore.answering.head.folder import Stored
from embedstore.answering.head.sight import prefixed, sight
from embedstore.answering.types import Prompt
from embedstore.collection import Collection
from embedstore.corpus.images import load

Row = dict[str, object]
Made = TypeVar("Made")
_PHOTOS = 100
_WARM = 3  # photos before the clock counts
_PARTS = ("retrieval", "generation", "confirmation", "caption")


@click.command()
@click.argument("pairs", type=click.Path(exists=True, path_type=Path))
@heads
@on_data
def command(
    pairs: Path,
    heads: Sequence[Path],
    encoder_name: str,
    limit: int | None,
    k: int,
    cache: Path | None,
    seed: int,
    out: Path | None,
) -> None:
    """Caption held-out photos of PAIRS one by one on one thread, and time the parts.

    Example: python -m benchmarks answers speed flickr8k/dataset_flickr8k.json --cache VECTORS
    """
    base = encoders.load(encoder_name, "cpu")
    trained = loaded(heads[:1], base.space.fingerprint)
    if not trained:
        click.echo("nothing to measure: speed is measured of a head")
        return
    torch.set_num_threads(1)
    data = photo_data.divided(pairs, limit or _PHOTOS, seed)
    asked = photo_data.files(data.val)
    with remembering(base, cache) as encoder:
        vectors = encoder.files(photo_data.files(data.train))
        encoder.files(asked)
        said = photo_data.caption_vectors(data.train, encoder)
        with stocked(encoder, photo_data.items(data.train), vectors, said) as collection:
            for path in asked[:_WARM]:
                timed(trained[0], collection, encoder, path, k)
            times = [timed(trained[0], collection, encoder, path, k) for path in asked]
    result = {
        "title": f"Speed of a caption: {pairs.stem}, {encoder_name}",
        "table": rows(np.array(times)),
        "notes": [
            f"{len(asked):,} photos on one thread, one by one, {len(data.train):,} stored, {k} "
            "neighbours; milliseconds. A caption is retrieval, generation and confirmation of "
            "citations; opening and encoding the photo come before."
        ],
        "fingerprint": encoder.space.fingerprint,
    }
    words = ["speed", pairs.name, *arguments(encoder_name, limit, k, heads)]
    written(f"speed-{plain(encoder_name)}-{plain(pairs.stem)}", result, words, seed, out)


def timed(
    head: Trained, collection: Collection, encoder: Remembering, path: Path, k: int
) -> tuple[float, float, float, float]:
    """Give the seconds of the parts of one caption, and of all of it."""
    opening, _ = clock(lambda: encoder.encode_images([load(path, encoder.preprocess)]))
    finding, prompt = clock(lambda: gather(collection, reading.captions, image=path, k=k))
    writing, found = clock(lambda: head.generator.generate([prompt])[0])
    confirming = confirmation(head.stored, prompt, found.text)
    retrieving = max(0.0, finding - opening)
    return retrieving, writing - confirming, confirming, retrieving + writing


def confirmation(stored: Stored, prompt: Prompt, text: str) -> float:
    """Give the seconds that judging a line takes, once what is shown has been read."""
    head, vocabulary = stored.head, stored.vocabulary
    line = vocabulary.encode(text, head.config.answer_pieces)
    with torch.inference_mode():
        memory = sight(stored, prompt).memory
        prefix = prefixed(stored, prompt.question)
        return clock(lambda: judge(head, memory, prefix, line, vocabulary.end))[0]


def clock(work: Callable[[], Made]) -> tuple[float, Made]:
    """Give the seconds that work takes, and what it makes."""
    started = time.perf_counter()
    made = work()
    return time.perf_counter() - started, made


def rows(times: np.ndarray) -> list[Row]:
    """Give median and 95th percentile of each part, of times `(n, parts)` in seconds."""
    return [
        {
            "part": part,
            "median ms": float(np.median(of_part)) * 1e3,
            "p95 ms": float(np.percentile(of_part, 95)) * 1e3,
        }
        for part, of_part in zip(_PARTS, times.T, strict=True)
    ]
