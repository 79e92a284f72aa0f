"""How probably right what a head writes is, measured on what was held out and kept beside it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from embedstore.answering import confidence
from embedstore.answering.confidence import LEAST, Task
from embedstore.answering.features import features
from embedstore.answering.types import Draft, Prompt
from embedstore.text_metrics import CiderD, vqa_accuracy
from embedstore.training.head.exam import Exam

CAPTIONS_RIGHT = "CIDEr-D of {} or more with the captions of people counts as right"
ANSWERS_RIGHT = "an answer of people, word for word, counts as right"
RIGHT_CIDER = 0.5  # of a caption that counts as right: about what these heads reach on average


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
    known = CiderD([texts for _, texts in exam.captions]) if exam.captions else None
    kept = []
    if known is not None and len(exam.captions) >= LEAST:

        def shown(said: str, texts: tuple[str, ...]) -> bool:
            return known.score(said, texts) >= RIGHT_CIDER

        about = CAPTIONS_RIGHT.format(RIGHT_CIDER)
        kept.append(_keep(folder, "caption", exam.captions, write, shown, space, about))
    if len(exam.questions) >= LEAST:

        def answered(said: str, answers: tuple[str, ...]) -> bool:
            return vqa_accuracy(said, answers) >= 1.0

        kept.append(_keep(folder, "ask", exam.questions, write, answered, space, ANSWERS_RIGHT))
    return tuple(kept)


def _keep(
    folder: Path,
    task: Task,
    asked: Sequence[tuple[Prompt, tuple[str, ...]]],
    write: Callable[[Prompt], Draft],
    right: Callable[[str, tuple[str, ...]], bool],
    space: str,
    about: str,
) -> Path:
    told = [(prompt, write(prompt), known) for prompt, known in asked if prompt.evidence]
    found = confidence.measure(
        [features(prompt, draft) for prompt, draft, _ in told],
        [right(draft.text, known) for _, draft, known in told],
        space=space,
        groups=[prompt.vector.tobytes() for prompt, _, _ in told if prompt.vector is not None],
        about={"right": about},
    )
    return confidence.save(found, "head", task, folder)
