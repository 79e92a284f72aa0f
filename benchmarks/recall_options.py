"""What a search's options gain in recall: query bank, query expansion, prompt ensemble.

The bank's weight and neighbours and expansion's constants were chosen with the captions of the
first half of Flickr8k's val photos; the captions of the second half are searched here, among all
photos of the split.
"""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np

from benchmarks.report import record
from embedstore import encoders, gallery
from embedstore.corpus import Entry, read
from embedstore.corpus.images import load
from embedstore.gain import DEPTHS, gain
from embedstore.hubness import WEIGHT, QueryBank
from embedstore.metrics import Recall
from embedstore.trial import MOST_QUERIES, Trial, some_of
from embedstore.types import Encoder, Vectors

PROMPTS = ("{}", "a photo of {}", "a picture of {}")
_BATCH = 64
Captioned = Sequence[tuple[Path, tuple[str, ...]]]
Row = dict[str, object]


@click.command()
@click.argument("dataset", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--encoder", "name", default=encoders.DEFAULT, show_default=True)
@click.option("--split", default="val", show_default=True)
@click.option("--bank-split", default="train", show_default=True, help="Its captions are the bank.")
@click.option("--device", default="auto", show_default=True)
def command(dataset: Path, name: str, split: str, bank_split: str, device: str) -> None:
    """Measure the options on a DATASET in the Karpathy layout, and on the sample gallery.

    Example: python -m benchmarks recall_options flickr8k/dataset_flickr8k.json
    """
    encoder = encoders.load(name, device)
    photos, samples = _captioned(dataset, split), _captioned(gallery.corpus(), None)
    texts = [caption for _, captions in _captioned(dataset, bank_split) for caption in captions]
    bank = encoder.encode_texts([texts[place] for place in some_of(len(texts), MOST_QUERIES)])
    halved = _trial(encoder, photos, bank, len(photos) // 2)
    rows = [*_measured(f"{split} photos", halved), *_own(encoder, photos, halved)]
    rows += _prompted(f"{split} photos", encoder, photos, halved, len(photos) // 2)
    sampled = _trial(encoder, samples, bank, 0)
    rows += [*_measured("gallery", sampled), *_prompted("gallery", encoder, samples, sampled, 0)]
    asked = f"python -m benchmarks recall_options {shlex.quote(dataset.name)} --encoder {name}"
    result = {
        "title": f"Recall without training: {dataset.stem}, split {split}, {name}",
        "table": rows,
        "notes": [
            f"{len(photos):,} photos and {len(halved.captions):,} captions of half of them; "
            f"{len(samples)} photos of the gallery. Bank: {len(bank):,} captions of the split "
            f"{bank_split}. Gains in points with 95% intervals, paired bootstrap over photos. "
            "A search with a picture is the same under every option."
        ],
        "fingerprint": encoder.space.fingerprint,
    }
    path = record(f"recall-options-{name}", result, asked)
    for row in rows:
        click.echo("  ".join(f"{column} {value}" for column, value in row.items()))
    click.echo(f"wrote {path}")


def _measured(store: str, trial: Trial) -> Iterator[Row]:
    plain = trial.recall(hubs=False, expand=False)
    yield row(store, "none", trial, plain, plain)
    yield row(store, "query bank", trial, plain, trial.recall(hubs=True, expand=False))
    yield row(store, "expansion", trial, plain, trial.recall(hubs=False, expand=True))
    yield row(store, "bank and expansion", trial, plain, trial.recall(hubs=True, expand=True))


def _own(encoder: Encoder, photos: Captioned, halved: Trial) -> Iterator[Row]:
    """Take the bank from the store itself: the captions of the photos that are not asked for."""
    texts = [caption for _, captions in photos[: len(photos) // 2] for caption in captions]
    bank = QueryBank("own", WEIGHT, encoder.encode_texts(texts))
    trial = Trial(halved.pictures, halved.captions, halved.owners, bank)
    plain = trial.recall(hubs=False, expand=False)
    after = trial.recall(hubs=True, expand=False)
    yield row("the same", "bank of its own captions", trial, plain, after)


def _prompted(
    store: str, encoder: Encoder, photos: Captioned, trial: Trial, first: int
) -> Iterator[Row]:
    texts = [caption for _, captions in photos[first:] for caption in captions]
    total = np.sum(
        [encoder.encode_texts([each.replace("{}", text) for text in texts]) for each in PROMPTS],
        axis=0,
    )
    unit: Vectors = total / np.linalg.norm(total, axis=1, keepdims=True)
    after = Trial(trial.pictures, unit, trial.owners, trial.bank).recall(hubs=False, expand=False)
    plain = trial.recall(hubs=False, expand=False)
    yield row(store, f"{len(PROMPTS)} prompts", trial, plain, after)


def row(store: str, option: str, trial: Trial, before: Recall, after: Recall) -> Row:
    """Give one row of the table: recall, and what it gained at each depth."""
    found: Row = {"store": store, "option": option}
    found |= {f"R@{k}": round(after.at(k), 4) for k in DEPTHS}
    for k in DEPTHS if before is not after else ():
        gained = gain(before, after, trial.owners.tolist(), (k,))
        figures = [f"{100 * each:+.1f}" for each in (gained.mean, gained.low, gained.high)]
        found[f"gain @{k}"] = f"{figures[0]} ({figures[1]} to {figures[2]})"
    return found


def _trial(encoder: Encoder, photos: Captioned, bank: Vectors, first: int) -> Trial:
    """Ask with the captions from one photo on, among all photos."""
    paths = [path for path, _ in photos]
    pictures = np.concatenate(
        [
            encoder.encode_images(
                [load(path, encoder.preprocess) for path in paths[start : start + _BATCH]]
            )
            for start in range(0, len(paths), _BATCH)
        ]
    )
    owners = [place for place in range(first, len(photos)) for _ in photos[place][1]]
    captions = encoder.encode_texts([text for _, texts in photos[first:] for text in texts])
    kept = QueryBank("split", WEIGHT, bank)
    return Trial(pictures, captions, np.asarray(owners, np.int64), kept)


def _captioned(path: Path, split: str | None) -> Captioned:
    return [
        (entry.image, entry.texts)
        for entry in read(path, split=split).entries
        if isinstance(entry, Entry) and isinstance(entry.image, Path) and entry.texts
    ]
