"""Questions about pictures with their answers, divided by picture as training divides them."""

from pathlib import Path

import click

from embedstore.training.head.material import Asked, held_out
from embedstore.training.head.material import questions_of as read
from embedstore.training.head.recipe import HeadRecipe

__all__ = ["Asked", "questions_of"]


def questions_of(path: Path) -> tuple[list[Asked], list[Asked]]:
    """Read questions and give those to learn from and those of held-out pictures.

    Args:
        path: Lines such as `{"image": "a.jpg", "question": "what is red", "answers": ["a cup"]}`.

    Raises:
        click.ClickException: One side has no question.
    """
    learnt, held = held_out(read(path), HeadRecipe().hold_out)
    if not learnt or not held:
        raise click.ClickException(
            f"{path.name}: {len(learnt)} questions to learn from and {len(held)} held out; "
            "expected some of each; give questions about more pictures"
        )
    return learnt, held
