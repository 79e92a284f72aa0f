"""Captions of held-out pictures in other languages, from translated captions of similar ones."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import click
import numpy as np

from benchmarks.answers.intervals import interval, told
from benchmarks.answers.options import arguments, on_data, written
from benchmarks.answers.photo_data import some
from benchmarks.answers.stock import stocked
from benchmarks.answers.vectors import Remembering, remembering
from benchmarks.retrieval import plain
from embedstore import encoders
from embedstore.answering.answerer import Settings
from embedstore.answering.evidence import OwnGroup
from embedstore.answering.tasks import translate
from embedstore.collection import Collection
from embedstore.text_metrics import chrf
from embedstore.training.head.material import Asked, held_out
from embedstore.training.head.recipe import HeadRecipe
from embedstore.types import Item

LANGUAGES = ("de", "fr", "es", "ru", "ja")
COPIED = "English copied"
WAYS = {
    "picture": (True, False),
    "English caption": (False, True),
    "both": (True, True),
}
_STOPS = " .|\u0964\u3002"  # also of Hindi, Chinese and Japanese
Row = dict[str, object]


@click.command()
@click.argument("captions", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--language", "languages", multiple=True, default=LANGUAGES, show_default=True)
@on_data
def command(
    captions: Path,
    languages: Sequence[str],
    encoder_name: str,
    limit: int | None,
    k: int,
    cache: Path | None,
    seed: int,
    out: Path | None,
) -> None:
    """Translate the captions of held-out pictures by what is said of pictures like them.

    CAPTIONS is a JSON list of objects with image, caption and translations by language.

    Example: python -m benchmarks answers translations tuxpaint/captions.json --cache VECTORS
    """
    stored, held = divided(captions)
    held = some(held, limit, seed)
    with (
        remembering(encoders.load(encoder_name, "cpu"), cache) as encoder,
        filled(stored, encoder) as collection,
    ):
        table = [row for language in languages for row in rows(collection, held, language, k, seed)]
    known = {item.texts[0] for item in stored}
    result = {
        "title": f"Translations by shared pictures: {captions.parent.name}, {encoder_name}",
        "table": table,
        "notes": [
            f"{len(held):,} pictures held out by a hash of their names, {len(stored):,} stored; "
            f"{k} neighbours by picture, by English caption or by both; near-duplicates of "
            f"a picture left out. {sum(item.texts[0] in known for item in held):,} held-out "
            "pictures have the English caption of a stored one. Exact: the same but for "
            "case and the stop at the end; intervals are a bootstrap over pictures."
        ],
        "fingerprint": encoder.space.fingerprint,
    }
    words = ["translations", captions.name, *arguments(encoder_name, limit, k, ())]
    words += [part for language in languages for part in ("--language", language)]
    written(f"translations-{plain(encoder_name)}", result, words, seed, out)


def divided(path: Path) -> tuple[list[Item], list[Item]]:
    """Read pictures, and give those to store and those held out by a hash of their names."""
    told = {path.parent / one["image"]: one for one in json.loads(path.read_text("utf-8"))}
    sides = held_out([Asked(image, "", ()) for image in told], HeadRecipe().hold_out)
    stored, held = (
        [
            Item(
                str(one.image.relative_to(path.parent)),
                one.image,
                (told[one.image]["caption"],),
                {"translations": told[one.image]["translations"]},
            )
            for one in side
        ]
        for side in sides
    )
    if not stored or not held:
        raise click.ClickException(
            f"{path.name}: {len(stored)} pictures to store and {len(held)} held out; expected "
            "some of each; give more pictures"
        )
    return stored, held


def filled(items: Sequence[Item], encoder: Remembering) -> AbstractContextManager[Collection]:
    """Store pictures with their English captions."""
    images = encoder.files([item.image for item in items if isinstance(item.image, Path)])
    return stocked(encoder, items, images, encoder.encode_texts([item.texts[0] for item in items]))


def rows(
    collection: Collection,
    held: Sequence[Item],
    language: str,
    k: int,
    seed: int,
) -> list[Row]:
    """Translate into one language with every generator, and compare with what people wrote."""
    asked = [item for item in held if language in item.meta["translations"]]
    if not asked:
        raise click.ClickException(f"no held-out picture has a caption in {language!r}")
    wanted = [item.meta["translations"][language] for item in asked]
    settings = Settings(k=k, leave_out=OwnGroup())
    found = {COPIED: [item.texts[0] for item in asked]}
    for name, (picture, words) in WAYS.items():
        answers = [
            translate(
                collection,
                language,
                text=item.texts[0] if words else None,
                image=item.image if picture else None,
                settings=settings,
            )
            for item in asked
        ]
        found[name] = [answer.text or "" for answer in answers]
    return [
        {"language": language, "pictures": len(asked), "from": name} | scored(texts, wanted, seed)
        for name, texts in found.items()
    ]


def scored(texts: Sequence[str], wanted: Sequence[str], seed: int) -> Row:
    """Give exact matches, chrF, and the share that was answered."""
    exact = [same(text, target) for text, target in zip(texts, wanted, strict=True)]
    return {
        "exact": float(np.mean(exact)),
        "95% interval": told(interval(exact, seed)),
        "chrF": chrf(texts, [[target] for target in wanted]),
        "answered": float(np.mean([bool(text) for text in texts])),
    }


def same(text: str, other: str) -> bool:
    """Say whether two texts are the same but for case and the stop at their end."""
    return _plain(text) == _plain(other)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(_STOPS)
