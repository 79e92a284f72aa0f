"""A prompt as a head sees it, read once for all that is done with it."""

from dataclasses import dataclass

from embedstore.answering.head.folder import Stored
from embedstore.answering.head.model import Memory
from embedstore.answering.head.shown import Shown, inputs, shown
from embedstore.answering.types import Prompt


@dataclass(frozen=True)
class Sight:
    """What is asked and what is shown.

    Attributes:
        question: None for a caption.
        shown: Picture and neighbours, as numbers.
        memory: The same, as the head has read it.
    """

    question: str | None
    shown: Shown
    memory: Memory


def sight(stored: Stored, prompt: Prompt) -> Sight:
    """Let a head read a prompt.

    Args:
        stored: The head.
        prompt: What is asked.

    Raises:
        Invalid: Vectors are not of the dimension that the head was trained on.
    """
    return seen(stored, shown(prompt, stored.vocabulary, stored.head.config), prompt.question)


def seen(stored: Stored, put: Shown, question: str | None) -> Sight:
    """Let a head read what is put into numbers already."""
    memory = stored.head.remember(inputs([put], stored.head.config, stored.vocabulary.padding))
    return Sight(question, put, memory)


def prefixed(stored: Stored, question: str | None) -> list[int]:
    """Give what stands before the answer: a mark, after the words of a question if there is one."""
    if question is None:
        return [stored.vocabulary.caption]
    most = stored.head.config.question_pieces
    return [*stored.vocabulary.encode(question, most), stored.vocabulary.answer]
