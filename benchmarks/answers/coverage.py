"""What confidence is worth: accuracy of the surest answers; whether stated chances come true."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from benchmarks.answers import contenders, reliability_plot
from benchmarks.answers.asked_heads import loaded
from benchmarks.answers.cases import Cases, cases
from benchmarks.answers.options import arguments, folder, heads, on_data, written
from benchmarks.answers.reliability_plot import Judged
from benchmarks.answers.vectors import remembering
from benchmarks.retrieval import plain
from embedstore import encoders
from embedstore.answering import confidence, generators, judging, risk
from embedstore.answering.confidence import half
from embedstore.answering.features import features
from embedstore.answering.types import Generator

Row = dict[str, object]
HALF = 0.5
HALVINGS = 10


@click.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("--questions", "asks", is_flag=True, help="DATA holds questions, not captions.")
@click.option("--floor", default=0.5, show_default=True, help="CIDEr-D of a right caption.")
@click.option("--keep", is_flag=True, help="Keep what is measured of heads beside their weights.")
@heads
@on_data
def command(
    data: Path,
    asks: bool,
    floor: float,
    keep: bool,
    heads: Sequence[Path],
    encoder_name: str,
    limit: int | None,
    k: int,
    cache: Path | None,
    seed: int,
    out: Path | None,
) -> None:
    """Fit confidence on half of the held-out pictures of DATA, measure it on the other, and so on.

    Example: python -m benchmarks answers coverage daquar/qa_train.jsonl --questions
    """
    with remembering(encoders.load(encoder_name, "cpu"), cache) as encoder:
        asked = cases(data, asks, encoder, limit, k, seed)
    contending = [
        *(head.generator for head in loaded(heads, encoder.space.fingerprint)),
        generators.load("consensus"),
    ]
    names = numbered(contending)
    told = {name: Told.by(one, asked, floor) for name, one in zip(names, contending, strict=True)}
    sides = {name: judged(each, asked.owners, seed) for name, each in told.items()}
    if keep:
        for name, one in zip(names, contending, strict=True):
            keep_beside(one, told[name], asked, encoder.space.fingerprint, floor)
    kind = "questions" if asks else "captions"
    name = f"coverage-{kind}-{plain(encoder_name)}-{plain(data.stem)}"
    title = f"Risk and coverage: {kind}, {data.stem}, {encoder_name}"
    path = folder(out) / f"answers-{name}.png"
    reliability_plot.draw({name: each[0] for name, each in sides.items()}, title, path)
    right = "An answer is right if somebody gave it"
    right = right if asks else f"A caption is right from a CIDEr-D of {floor}"
    notes = [
        f"{len(asked.shown):,} held-out {kind}; confidence fitted on each half of the pictures and "
        f"measured on the other, means of {HALVINGS} ways of halving, of which the plot shows "
        f"one. {right}. Ratio: accuracy of the surer half over that of all, and its standard "
        "deviation over the ways.",
        f"![{title}](results/{path.name})",
    ]
    result = {"title": title, "table": [row(*side) for side in sides.items()], "notes": notes}
    words = ["coverage", data.name, *(["--questions"] if asks else ["--floor", floor])]
    written(name, result, [*words, *arguments(encoder_name, limit, k, heads)], seed, out)


@dataclass(frozen=True)
class Told:
    """What a generator answered: features of each answer, which are right, and its own, `(n,)`."""

    named: list[dict[str, float]]
    right: np.ndarray
    own: np.ndarray

    @classmethod
    def by(cls, generator: Generator, asked: Cases, floor: float) -> "Told":
        """Let a generator answer."""
        drafts = contenders.drafts(generator, asked.shown, generator.name)
        pairs = zip(asked.shown, drafts, strict=True)
        named = [features(prompt, draft) for prompt, draft in pairs]
        own = np.array([draft.writer is None for draft in drafts])
        return cls(named, asked.right(drafts, floor), own)


def keep_beside(generator: Generator, told: Told, asked: Cases, space: str, floor: float) -> None:
    """Keep the confidence of a generator that has a folder, as training it does."""
    folder = getattr(generator, "folder", None)
    if folder is None:
        return
    own = np.flatnonzero(told.own)
    found = confidence.measure(
        [told.named[place] for place in own],
        told.right[own],
        space=space,
        groups=[asked.owners[place] for place in own],
        about=judging.about(asked.task, floor),
    )
    kept = confidence.save(found, "head", asked.task, folder)
    click.echo(f"kept {kept.name} beside the weights")


def judged(told: Told, owners: Sequence[object], seed: int) -> list[Judged]:
    """Judge every answer by a fit on those about the other half of the pictures, several times."""
    names = sorted(set().union(*told.named))
    rows = np.array([[each.get(name, 0.0) for name in names] for each in told.named])
    sides = [half(owners, seed + turn) for turn in range(HALVINGS)]
    return [Judged(crossed(rows, told.right, side, names), told.right) for side in sides]


def crossed(
    rows: np.ndarray, right: np.ndarray, side: np.ndarray, names: Sequence[str]
) -> np.ndarray:
    """Give the probability of each row `(n,)` by a fit on the side it is not on."""
    stated = np.empty(len(rows))
    for fitting in (side, ~side):
        fitted = confidence.fit(rows[fitting], right[fitting], names)
        stated[~fitting] = fitted.probability(rows[~fitting])
    return stated


def numbered(generators: Sequence[Generator]) -> list[str]:
    """Name generators; heads of several folders by their number, for a path says little."""
    kinds = [one.name.partition(":")[0] for one in generators]
    return [
        f"{kind} {place + 1}" if kinds.count(kind) > 1 else kind for place, kind in enumerate(kinds)
    ]


def row(name: str, sides: Sequence[Judged]) -> Row:
    """Give the row of one generator."""
    right = sides[0].right
    whole = float(right.mean())
    upper = np.array([risk.accuracy_at(HALF, each.probability, right) for each in sides])
    ratios = upper / whole if whole else np.zeros(len(sides))
    return {
        "generator": name,
        "answers": len(right),
        "accuracy": whole,
        "accuracy at 50% coverage": float(upper.mean()),
        "ratio": float(ratios.mean()),
        "sd": float(ratios.std()),
        "ECE": _mean(risk.calibration_error(each.probability, right) for each in sides),
        "Brier": _mean(risk.brier(each.probability, right) for each in sides),
    }


def _mean(figures: Iterable[float]) -> float:
    return float(np.mean(list(figures)))
