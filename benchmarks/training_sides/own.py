"""Train with embedstore for a few steps: `python own.py JSON`."""

from contextlib import suppress

from stopwatch import Over, Stopwatch, asked

from embedstore.training import train
from embedstore.training.augment import Augment
from embedstore.training.recipe import Recipe


def main() -> None:
    """Run `train` as a user does, until the stopwatch is content."""
    told = asked()
    watch = Stopwatch(told["warm"], told["steps"])
    learn = train.learn

    def watched(learner, *rest):
        step = learner.step

        def timed(number, share, parts):
            watch.at(number)
            return step(number, share, parts)

        learner.step = timed
        learn(learner, *rest)

    train.learn = watched
    recipe = Recipe(
        tune="full",
        epochs=1,
        batch=told["batch"],
        chunk=told["chunk"],
        precision=told["precision"],
        augment=Augment(least_area=0.9, jitter=0.0, flip=0.0),  # what open_clip_train does
        hold_out=0.0,
        val_limit=2,
    )
    with suppress(Over):
        train.train(told["pairs"], told["out"], "scratch", recipe, model=told["model"])


if __name__ == "__main__":
    main()
