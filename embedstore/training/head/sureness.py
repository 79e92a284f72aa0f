"""How probably right what a head writes is, measured on what was held out and kept beside it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from embedstore.answering import confidence
from embedstore.answering.confidence import LEAST, Task
from embedstore.answering.judging import Judged, sureness
from embedstore.answering.types import Draft, Prompt
from embedstore.training.head.exam import Exam

Asked = Sequence[tuple[Prompt, tuple[str, ...]]]


def keep_confidences(
    folder: Path, exam: Exam, write: Callable[[Prompt], Draft], space: str
) -> tuple[Path, ...]:
    """Measure confidence on both tasks, where enough was held out, and keep it with a head.

    Args:
        folder: Of the head.
        exam: What was held out.
        write: Prompts into drafts.
        space: Fingerprint of the vectors' space.

    Returns:
        The files.
    """
    tasks: tuple[tuple[Task, Asked], ...] = (("caption", exam.captions), ("ask", exam.questions))
    return tuple(
        _keep(folder, task, asked, write, space) for task, asked in tasks if len(asked) >= LEAST
    )


def _keep(
    folder: Path, task: Task, asked: Asked, write: Callable[[Prompt], Draft], space: str
) -> Path:
    judged = [Judged(prompt, write(prompt), said, _picture(prompt)) for prompt, said in asked]
    return confidence.save(sureness(task, judged, space), "head", task, folder)


def _picture(prompt: Prompt) -> bytes | None:
    return None if prompt.vector is None else prompt.vector.tobytes()
