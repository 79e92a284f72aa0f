"""Everything that decides what training gives, beside the data and the start."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import get_args

from embedstore.errors import Invalid
from embedstore.training.augment import Augment
from embedstore.training.disk import unwritable
from embedstore.training.dual import Dual, Tune
from embedstore.training.objective import Objective
from embedstore.training.precision import Name
from embedstore.training.ranges import check_ranges

_GREATEST_RATE = 10.0


@dataclass(frozen=True)
class Rates:
    """Greatest learning rates.

    Attributes:
        image: Of the image tower.
        text: Of the text tower.
        maps: Of the maps into the shared space.
        temperature: Of the temperature.
    """

    image: float
    text: float
    maps: float
    temperature: float = 5e-3

    def __post_init__(self) -> None:
        """Refuse what no weight learns with.

        Raises:
            Invalid: A rate is outside its range, which is named.
        """
        check_ranges(self, ((part, 0, _GREATEST_RATE) for part in vars(self)), "learning rates")


FROM_SCRATCH = Rates(5e-4, 5e-4, 5e-4)
ADAPTERS = Rates(5e-4, 5e-4, 5e-4)
SMALL_TOWERS = Rates(1e-4, 5e-5, 2e-4)
LARGE_TOWERS = Rates(
    1e-5, 1e-5, 1e-4
)  # they know more, and forget it at rates that small ones need
_USUAL_EPOCHS, _LEAST_STEPS, _MEASUREMENTS = 8, 100, 20
_LARGE = 60_000_000  # weights


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result, beside the data and the start.

    Attributes:
        tune: What learns, see `Dual.tune`; None takes "upper", or "full" from scratch.
        rank: Of low-rank adapters.
        objective: What is minimised.
        rates: Greatest learning rates; None takes those that fit the start.
        epochs: Times that every photo is seen, each time with one of its captions; None takes 8, or
            as many as make 100 steps of few photos.
        batch: Pairs that are told from each other, over all processes; None takes 256 where views
            are kept and 64 where photos are opened in each step, or all photos if they are fewer.
        accumulate: Batches in a step.
        chunk: Pairs that the towers take at a time (gradient caching); 0 takes the batch at once.
        precision: Of the towers; scores and losses are float32.
        checkpointing: Compute activations twice in place of keeping them.
        views: Versions of each photo that are kept, where a part of the image tower does not learn;
            0 opens the photos again in each step.
        augment: How far a version may be from its photo.
        dropout: Share of activations dropped where the text tower has such layers, as mini's has.
        image_dropout: The same for the image tower's features.
        warm_up: Share of the steps in which the rates rise.
        decay: Weight decay of matrices.
        clip: Greatest norm of the gradient.
        ema: Share that the running average of the weights keeps in a step, at most.
        patience: Measurements in a row without better recall before it stops; 0 goes on to the end.
        val_every: Epochs between measurements; of few photos more, for 20 in all are enough.
        val_limit: Photos that are measured on, at most.
        hold_out: Share of photos to measure on, where the data has no such split.
        wise: Shares of the result tried in mixing it with the start; 1 is the result alone.
        save_minutes: Between checkpoints; 0 writes one after each step.
        seed: Of all random numbers.
    """

    tune: Tune | None = None
    rank: int = 8
    objective: Objective = field(default_factory=Objective)
    rates: Rates | None = None
    epochs: int | None = None
    batch: int | None = None
    accumulate: int = 1
    chunk: int = 0
    precision: Name = "auto"
    checkpointing: bool = False
    views: int = 2
    augment: Augment = field(default_factory=Augment)
    dropout: float = 0.1
    image_dropout: float = 0.2
    warm_up: float = 0.1
    decay: float = 0.1
    clip: float = 1.0
    ema: float = 0.99
    patience: int = 5
    val_every: float = 1.0
    val_limit: int = 1000
    hold_out: float = 0.1
    wise: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    save_minutes: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be followed.

        Raises:
            Invalid: A number is outside its range, which is named.
        """
        check_ranges(self, _RANGES)
        for name in _COUNTS:
            if not isinstance(getattr(self, name), int | None):
                raise Invalid(f"recipe: {name} is {getattr(self, name)}; expected a whole number")
        for name, known in _NAMES.items():
            if getattr(self, name) not in known:
                told = ", ".join(str(one) for one in known if one is not None)
                raise Invalid(f"recipe: {name} is {getattr(self, name)!r}; expected one of {told}")
        if not self.wise or not all(0 < share <= 1 for share in self.wise):
            raise Invalid(f"recipe: wise is {self.wise}; expected shares above 0, at most 1")

    def settled(self, dual: Dual) -> "Recipe":
        """Fill in what depends on the start."""
        tune: Tune = self.tune or ("upper" if dual.pretrained else "full")
        return replace(self, tune=tune, rates=self.rates or _rates(dual, tune))

    @property
    def top_rates(self) -> Rates:
        """The rates of a recipe that is settled."""
        return self.rates or FROM_SCRATCH

    def steps(self, per_epoch: int) -> int:
        """Give the steps of a run.

        Args:
            per_epoch: Steps in which every photo is seen once.
        """
        if self.epochs is not None:
            return self.epochs * per_epoch
        return max(_USUAL_EPOCHS * per_epoch, _LEAST_STEPS)

    def between(self, per_epoch: int) -> int:
        """Give the steps between two measurements."""
        return max(1, round(self.val_every * per_epoch), self.steps(per_epoch) // _MEASUREMENTS)

    def write(self, path: Path) -> None:
        """Write as JSON.

        Raises:
            StorageFull: It cannot be written.
        """
        text = json.dumps(asdict(self), indent=2) + "\n"
        try:
            path.write_text(text, "utf-8")
        except OSError as error:
            raise unwritable("the recipe", path.parent, len(text), error) from error


_RANGES = (
    ("rank", 1, 4096),
    ("epochs", 1, 1_000_000),
    ("batch", 2, 10_000_000),
    ("accumulate", 1, 10_000),
    ("chunk", 0, 10_000_000),
    ("views", 0, 100),
    ("dropout", 0, 0.9),
    ("image_dropout", 0, 0.9),
    ("warm_up", 0, 1),
    ("decay", 0, 10),
    ("clip", 1e-6, 1e6),
    ("ema", 0, 0.999999),
    ("patience", 0, 1_000_000),
    ("val_every", 0.01, 1_000_000),
    ("val_limit", 2, 10_000_000),
    ("hold_out", 0, 0.5),
    ("save_minutes", 0, 100_000),
    ("seed", 0, 2**31),
)
_COUNTS = (
    "rank",
    "epochs",
    "batch",
    "accumulate",
    "chunk",
    "views",
    "patience",
    "val_limit",
    "seed",
)
_NAMES: dict[str, tuple[object, ...]] = {
    "tune": (None, *get_args(Tune)),
    "precision": get_args(Name),
    "checkpointing": (True, False),
}


def _rates(dual: Dual, tune: Tune) -> Rates:
    if not dual.pretrained:
        return FROM_SCRATCH
    if tune == "lora":
        return ADAPTERS
    large = sum(weight.numel() for weight in dual.parameters()) > _LARGE
    return LARGE_TOWERS if large else SMALL_TOWERS
