"""Everything that decides what training gives, beside the data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result, beside the data.

    Attributes:
        epochs: Times that every photo is seen, each time with one of its captions.
        batch: Pairs in a step.
        views: Versions of each photo that are kept: the whole photo, and random crops.
        dim: Dimension of the shared space.
        context: Tokens of a text that are read.
        map_rate: Greatest learning rate of the maps into the shared space.
        image_rate: Of the upper image tower.
        text_rate: Of the upper text tower.
        warm_up: Share of the steps in which the rates rise.
        decay: Weight decay of matrices.
        dropout: In the upper text tower, and on the features before the maps.
        ema: Share that the running average of the weights keeps in each step.
        clip: Greatest norm of the gradient.
        seed: Of all random numbers.
    """

    epochs: int = 8
    batch: int = 256
    views: int = 3
    dim: int = 512
    context: int = 128
    map_rate: float = 1e-3
    image_rate: float = 2e-4
    text_rate: float = 1e-4
    warm_up: float = 0.1
    decay: float = 0.1
    dropout: float = 0.1
    ema: float = 0.98
    clip: float = 1.0
    seed: int = 0
