"""Real vectors from a data set: crops of every photo, and every caption as a query."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from PIL import Image

from embedstore import encoders
from embedstore.types import Encoder, Pixels

BATCH = 112
TEXTS = 256
LEAST_SIDE = 0.45  # of the photo's shorter side, of a random crop


@click.command()
@click.argument("dataset", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--encoder", "name", default="mini", show_default=True)
@click.option("--crops", default=28, show_default=True, help="Of each photo, at least 2.")
@click.option("--held-out", default="val", show_default=True, help="Split whose captions ask.")
@click.option("--seed", default=7, show_default=True)
def command(dataset: Path, out: Path, name: str, crops: int, held_out: str, seed: int) -> None:
    """Encode the photos and captions of a Karpathy json, DATASET, for the other subcommands.

    Example: python -m benchmarks ann vectors dataset_flickr8k.json --out VECTORS
    """
    photos = json.loads(dataset.read_text())["images"]
    encoder = encoders.load(name)
    out.mkdir(parents=True, exist_ok=True)
    said = [(each["raw"], at) for at, photo in enumerate(photos) for each in photo["sentences"]]
    texts = [
        encoder.encode_texts([words for words, _ in said[start : start + TEXTS]])
        for start in range(0, len(said), TEXTS)
    ]
    np.save(out / "texts.npy", np.concatenate(texts).astype(np.float16))
    np.save(out / "text_photo.npy", np.array([at for _, at in said]))
    np.save(out / "text_val.npy", np.array([photos[at]["split"] == held_out for _, at in said]))
    shape = (len(photos) * crops, encoder.space.dim)
    images = np.lib.format.open_memmap(out / "images.npy", "w+", np.float16, shape)
    files = [dataset.parent / "images" / photo["filename"] for photo in photos]
    dice = np.random.default_rng(seed)
    views = (view for file in files for view in cropped(file, crops, encoder, dice))
    done = 0
    with click.progressbar(length=len(images), label="crops") as bar:
        for block in _blocks(views):
            images[done : done + len(block)] = encoder.encode_images(block)
            done += len(block)
            bar.update(len(block))
    images.flush()
    click.echo(f"wrote {len(images):,} crops and {len(said):,} captions to {out}")


def cropped(
    file: Path, crops: int, encoder: Encoder, dice: np.random.Generator
) -> Iterator[Pixels]:
    """Give the centre of a photo, then random squares of it, every other one mirrored."""
    size = encoder.preprocess.size
    with Image.open(file) as opened:
        photo = opened.convert("RGB")
    width, height = photo.size
    short = min(width, height)
    for number in range(crops):
        side = short if number == 0 else int(short * dice.uniform(LEAST_SIDE, 1))
        left, top = (width - side) // 2, (height - side) // 2
        if number:
            left, top = dice.integers(width - side + 1), dice.integers(height - side + 1)
        box = (left, top, left + side, top + side)
        view = photo.resize((size, size), Image.Resampling.BICUBIC, box=box)
        if number % 2:
            view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        yield np.asarray(view)


def _blocks(views: Iterator[Pixels]) -> Iterator[list[Pixels]]:
    block: list[Pixels] = []
    for view in views:
        block.append(view)
        if len(block) == BATCH:
            yield block
            block = []
    if block:
        yield block
