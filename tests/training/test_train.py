"""The loop, on eight made photos and a tiny model: learning, stopping, going on, the gate."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image

from embedstore import encoders
from embedstore.errors import Conflict, Invalid, MissingExtra, NotFinite, NotFound, StorageFull
from embedstore.training import checkpoint, resuming, train
from embedstore.training.evaluate import evaluate, mean_recall
from embedstore.training.gate import Report
from embedstore.training.init import start
from embedstore.training.learner import Learner
from embedstore.training.objective import Objective
from embedstore.training.pairs import pairs_of
from embedstore.training.recipe import Rates, Recipe

COLOURS = {
    "red": (200, 0, 0),
    "green": (0, 160, 0),
    "blue": (0, 0, 200),
    "white": (240, 240, 240),
    "black": (5, 5, 5),
    "yellow": (230, 220, 0),
    "purple": (120, 0, 140),
    "grey": (128, 128, 128),
}
TINY = {
    "embed_dim": 16,
    "vision_cfg": {
        "image_size": 32,
        "layers": 1,
        "width": 32,
        "head_width": 16,
        "patch_size": 8,
        "patch_dropout": 0.25,  # random in training, as dropout is
    },
    "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
SHORT = Recipe(epochs=6, save_minutes=0, patience=0, rates=Rates(1e-3, 1e-3, 1e-3), seed=3)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # such small tensors are slower in two
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    lines = []
    for name, colour in COLOURS.items():
        Image.fromarray(np.full((48, 64, 3), colour, np.uint8)).save(folder / f"{name}.png")
        lines.append({"image": f"{name}.png", "captions": [f"a {name} wall", f"all is {name}"]})
    (folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (folder / "tiny.json").write_text(json.dumps(TINY))
    return folder


def run(data, out, recipe=SHORT, **options):
    options = {"model": str(data / "tiny.json"), "device": "cpu", **options}
    return train.train(data / "pairs.jsonl", out, options.pop("init", "scratch"), recipe, **options)


def last(out):
    return checkpoint.latest(out / "checkpoints")


def told(out):
    return json.loads((out / "report.json").read_text())


def same(ours, theirs):
    assert ours.step == theirs.step
    assert ours.tensors.keys() == theirs.tensors.keys()
    return all(torch.equal(ours.tensors[name], theirs.tensors[name]) for name in ours.tensors)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A short run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    run(data, out)
    return out


def test_eight_pairs_are_learnt_by_heart(data, tmp_path):
    report = run(data, tmp_path / "run", Recipe(epochs=60, rates=Rates(2e-3, 2e-3, 2e-3)))
    assert report.offered
    assert report.end["text_to_image@1"] == 1.0
    assert report.end["image_to_text@1"] == 1.0
    assert report.start["text_to_image@1"] < 1.0
    assert "trained on as well" in report.why
    encoder = encoders.load(str(tmp_path / "run"), "cpu")
    photos = pairs_of(data / "pairs.jsonl").train
    assert evaluate(encoder, photos).text_to_image.at(1) == 1.0


def test_a_run_leaves_what_it_did(data, whole):
    recipe = json.loads((whole / "recipe.json").read_text())
    assert recipe["seed"] == 3
    assert recipe["tune"] == "full"
    lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4, 5, 6]
    assert sum("val" in line for line in lines) == 6
    assert {"temperature", "gradient_norm", "learning_rate", "images_per_second"} <= set(lines[0])
    assert lines[0]["learning_rate"] == pytest.approx(1e-3)  # that of the weights
    assert json.loads((whole / "report.json").read_text())["photos"] == 8


def test_a_stopped_run_goes_on_as_if_it_had_not(data, whole, tmp_path, monkeypatch):
    step = Learner.step

    def stops(self, number, *rest):
        if number == 4:
            raise KeyboardInterrupt
        return step(self, number, *rest)

    monkeypatch.setattr(Learner, "step", stops)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path)
    monkeypatch.undo()
    assert last(tmp_path).step == 4
    torch.manual_seed(99)  # whatever came between
    run(data, tmp_path)
    assert same(last(tmp_path), last(whole))
    assert told(tmp_path)["gain"] == told(whole)["gain"]


def test_a_checkpoint_without_the_ranks_of_its_start_has_it_measured(
    data, whole, tmp_path, monkeypatch
):
    with monkeypatch.context() as older:
        older.setattr(resuming, "_APART", ("step", "best", "ranks"))
        run(data, tmp_path)
    run(data, tmp_path)
    for name in ("start", "gain"):
        assert told(tmp_path)[name] == told(whole)[name]


def test_the_gain_is_told_with_its_interval(data, whole):
    report = Report.read(whole)
    assert report.gain.mean == pytest.approx(mean_recall(report.end) - mean_recall(report.start))
    assert report.gain.low <= report.gain.mean <= report.gain.high
    said = f"95% interval {report.gain.low:+.4f} to {report.gain.high:+.4f}"
    assert said in report.why
    assert said in (report.encoder / "MODEL_CARD.md").read_text()


def test_a_killed_run_goes_on_as_if_it_had_not(data, whole, tmp_path):
    program = (
        "import sys, torch; torch.set_num_threads(1); sys.path = sys.argv[1].split(':')\n"
        "from pathlib import Path\n"
        "from embedstore.training import recipe, train\n"
        "rates = recipe.Rates(1e-3, 1e-3, 1e-3)\n"
        "short = recipe.Recipe(epochs=6, save_minutes=0, patience=0, rates=rates, seed=3)\n"
        "data = Path(sys.argv[2])\n"
        "train.train(data / 'pairs.jsonl', sys.argv[3], 'scratch', short, device='cpu',\n"
        "            model=str(data / 'tiny.json'))\n"
    )
    arguments = [":".join(["", *sys.path]), str(data), str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=Path(__file__).parents[2],
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list((tmp_path / "checkpoints").glob("step-*3.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert last(tmp_path).step >= 3
    run(data, tmp_path)
    assert same(last(tmp_path), last(whole))


def spoiled(monkeypatch, factor, first):
    """Multiply the losses from some call on, before which training is as it is."""
    contrast, calls = Objective.__call__, []

    def spoils(self, *rows):
        calls.append(rows)
        return contrast(self, *rows) * (factor if len(calls) >= first else 1.0)

    monkeypatch.setattr(Objective, "__call__", spoils)


USUAL = replace(SHORT, save_minutes=Recipe().save_minutes)  # no checkpoint before the end


def test_a_loss_that_is_no_number_stops_and_keeps_every_step_before(
    data, whole, tmp_path, monkeypatch
):
    with monkeypatch.context() as wrong:
        spoiled(wrong, float("nan"), 3)
        with pytest.raises(NotFinite, match=r"step 3: the loss is nan.* after step 2") as caught:
            run(data, tmp_path, USUAL)
    assert "\n" not in str(caught.value)
    kept = last(tmp_path)
    assert kept.step == 2
    assert all(tensor.isfinite().all() for tensor in kept.tensors.values())
    assert run(data, tmp_path, USUAL).steps == 6
    assert same(last(tmp_path), last(whole))  # the bad step left nothing


def test_what_the_message_advises_goes_on_and_is_told(data, tmp_path, monkeypatch, capsys):
    lower = replace(USUAL, rates=Rates(1e-4, 1e-4, 1e-4), precision="float32")
    with monkeypatch.context() as wrong:
        spoiled(wrong, float("inf"), 3)
        with pytest.raises(NotFinite, match="a lower --lr or with --precision float32"):
            run(data, tmp_path, USUAL)
    with pytest.raises(Conflict, match="seed 3"):
        run(data, tmp_path, replace(lower, seed=4))
    assert run(data, tmp_path, lower, force=True).steps == 6
    assert "going on after step 2; after step 2 rates {" in capsys.readouterr().err
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    rates = [line["learning_rate"] for line in lines if "loss" in line]
    assert rates[1] > 5e-4
    assert max(rates[2:]) < 1e-4
    card = (tmp_path / "MODEL_CARD.md").read_text()
    assert "precision 'float32' in place of 'auto'" in card
    with pytest.raises(Conflict, match="rates"):  # nothing was wrong since then
        run(data, tmp_path, USUAL)


def test_a_first_step_that_is_no_number_begins_anew(data, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as wrong:
        spoiled(wrong, float("nan"), 1)
        with pytest.raises(NotFinite, match=r"step 1: .*the run begins anew"):
            run(data, tmp_path, replace(USUAL, rates=Rates(1.0, 1.0, 1.0)))
    run(data, tmp_path, USUAL)
    assert same(last(tmp_path), last(whole))


def test_the_gate_refuses_what_is_no_better_unless_forced(data, tmp_path):
    still = Recipe(epochs=2, rates=Rates(0.0, 0.0, 0.0, 0.0))
    report = run(data, tmp_path, still)
    assert not report.offered
    assert report.encoder == tmp_path / "refused"
    assert "a gain of +0.0000, 95% interval +0.0000 to +0.0000, which is within noise" in report.why
    with pytest.raises(NotFound, match="no better than its start"):
        encoders.load(str(tmp_path), "cpu")
    encoders.load(str(tmp_path / "refused"), "cpu")
    forced = run(data, tmp_path, still, force=True)
    assert forced.offered
    assert "forced" in forced.why
    assert not (tmp_path / "refused").exists()
    encoders.load(str(tmp_path), "cpu")


def test_an_encoder_goes_only_when_its_successor_is_in_place(data, tmp_path, monkeypatch):
    once = replace(SHORT, epochs=1)
    run(data, tmp_path, once, force=True)
    (tmp_path / "encoder" / "README").write_text("kept")
    move = Path.replace

    def fails(self, target):
        if self.name == "encoder.partial":
            raise OSError(5, "Input/output error")
        return move(self, target)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", fails)
        with pytest.raises(StorageFull, match="Input/output error"):
            run(data, tmp_path, once, force=True)
    assert (tmp_path / "encoder" / "README").read_text() == "kept"
    run(data, tmp_path, once, force=True)
    assert not (tmp_path / "encoder" / "README").exists()
    assert not list(tmp_path.glob("encoder.*"))


def test_weights_and_biases_is_missed_before_anything_is_done(data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtra, match=r"embedstore\[wandb\]"):
        run(data, tmp_path / "run", wandb=True)
    assert not (tmp_path / "run").exists()


def test_checkpointing_changes_nothing_and_bfloat16_little(data, whole, tmp_path):
    def losses(out):
        return [
            line["loss"]
            for line in map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
            if "loss" in line
        ]

    run(data, tmp_path / "again", replace(SHORT, checkpointing=True))
    assert losses(tmp_path / "again") == pytest.approx(losses(whole), rel=1e-4)
    report = run(data, tmp_path / "coarse", replace(SHORT, precision="bfloat16"))
    assert losses(tmp_path / "coarse") == pytest.approx(losses(whole), rel=0.05)
    assert losses(tmp_path / "coarse") != losses(whole)
    assert report.steps == 6


def test_starting_over_forgets_the_run(data, tmp_path):
    run(data, tmp_path, replace(SHORT, epochs=1))
    with pytest.raises(Conflict, match=r"epochs 1, and this one has 2.*--no-resume") as caught:
        run(data, tmp_path, replace(SHORT, epochs=2))
    assert "\n" not in str(caught.value)
    assert json.loads((tmp_path / "recipe.json").read_text())["epochs"] == 1
    assert run(data, tmp_path, replace(SHORT, epochs=2), resume=False).steps == 2


def test_starting_over_deletes_nothing_before_all_is_loaded(data, tmp_path):
    run(data, tmp_path, replace(SHORT, epochs=1), force=True)
    (tmp_path / "encoder" / "README").write_text("kept")

    def files():
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    before, again = files(), {"resume": False, "model": None}
    wrong = [
        {"init": "mnii"},
        {"teacher": "toy"},
        {"val": data / "missing.jsonl"},
        {"recipe": replace(SHORT, batch=9), "model": str(data / "tiny.json")},
    ]
    for options in wrong:
        with pytest.raises((Invalid, NotFound)):
            run(data, tmp_path, **again | options)
        assert files() == before
    with pytest.raises(NotFound):
        train.train(data / "pars.jsonl", tmp_path, resume=False)
    for init in (tmp_path, tmp_path / "encoder", f"local-dir:{tmp_path / 'encoder'}"):
        with pytest.raises(Conflict, match=r"--init .* --no-resume deletes it.*--out") as caught:
            run(data, tmp_path, init=str(init), **again)
        assert "\n" not in str(caught.value)
    assert files() == before


def test_a_run_that_is_asked_to_stop_loses_no_step(data, whole, tmp_path, monkeypatch, capsys):
    @contextmanager
    def after_three_steps():
        steps = iter((False, False, True))
        yield lambda: next(steps)

    monkeypatch.setattr(train, "between_steps", after_three_steps)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path, replace(SHORT, save_minutes=60))
    assert last(tmp_path).step == 3
    monkeypatch.undo()
    run(data, tmp_path, replace(SHORT, save_minutes=60))
    assert same(last(tmp_path), last(whole))
    assert "going on after step 3" in capsys.readouterr().err


@pytest.mark.parametrize("first", ["SIGINT", "SIGTERM"])
def test_the_first_signal_asks_and_the_next_ctrl_c_stops(first):
    script = """
import signal
from embedstore.training.stopping import between_steps
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
with between_steps() as asked:
    assert not asked()
    signal.raise_signal(signal.FIRST)
    assert asked()
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        print("stopped")
"""
    done = subprocess.run(
        [sys.executable, "-c", script.replace("FIRST", first)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "stopped\n"
    assert "stopping after this step" in done.stderr


@pytest.mark.parametrize("name", ["checkpoints/mine.pt", "encoder/notes.txt", "holiday.jpg"])
def test_a_folder_of_something_else_is_left_alone(data, tmp_path, name):
    kept = tmp_path / name
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("mine")
    for resume in (True, False):
        with pytest.raises(Conflict, match=r"holds .* and no recipe\.json") as one:
            run(data, tmp_path, resume=resume)
        assert "\n" not in str(one.value)
    assert kept.read_text() == "mine"
    with pytest.raises(Conflict, match="is a file"):
        run(data, kept)


def test_two_processes_do_not_share_a_run(data, tmp_path):
    with (
        FileLock(tmp_path / "run.lock"),
        pytest.raises(Conflict, match="another process trains in"),
    ):
        run(data, tmp_path)
    assert not (tmp_path / "recipe.json").exists()


def test_tables_and_shards_are_learnt_from_too(data, tmp_path):
    table, shard = tmp_path / "pairs.csv", tmp_path / "pairs.tar"
    table.write_text("image,caption\n" + "".join(f"{data / n}.png,a {n} wall\n" for n in COLOURS))
    with tarfile.open(shard, "w") as tar:
        for name in COLOURS:
            tar.add(data / f"{name}.png", f"{name}.png")
            text = tarfile.TarInfo(f"{name}.txt")
            text.size = len(name)
            tar.addfile(text, io.BytesIO(name.encode()))
    for pairs in (table, shard):
        report = train.train(
            pairs,
            tmp_path / f"{pairs.name}-run",
            "scratch",
            replace(SHORT, epochs=1),
            model=str(data / "tiny.json"),
            device="cpu",
        )
        assert (report.photos, report.steps) == (8, 1)


def test_a_sigmoid_run_keeps_its_bias_when_it_goes_on(data, tmp_path):
    sigmoid = replace(SHORT, epochs=2, wise=(1.0,), objective=Objective("sigmoid"))
    first = run(data, tmp_path / "first", sigmoid, force=True)
    best, made = last(tmp_path / "first").tensors, start(str(first.encoder), torch.device("cpu"))
    assert best["model/bias"] != -10.0
    assert first.mixing_weight == 1.0
    assert made.bias == best["best/bias"]


def test_other_photos_are_another_run(data, tmp_path):
    run(data, tmp_path / "run", replace(SHORT, epochs=1))
    lines = (data / "pairs.jsonl").read_text().splitlines()
    (data / "fewer.jsonl").write_text("\n".join(lines[:7]))
    with pytest.raises(Conflict, match="a run with other photos or captions than the pairs have"):
        train.train(
            data / "fewer.jsonl",
            tmp_path / "run",
            "scratch",
            replace(SHORT, epochs=1),
            model=str(data / "tiny.json"),
            device="cpu",
        )


def test_a_start_or_a_teacher_with_other_weights_is_another_run(data, tmp_path):
    first, kept = tmp_path / "first", tmp_path / "kept"
    run(data, first, replace(SHORT, epochs=1), force=True)
    once = replace(SHORT, epochs=1, tune="full")
    taught = replace(once, objective=Objective(distill=1.0))

    def begin(**options):
        run(data, tmp_path / "run", once, init=str(first), model=None, **options)

    def learn(**options):
        run(data, tmp_path / "taught", taught, teacher=str(first / "encoder"), **options)

    begin()
    learn()
    shutil.copytree(first, kept)
    run(data, first, replace(SHORT, epochs=2), force=True, resume=False)
    for again, told in ((begin, "other weights at its start than --init"), (learn, "--teacher")):
        with pytest.raises(Conflict, match=f"{told}.*--no-resume to start over") as caught:
            again()
        assert "\n" not in str(caught.value)
    shutil.rmtree(first)
    shutil.copytree(kept, first)
    begin()
    learn()
    run(data, first, replace(SHORT, epochs=2), force=True, resume=False)
    begin(resume=False)


def test_a_checkpoint_that_knows_nothing_of_its_start_goes_on(data, tmp_path, monkeypatch):
    asked = resuming.identity
    with monkeypatch.context() as older:
        older.setattr(
            train,
            "identity",
            lambda *one, **names: {
                name: value
                for name, value in asked(*one, **names).items()
                if not name.endswith("_weights")
            },
        )
        run(data, tmp_path, replace(SHORT, epochs=1))
    assert run(data, tmp_path, replace(SHORT, epochs=1)).steps == 1


@pytest.mark.parametrize(
    ("minutes", "told"), [(2.0, "begins anew"), (0.0, "goes on after step 2, which is kept")]
)
def test_weights_that_give_no_vectors_are_told(data, tmp_path, monkeypatch, minutes, told):
    step = Learner.step

    def spoils(self, number, *rest):
        figures = step(self, number, *rest)
        with torch.no_grad():
            if number == 2:
                self.dual.model.text_projection.fill_(float("inf"))
        return figures

    recipe = replace(SHORT, save_minutes=minutes)
    with monkeypatch.context() as wrong:
        wrong.setattr(Learner, "step", spoils)
        with pytest.raises(NotFinite, match=f"step 3: .* vectors with NaN.*{told}") as caught:
            run(data, tmp_path, recipe)
    assert "\n" not in str(caught.value)
    assert run(data, tmp_path, replace(recipe, precision="float32")).steps == 6


def test_another_corpus_to_measure_on(data, tmp_path):
    lines = (data / "pairs.jsonl").read_text().splitlines()
    (data / "val.jsonl").write_text("\n".join(lines[:3]))
    told = "https://creativecommons.org/licenses/by/4.0/"
    report = run(
        data, tmp_path, replace(SHORT, epochs=1), val=data / "val.jsonl", terms=told, force=True
    )
    assert report.photos == 5
    assert report.measured_on == "3 photos not trained on: all of val.jsonl"
    for folder in (tmp_path, tmp_path / "encoder"):
        assert told in (folder / "MODEL_CARD.md").read_text()


def test_a_checkpoint_of_another_architecture_is_refused(data, tmp_path):
    model = tmp_path / "model.json"
    model.write_text(json.dumps(TINY))
    run(data, tmp_path / "run", replace(SHORT, epochs=1), model=str(model))
    model.write_text(json.dumps({**TINY, "embed_dim": 24}))
    with pytest.raises(Invalid, match="another architecture"):
        run(data, tmp_path / "run", replace(SHORT, epochs=1), model=str(model))


def test_early_stopping_and_going_on_after_it(data, tmp_path, capsys):
    lazy = replace(SHORT, epochs=9, patience=2, rates=Rates(0.0, 0.0, 0.0, 0.0))
    assert run(data, tmp_path, lazy).steps == 3
    assert "stopped at step 3: 2 times no better (--patience)" in capsys.readouterr().err
    assert run(data, tmp_path, lazy).steps == 3  # nothing is left to do


@pytest.mark.parametrize("tune", ["text", "heads", "lora", "upper"])
def test_each_way_of_tuning_trains(data, tmp_path, tune):
    recipe = replace(SHORT, epochs=2, tune=tune, chunk=3, accumulate=2, batch=4)
    assert run(data, tmp_path, recipe).steps == 2


def test_a_teacher_is_learnt_from(data, tmp_path):
    distil = replace(SHORT, epochs=1, objective=Objective(distill=1.0))
    assert run(data, tmp_path / "a", distil, teacher="toy").steps == 1
    with pytest.raises(Invalid, match="no teacher; name an encoder"):
        run(data, tmp_path / "b", distil)
    with pytest.raises(Invalid, match="has no weight"):
        run(data, tmp_path / "c", teacher="toy")
    features = replace(SHORT, objective=Objective(distill_features=1.0))
    with pytest.raises(Invalid, match=r"dimensions; expected 16") as caught:
        run(data, tmp_path / "d", features, teacher="toy")
    assert "\n" not in str(caught.value)


def test_what_cannot_be_trained_is_one_line(data, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(StorageFull, match="Not a directory") as caught:
        run(data, file / "run")
    assert "\n" not in str(caught.value)
    with pytest.raises(Invalid, match=r"a batch of 9 pairs.*8 photos.*--batch 8"):
        run(data, tmp_path / "large", replace(SHORT, batch=9))
