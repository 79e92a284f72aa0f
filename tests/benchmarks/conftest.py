"""Tiny pictures with captions, questions and translations, and a head that learnt nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from embedstore import encoders
from embedstore.answering.head.beam import Search
from embedstore.answering.head.config import HeadConfig
from embedstore.answering.head.folder import Stored, write
from embedstore.answering.head.model import Head
from embedstore.answering.head.vocabulary import Vocabulary

COLOURS = {"red": (220, 20, 20), "green": (20, 160, 20), "blue": (20, 20, 220)}
IN_GERMAN = {"red": "rot", "green": "grün", "blue": "blau"}
GREYS = (0, 128, 255)
EACH = 9


def painted(folder: Path) -> list[tuple[Path, str]]:
    """Paint walls of each colour behind grey things, so that no two count as the same picture."""
    folder.mkdir()
    dice = np.random.default_rng(5)
    made = []
    for number in range(EACH):
        for name, colour in COLOURS.items():
            cells = np.tile(np.array(colour, np.uint8), (4, 4, 1))
            for place in dice.permutation(16)[:7]:
                cells[divmod(int(place), 4)] = GREYS[dice.integers(len(GREYS))]
            path = folder / f"{name}{number}.png"
            Image.fromarray(cells.repeat(8, 0).repeat(8, 1)).save(path)
            made.append((path, name))
    return made


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    """A data set in the Karpathy layout, of which every fourth photo is held out."""
    records = []
    for number, (path, name) in enumerate(painted(tmp_path / "images")):
        said = [{"raw": f"a {name} wall number {number}"}, {"raw": f"a wall that is all {name}"}]
        split = "val" if number % 4 == 0 else "train"
        records.append({"filename": path.name, "split": split, "sentences": said})
    path = tmp_path / "walls.json"
    path.write_text(json.dumps({"images": records}))
    return path


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Two questions about each picture."""
    lines = []
    for path, name in painted(tmp_path / "asked"):
        image = f"asked/{path.name}"
        colour = {"image": image, "question": "what color is the wall", "answers": [name]}
        lines += [colour, {"image": image, "question": "what is seen", "answers": ["wall", "room"]}]
    path = tmp_path / "walls.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


@pytest.fixture
def translated(tmp_path: Path) -> Path:
    """Captions in English and German."""
    told = [
        {
            "image": f"stamps/{path.name}",
            "caption": f"A {name} wall.",
            "translations": {"de": f"Wand in {IN_GERMAN[name]}."},
        }
        for path, name in painted(tmp_path / "stamps")
    ]
    path = tmp_path / "stamps.json"
    path.write_text(json.dumps(told))
    return path


@pytest.fixture
def head(tmp_path: Path) -> Path:
    """The folder of a head for the toy encoder that was never trained."""
    space = encoders.load("toy").space
    vocabulary = Vocabulary.learnt(["a red wall", "what color is the wall"], 300)
    config = HeadConfig(
        vocabulary.pieces,
        space.dim,
        width=16,
        layers=1,
        heads=2,
        picture_tokens=1,
        answer_pieces=6,
    )
    torch.manual_seed(3)
    search = Search(beams=2, most=6)
    folder = tmp_path / "head"
    stored = Stored(Head(config).eval(), vocabulary, search, search, space.fingerprint)
    write(folder, stored)
    return folder
