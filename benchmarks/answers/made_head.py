"""A small head that learns from a made world in a minute or two on one core."""

from dataclasses import replace

import click
import torch

from benchmarks.answers.made_world import DIM, Made, space
from embedstore.answering.head.beam import Search
from embedstore.answering.head.config import Fusion, HeadConfig
from embedstore.answering.head.folder import Stored
from embedstore.answering.head.model import Head
from embedstore.answering.head.vocabulary import Vocabulary
from embedstore.text_metrics import CiderD
from embedstore.training.head.exam import Exam
from embedstore.training.head.examples import Examples
from embedstore.training.head.material import Captioned
from embedstore.training.head.neighbours import near_pictures
from embedstore.training.head.preparing import Task
from embedstore.training.head.recipe import HeadRecipe
from embedstore.training.head.train_head import groups, one_step

PIECES = 500
NEIGHBOURS = 6
NEVER = -1e4  # of the gate that lets words be copied
RECIPE = HeadRecipe(
    photos=32, captions=1, made=0, rate=2e-3, smoothing=0.05, noise=0.0, pool=7,
    most=NEIGHBOURS, pieces=PIECES, width=96, layers=2, dropout=0.0, precision="float32",
)  # fmt: skip


def learnt(
    world: Made,
    steps: int,
    seed: int,
    *,
    copying: bool = True,
    alone: bool = True,
    fusion: Fusion = "attention",
) -> Stored:
    """Train a head with the steps that train the bundled one.

    Args:
        world: To learn from.
        steps: Of training.
        seed: Of weights and examples.
        copying: Whether it may copy words of neighbours.
        alone: Whether some examples are shown without any neighbour.
        fusion: How it reads its neighbours.
    """
    torch.manual_seed(seed)
    recipe = replace(RECIPE, seed=seed, alone=RECIPE.alone if alone else 0.0)
    vocabulary = Vocabulary.learnt(world.captions, PIECES)
    config = HeadConfig(
        vocabulary.pieces, DIM, fusion, recipe.width, recipe.layers, recipe.heads,
        neighbours=NEIGHBOURS, texts=1, text_pieces=24, answer_pieces=20, dropout=recipe.dropout,
    )  # fmt: skip
    head = Head(config)
    if not copying:
        torch.nn.init.constant_(head.pointer.gate.bias, NEVER)
    near = near_pictures(world.vectors, world.vectors, recipe.pool, itself=True)
    examples = Examples(vocabulary, config, recipe, _material(world), near)
    scorer = CiderD([[caption] for caption in world.captions])
    task = Task(examples, Exam((), (), ""), vocabulary, config, 0, scorer)
    optimiser = torch.optim.AdamW(groups(head, recipe), betas=(0.9, 0.98))
    with click.progressbar(range(steps), label="learning", hidden=steps < 100) as bar:
        for step in bar:
            one_step(head, optimiser, task, recipe, step, steps)
    search = Search(beams=3, most=config.answer_pieces)
    return Stored(head.eval(), vocabulary, search, search, space(seed).fingerprint)


def _material(world: Made) -> Captioned:
    captions = tuple((caption,) for caption in world.captions)
    return Captioned(captions, world.vectors, tuple(world.vectors[:, None]))
