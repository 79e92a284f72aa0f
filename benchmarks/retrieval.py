"""recall@k of an encoder on photos with captions, exact, with clip_benchmark's definitions."""

import re
import shlex
import time
from pathlib import Path

import click

from benchmarks.report import record
from embedstore import encoders
from embedstore.metrics import Recall
from embedstore.training.evaluate import evaluate
from embedstore.training.pairs import photos_of

DEPTHS = (1, 5, 10)


@click.command()
@click.argument("dataset", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--encoder", "name", default=encoders.DEFAULT, show_default=True)
@click.option("--split", default="val", show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--json", "copy", type=click.Path(path_type=Path), help="Write the result here too.")
def command(dataset: Path, name: str, split: str, device: str, copy: Path | None) -> None:
    """Measure text->image and image->text recall on a DATASET in the Karpathy layout.

    Example: python -m benchmarks retrieval flickr8k/dataset_flickr8k.json --encoder mini
    """
    photos = photos_of(dataset, (split,))
    encoder = encoders.load(name, device)
    captions = sum(len(photo.captions) for photo in photos)
    started = time.monotonic()
    found = evaluate(encoder, photos)
    seconds = time.monotonic() - started
    rows = [
        {"encoder": name, "direction": "text -> image", **figures(found.text_to_image)},
        {"encoder": name, "direction": "image -> text", **figures(found.image_to_text)},
    ]
    result = {
        "title": f"Retrieval: {dataset.stem}, split {split}",
        "table": rows,
        "notes": [f"{len(photos):,} photos, {captions:,} captions, exact search."],
        "fingerprint": encoder.space.fingerprint,
        "seconds": seconds,
    }
    asked = f"python -m benchmarks retrieval {shlex.quote(dataset.name)} --encoder {name}"
    asked += "" if split == "val" else f" --split {split}"
    path = record(f"retrieval-{plain(name)}-{plain(dataset.stem)}", result, asked)
    if copy is not None:
        copy.write_text(path.read_text())
    for row in rows:
        click.echo("  ".join(f"{column} {value}" for column, value in row.items()))
    click.echo(f"{seconds:.0f} s; wrote {path}")


def figures(recall: Recall) -> dict[str, float]:
    """Give recall at the usual depths, and the median rank."""
    at = {f"R@{k}": round(recall.at(k), 4) for k in DEPTHS}
    return {**at, "median rank": recall.median_rank}


def plain(name: str) -> str:
    """Make a name fit for a file."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-")
