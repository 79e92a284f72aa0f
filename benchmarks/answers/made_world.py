"""A made world: things with made names in visible colours, their picture vectors and captions.

A picture's vector is the direction of its thing, that of its colour and noise, as a unit row; the
colours' directions are the same for every set of things, so that a colour can be learnt to be seen
and a thing that was never met can only be named from its neighbours.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from embedstore.types import Space, Vectors, digest

DIM = 64
COLOURS = ("red", "green", "blue", "yellow", "black", "white", "pink", "brown")
_TEMPLATES = (
    "a {colour} {name} on the table",
    "there is a {colour} {name} in the room",
    "the {name} on the floor is {colour}",
    "a photo of a {colour} {name}",
)
_ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "t", "v", "z", "bl", "dr", "gr", "sn")
_VOWELS = ("a", "e", "i", "o", "u")
_ENDS = ("", "b", "k", "l", "m", "n", "p", "rb", "x")
_COLOUR_SIZE, _NOISE_SIZE = 0.7, 0.4  # beside a thing's direction of length 1


@dataclass(frozen=True)
class Made:
    """Pictures of some things, each thing once in each colour.

    Attributes:
        keys: `(n,)`, unique over all worlds.
        names: `(n,)`, of the thing in each picture.
        colours: `(n,)`, of each picture.
        captions: `(n,)`.
        vectors: `(n, DIM)` unit rows.
    """

    keys: tuple[str, ...]
    names: tuple[str, ...]
    colours: tuple[str, ...]
    captions: tuple[str, ...]
    vectors: Vectors

    def part(self, chosen: np.ndarray) -> "Made":
        """Give the pictures at some places."""
        fields = (self.keys, self.names, self.colours, self.captions)
        keys, names, colours, captions = (tuple(f[i] for i in chosen) for f in fields)
        return Made(keys, names, colours, captions, self.vectors[chosen])


def worlds(seed: int, *sizes: int) -> Iterator[Made]:
    """Make worlds that share colours but no thing.

    Args:
        seed: Of names, directions, captions and noise.
        sizes: Things in each.
    """
    dice = np.random.default_rng(seed)
    colours = unit(dice.normal(size=(len(COLOURS), DIM)))
    names = _names(dice, sum(sizes))
    for size in sizes:
        own, names = names[:size], names[size:]
        yield _pictures(dice, own, colours)


def hold_out(world: Made, each: int, seed: int) -> tuple[Made, Made]:
    """Divide a world into what a store holds, and pictures to ask about.

    Every thing stays in the store, in other colours than those that are asked about.

    Args:
        world: What to divide.
        each: Pictures of each thing to ask about.
        seed: Of the choice.
    """
    dice = np.random.default_rng(seed)
    count = len(COLOURS)
    orders = [start + dice.permutation(count) for start in range(0, len(world.keys), count)]
    asked = np.concatenate([order[:each] for order in orders])
    stored = np.concatenate([order[each:] for order in orders])
    return world.part(stored), world.part(asked)


def space(seed: int) -> Space:
    """Name the space of the vectors of a seed."""
    return Space("made", digest(["made world", seed]), digest("vectors"), DIM)


def unit(rows: np.ndarray) -> Vectors:
    """Scale rows to length 1."""
    scaled: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def _names(dice: np.random.Generator, count: int) -> list[str]:
    """Make different names of two syllables, none of them a colour."""
    parts = (_ONSETS, _VOWELS, _ONSETS, _VOWELS, _ENDS)
    names: dict[str, None] = {}
    while len(names) < count:
        name = "".join(part[dice.integers(len(part))] for part in parts)
        if name not in COLOURS:
            names[name] = None
    return list(names)


def _pictures(dice: np.random.Generator, names: list[str], colours: Vectors) -> Made:
    things = unit(dice.normal(size=(len(names), DIM)))
    seen = [(thing, colour) for thing in range(len(names)) for colour in range(len(COLOURS))]
    thing_of, colour_of = np.array(seen).T
    noise = unit(dice.normal(size=(len(seen), DIM)))
    vectors = unit(things[thing_of] + _COLOUR_SIZE * colours[colour_of] + _NOISE_SIZE * noise)
    words = [(names[thing], COLOURS[colour]) for thing, colour in seen]
    said = [
        _TEMPLATES[dice.integers(len(_TEMPLATES))].format(name=name, colour=colour)
        for name, colour in words
    ]
    return Made(
        tuple(f"{colour}-{name}" for name, colour in words),
        tuple(name for name, _ in words),
        tuple(colour for _, colour in words),
        tuple(said),
        vectors,
    )
