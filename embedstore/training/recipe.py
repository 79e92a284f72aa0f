"""Everything that decides what training gives, beside the data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result, beside the data.

    Attributes:
        probe_epochs: Times that every photo is seen while the maps are learnt on frozen towers.
        probe_batch: Pairs in a step of that stage.
        probe_rate: Greatest learning rate of that stage.
        probe_dropout: On the features in that stage.
        epochs: Times that every photo is seen after it, each time with one of its captions.
        batch: Pairs in a step.
        views: Versions of each photo that are kept: the whole photo, and random crops.
        dim: Dimension of the shared space.
        context: Tokens of a text that are read.
        map_rate: Greatest learning rate of the maps into the shared space.
        image_rate: Of the upper image tower.
        text_rate: Of the upper text tower.
        scale_rate: Of the temperature.
        warm_up: Share of the steps in which the rates rise.
        decay: Weight decay of matrices.
        dropout: In the upper text tower and on its features.
        image_dropout: On the image tower's features.
        ema: Share that the running average of the weights keeps in each step.
        clip: Greatest norm of the gradient.
        seed: Of all random numbers.
    """

    probe_epochs: int = 60
    probe_batch: int = 1024
    probe_rate: float = 3e-3
    probe_dropout: float = 0.3
    epochs: int = 6
    batch: int = 256
    views: int = 3
    dim: int = 512
    context: int = 128
    map_rate: float = 5e-4
    image_rate: float = 2e-4
    text_rate: float = 1e-4
    scale_rate: float = 5e-3
    warm_up: float = 0.1
    decay: float = 0.1
    dropout: float = 0.1
    image_dropout: float = 0.2
    ema: float = 0.98
    clip: float = 1.0
    seed: int = 0
