"""What a run does after its last step: the mixture, the gate, and the papers."""

from dataclasses import replace
from pathlib import Path

from embedstore.training import card, curve
from embedstore.training.average import State, put
from embedstore.training.evaluate import Held, Retrieval
from embedstore.training.gate import Report, passed
from embedstore.training.learner import Learner
from embedstore.training.pairs import Pairs
from embedstore.training.resuming import Course
from embedstore.training.wise import best_mixture


def conclude(
    learner: Learner,
    held: Held,
    course: Course,
    before: State,
    data: Pairs,
    about: card.About,
    force: bool,
) -> Report:
    """Mix the best weights with the start, judge them, and write encoder, report, card and curve.

    Args:
        learner: After the last step.
        held: Photos to measure on.
        course: How far the run is.
        before: Weights at the start.
        data: What was learnt from.
        about: What the card tells beside the report.
        force: Offer the encoder whatever its recall.

    Raises:
        StorageFull: The folder cannot be written.
    """
    run, dual = Path(about.out), learner.dual
    mixture = best_mixture(dual, before, course.best, held, learner.recipe.wise)
    put(dual, mixture.state)
    unseen = "not trained on" if data.unseen else "trained on as well"
    count = f"{len(held.photos):,}"
    if len(held.photos) < len(data.val):
        count += f" of {len(data.val):,}"
    begun = Report(
        start=course.start,
        mixing_weight=mixture.share,
        measured_on=f"{count} photos {unseen}: {data.rule}",
        photos=len(data.train),
        steps=course.step,
        seconds=course.seconds,
        images_per_second=course.photos / max(course.seconds, 1e-9),
    )
    report = passed(run, dual, held, begun, Retrieval.of_ranks(course.ranks), force)
    report.write(run)
    captions = sum(len(photo.captions) for photo in data.train)
    about = replace(about, captions=captions, changes=tuple(course.changes))
    card.write(run, card.card(report, learner.recipe, about))
    curve.draw(run)
    return report
