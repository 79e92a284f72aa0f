"""Train with open_clip_train for a few steps: `python peer.py JSON`; embedstore is not needed."""

import runpy
from contextlib import suppress
from pathlib import Path

from stopwatch import Over, Stopwatch, asked

OPERATORS = Path(__file__).parents[2] / "embedstore/encoders/torchvision_ops.py"
PRECISIONS = {"float32": "fp32", "bfloat16": "amp_bf16"}


def main() -> None:
    """Run open_clip_train's main function, until the stopwatch is content."""
    declared = runpy.run_path(str(OPERATORS))["declare"]()  # alive as long as it is held
    told = asked()
    watch = Stopwatch(told["warm"], told["steps"])
    import open_clip
    from open_clip_train import main as peer

    model = told["model"]
    if model.endswith(".json"):
        open_clip.add_model_config(Path(model))
        model = Path(model).stem
    schedule = peer.cosine_lr

    def watched(*given):
        rate = schedule(*given)

        def timed(step):
            watch.at(step)
            return rate(step)

        return timed

    peer.cosine_lr = watched
    with suppress(Over):
        peer.main(arguments(told, model))
    del declared


def arguments(told: dict, model: str) -> list[str]:
    """Give the command line of open_clip_train that does what `own.py` does."""
    given = {
        "train-data": told["pairs"],
        "dataset-type": "csv",
        "csv-separator": ",",
        "csv-img-key": "image",
        "csv-caption-key": "caption",
        "model": model,
        "device": "cpu",
        "batch-size": told["batch"],
        "precision": PRECISIONS[told["precision"]],
        "workers": told["workers"],
        "logs": told["out"],
        "name": "run",
        "epochs": 1,
        "warmup": 10,
        "lr": 5e-4,
        "beta1": 0.9,
        "beta2": 0.999,
        "eps": 1e-8,
        "wd": 0.1,
        "grad-clip-norm": 1.0,
    }
    return [part for name, value in given.items() for part in (f"--{name}", str(value))]


if __name__ == "__main__":
    main()
