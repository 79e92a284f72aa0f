"""Captions of held-out photos, from the photos that a store holds."""

from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.answers import contenders, photo_data
from benchmarks.answers.asked_heads import Trained, loaded
from benchmarks.answers.caption_scores import Figures, Judge, Row, row
from benchmarks.answers.options import arguments, heads, on_data, written
from benchmarks.answers.stock import prompts, stocked
from benchmarks.answers.vectors import Remembering, remembering
from benchmarks.retrieval import plain
from embedstore import encoders
from embedstore.answering import reading
from embedstore.answering.types import Prompt
from embedstore.text_metrics import signature
from embedstore.training.pairs import Pairs


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
    """Caption the held-out photos of PAIRS from all others, near-duplicates left out.

    Example: python -m benchmarks answers captions flickr8k/dataset_flickr8k.json --cache VECTORS
    """
    data = photo_data.divided(pairs, limit, seed)
    references = [photo.captions for photo in data.val]
    with remembering(encoders.load(encoder_name, "cpu"), cache) as encoder:
        shown = neighbours(data, encoder, k)
        judge = Judge(references, encoder.files(photo_data.files(data.val)), encoder)
        table = rows(shown, judge, loaded(heads, encoder.space.fingerprint), seed)
    result = {
        "title": f"Captions: {pairs.stem}, {encoder_name}",
        "table": table,
        "notes": [
            f"{len(data.val):,} photos asked about, {len(data.train):,} stored ({data.rule}); "
            f"{k} neighbours, near-duplicates of the photo left out. CIDEr-D of 0.55 is printed "
            "as 55 in papers; its interval is a bootstrap over photos.",
            f"Signature: `{signature(references)}`.",
        ],
        "fingerprint": encoder.space.fingerprint,
        "signature": signature(references),
    }
    asked = ["captions", pairs.name, *arguments(encoder_name, limit, k, heads)]
    written(f"captions-{plain(encoder_name)}-{plain(pairs.stem)}", result, asked, seed, out)


def neighbours(data: Pairs, encoder: Remembering, k: int) -> list[Prompt]:
    """Store the photos to learn from and find the neighbours of the others."""
    vectors = encoder.files(photo_data.files(data.train))
    said = photo_data.caption_vectors(data.train, encoder)
    with stocked(encoder, photo_data.items(data.train), vectors, said) as collection:
        asked = [(None, path) for path in photo_data.files(data.val)]
        return prompts(collection, reading.captions, asked, k)


def rows(shown: Sequence[Prompt], judge: Judge, trained: Sequence[Trained], seed: int) -> list[Row]:
    """Measure every generator, and the head with neighbours that tell it nothing."""
    found: dict[str, list[Figures]] = {}
    for name, captions in contenders.written(shown, trained):
        found.setdefault(name, []).append(judge.figures(captions))
    return compared({name: row(name, runs, seed) for name, runs in found.items()}, found)


def compared(table: dict[str, Row], found: dict[str, list[Figures]]) -> list[Row]:
    """Say how far the head's CIDEr-D is above that of those that are not trained."""
    if "head" in table:
        own = float(str(table["head"]["CIDEr-D"]))
        for name in ("nearest", "consensus"):
            other = float(found[name][0].cider.mean())
            table["head"][f"over {name}"] = f"{own / other - 1:+.0%}" if other else "-"
    return list(table.values())
