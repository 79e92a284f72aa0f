"""Questions about pictures with their answers, divided by picture."""

import json
from dataclasses import dataclass
from pathlib import Path

import click

from embedstore.training.held_out import is_held_out


@dataclass(frozen=True)
class Asked:
    """A question about a picture, and what people answered.

    Attributes:
        key: Unique in the file.
        image: The picture's file.
        question: Its words.
        answers: At least one.
    """

    key: str
    image: Path
    question: str
    answers: tuple[str, ...]


def questions_of(path: Path) -> tuple[list[Asked], list[Asked]]:
    """Read questions and give those to learn from and those of held-out pictures.

    Args:
        path: Lines such as `{"image": "a.jpg", "question": "what is red", "answers": ["a cup"]}`.

    Raises:
        click.ClickException: One side has no question.
    """
    learnt: list[Asked] = []
    held: list[Asked] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fields = json.loads(line)
        image, answers = path.parent / fields["image"], tuple(fields["answers"])
        side = held if is_held_out(image.name) else learnt
        side.append(Asked(f"{path.stem}/{number}", image, fields["question"], answers))
    if not learnt or not held:
        raise click.ClickException(
            f"{path.name}: {len(learnt)} questions to learn from and {len(held)} held out; "
            "expected some of each; give questions about more pictures"
        )
    return learnt, held
