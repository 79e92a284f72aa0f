"""Everything that decides what a head becomes, written as JSON beside it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

from embedstore.answering.head.config import FUSIONS, Fusion
from embedstore.errors import Invalid, NotFound
from embedstore.training.precision import Name
from embedstore.training.ranges import Range, check_ranges

_MANY = 1e9
_SHARE = 0.999999  # below 1, and above any share of an average that is of use
_RANGES: tuple[Range, ...] = (
    *((name, 1, _MANY) for name in ("photos", "captions", "least", "texts", "text_pieces")),
    *((name, 1, _MANY) for name in ("evaluations", "pieces", "val_limit")),
    *((name, 0, _SHARE) for name in ("blind", "alone", "rename", "smoothing", "dropout")),
    *((name, 0, _SHARE) for name in ("hold_out", "ema")),
    ("reward", 0, 1),
    ("samples", 2, _MANY),
    ("temperature", 0.01, 10),
    ("epochs", 1e-6, 9_999.99),
)


@dataclass(frozen=True)
class HeadRecipe:
    """How a head is trained.

    Attributes:
        seed: Of everything that is drawn.
        epochs: Times that every photo is seen.
        photos: In a step, each with its captions.
        captions: Of a photo in a step.
        asked: Questions of people in a step, where there are such.
        made: Questions made of captions in a step.
        rate: Greatest learning rate.
        warm_up: Share of the steps in which it rises.
        decay: Weight decay of matrices.
        clip: Norm of the gradient at most.
        smoothing: Share of the loss that asks for every piece alike.
        ema: Share that the running average of the weights keeps in a step.
        noise: Greatest length of the random vector that is added to a picture's.
        blind: Share of captions that are written without the picture, from neighbours alone.
        alone: Share of examples without any neighbour, which stops copying from taking over.
        rename: Share of examples in which a shared word becomes a made-up one.
        pool: Neighbours are drawn from so many of the nearest.
        least: Neighbours at least.
        most: Neighbours at most.
        texts: Captions of a neighbour that are read.
        text_pieces: Of a neighbour that are read.
        target: Pieces of a text that are learnt, at most.
        reward: Share of the steps, the last ones, in which captions are rewarded by CIDEr-D.
        samples: Lines that are drawn of a photo in such a step.
        temperature: Of that draw, more than 0.
        pieces: Of the vocabulary.
        width: Of the model.
        layers: Of the decoder.
        heads: Of each attention.
        fusion: How neighbours are read.
        dropout: 0..1.
        hold_out: Share of the questions' pictures that is measured on.
        evaluations: In the run.
        val_limit: Photos and questions measured on, at most.
        save_minutes: Between two checkpoints.
        precision: Of the steps.
    """

    seed: int = 0
    epochs: float = 8.0
    photos: int = 32
    captions: int = 5
    asked: int = 20
    made: int = 12
    rate: float = 1e-3
    warm_up: float = 0.05
    decay: float = 0.05
    clip: float = 1.0
    smoothing: float = 0.1
    ema: float = 0.998
    noise: float = 0.3
    blind: float = 0.0
    alone: float = 0.25
    rename: float = 0.1
    pool: int = 15
    least: int = 3
    most: int = 6
    texts: int = 2
    text_pieces: int = 36
    target: int = 20
    reward: float = 0.0
    samples: int = 5
    temperature: float = 0.6
    pieces: int = 6000
    width: int = 256
    layers: int = 3
    heads: int = 4
    fusion: Fusion = "attention"
    dropout: float = 0.1
    hold_out: float = 0.2
    evaluations: int = 5
    val_limit: int = 250
    save_minutes: float = 2.0
    precision: Name = "auto"

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)
        if self.fusion not in FUSIONS:
            raise Invalid(f"no fusion {self.fusion!r}; expected one of {', '.join(FUSIONS)}")
        if self.precision not in get_args(Name):
            raise Invalid(f"no precision {self.precision!r}; expected one of {get_args(Name)}")
        if self.least > self.most:
            raise Invalid(f"least is {self.least} and most {self.most}; expected no more")

    def steps(self, photos: int) -> int:
        """Give the steps of the run on so many photos."""
        return max(1, round(self.epochs * photos / self.photos))


def read_recipe(path: Path | None) -> HeadRecipe:
    """Read the `recipe.json` of another run; None gives the usual recipe.

    Raises:
        NotFound: No such file.
        Invalid: It is no recipe of a head.
    """
    if path is None:
        return HeadRecipe()
    try:
        values = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise NotFound(
            f"no recipe at {path} ({error.strerror}); name the recipe.json of a run"
        ) from error
    except ValueError as error:
        raise Invalid(f"{path}: is not JSON ({error}); name the recipe.json of a run") from error
    if not isinstance(values, dict):
        raise Invalid(f"{path}: is a {type(values).__name__}; expected an object")
    return changed(HeadRecipe(), values)


def changed(recipe: HeadRecipe, values: Mapping[str, Any]) -> HeadRecipe:
    """Give a recipe with some values changed.

    Raises:
        Invalid: A name that a recipe does not have, or a value outside its range.
    """
    known = asdict(HeadRecipe())
    for name, value in values.items():
        if name not in known:
            raise Invalid(f"recipe: {name} is unknown; expected one of {', '.join(known)}")
        kinds: dict[type, tuple[type, ...]] = {int: (int,), float: (int, float), str: (str,)}
        if isinstance(value, bool) or not isinstance(value, kinds[type(known[name])]):
            raise Invalid(f"recipe: {name} is {value!r}; expected such as {known[name]!r}")
    return replace(recipe, **values)
