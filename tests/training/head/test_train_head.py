"""A whole run on 24 made photos: learning, stopping, going on, the gate, the command."""

import json
import os
import shutil
import signal

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from api.cli import main
from api.exit_codes import NOT_OFFERED
from embedstore.answering.head.generator import HeadGenerator
from embedstore.answering.types import Evidence, Prompt
from embedstore.errors import Conflict, Invalid, NotFound
from embedstore.training import checkpoint
from embedstore.training.head import train_head as loop
from embedstore.training.head.ending import passes
from embedstore.training.head.lessons import step_of
from embedstore.training.head.material import held_out, questions_of
from embedstore.training.head.recipe import HeadRecipe, changed, read_recipe
from embedstore.training.head.train_head import train_head

COLOURS = {"red": (200, 0, 0), "green": (0, 160, 0), "blue": (0, 0, 200), "white": (240, 240, 240)}
TINY = HeadRecipe(
    epochs=3, photos=8, captions=2, asked=4, made=2, pieces=300, width=16, layers=1, heads=2,
    evaluations=2, val_limit=3, most=3, least=2, hold_out=0.4, save_minutes=0, warm_up=0.2, seed=5,
    precision="float32",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Photos of plain colours with noise, captions and questions."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    captions, questions = [], []
    for number in range(24):
        name = list(COLOURS)[number % 4]
        pixels = np.array(COLOURS[name]) + rng.integers(-40, 40, (32, 32, 3))
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"{number}.png")
        for text in (f"a {name} wall .", f"A picture of a {name} wall"):
            captions.append({"image": f"{number}.png", "caption": text})
        asked = {"image": f"{number}.png", "question": "what color is it", "answers": [name]}
        questions.append(asked)
    for name, lines in (("captions", captions), ("questions", questions)):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text)
    return folder


def trained(data, out, recipe=TINY, **more):
    more = {"qa": data / "questions.jsonl", "force": True, **more}
    return train_head(data / "captions.jsonl", out, "toy", recipe, **more)


def weights(run):
    state = checkpoint.latest(run / "checkpoints")
    return {name: one for name, one in state.tensors.items() if name.startswith("model/")}


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    run = tmp_path_factory.mktemp("run") / "whole"
    return run, trained(data, run)


def test_a_run_leaves_a_head_that_answers_and_its_papers(whole):
    run, report = whole
    assert report.offered
    assert {"captions@cider", "captions@bleu4", "questions@accuracy"} == set(report.figures)
    assert {"nearest", "consensus", "usual answer"} == set(report.rivals)
    told = json.loads((run / "report.json").read_text())
    assert told["head"] == "head"
    assert "| consensus |" in (run / "head" / "MODEL_CARD.md").read_text()
    steps = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in steps if "loss" in line] == list(range(1, report.steps + 1))
    assert len([line for line in steps if "val" in line]) == 2
    prompt = Prompt((Evidence("a", ("a red wall",), 0.5),), "what color is it")
    assert len(HeadGenerator(run).generate([prompt])[0].support) == 1


def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(data, whole, tmp_path, monkeypatch):
    step = loop.one_step

    def interrupted(*arguments):
        if arguments[4] == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(*arguments)

    monkeypatch.setattr(loop, "one_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained(data, tmp_path / "run")
    monkeypatch.setattr(loop, "one_step", step)
    assert checkpoint.latest(tmp_path / "run" / "checkpoints").step == 4
    report = trained(data, tmp_path / "run")
    run, before = whole
    assert report.figures == before.figures
    ours, theirs = weights(tmp_path / "run"), weights(run)
    assert all(torch.equal(theirs[name], one) for name, one in ours.items())


def test_another_recipe_does_not_go_on_with_a_run(data, whole):
    run, _ = whole
    with pytest.raises(Conflict, match="--no-resume"):
        trained(data, run, changed(TINY, {"seed": 6}))


def test_a_head_to_start_from_with_other_weights_is_another_run(data, whole, tmp_path):
    first, short = tmp_path / "first", changed(TINY, {"epochs": 0.4})
    shutil.copytree(whole[0] / "head", first)
    trained(data, tmp_path / "run", short, init=first)
    shutil.rmtree(first)
    trained(data, tmp_path / "other", changed(short, {"rate": 1e-2}), init=whole[0])
    shutil.copytree(tmp_path / "other" / "head", first)
    with pytest.raises(Conflict, match=r"other weights at its start than --init.*--no-resume"):
        trained(data, tmp_path / "run", short, init=first)


def test_a_head_goes_on_from_another_with_whole_captions_rewarded(data, whole, tmp_path):
    run, _ = whole
    recipe = changed(TINY, {"reward": 0.5, "rate": 1e-4})
    report = trained(data, tmp_path / "run", recipe, init=run)
    text = (tmp_path / "run" / "metrics.jsonl").read_text()
    steps = [json.loads(line) for line in text.splitlines()]
    rewarded = [line["step"] for line in steps if "reward_captions" in line]
    assert rewarded == list(range(report.steps // 2 + report.steps % 2 + 1, report.steps + 1))
    ours, theirs = weights(tmp_path / "run"), weights(run)
    assert ours.keys() == theirs.keys()
    assert all((ours[name] - theirs[name]).abs().max() < 0.02 for name in theirs)


def test_both_fusions_train_without_questions(data, tmp_path):
    short = changed(TINY, {"fusion": "concatenation", "epochs": 1.0})
    report = trained(data, tmp_path / "run", short, qa=None)
    assert "questions@accuracy" not in report.figures


def test_a_step_is_drawn_from_the_seed_and_its_number_alone(data, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(loop, "step_of", lambda *one: seen.append(one) or step_of(*one))
    trained(data, tmp_path / "run", changed(TINY, {"epochs": 1.0}))
    examples, recipe, step = seen[-1]
    first, again = step_of(examples, recipe, step), step_of(examples, recipe, step)
    assert [lesson.texts for lesson in first[0]] == [lesson.texts for lesson in again[0]]
    assert [one.texts for one in step_of(examples, recipe, 0)[0]] != [one.texts for one in first[0]]


def test_a_head_that_is_no_better_is_not_offered(data, tmp_path):
    report = trained(data, tmp_path / "run", changed(TINY, {"epochs": 0.4}), force=False)
    assert not report.offered
    assert "no better than a rival" in report.why
    assert report.head.name == "refused"
    with pytest.raises(NotFound):
        HeadGenerator(tmp_path / "run")


def test_the_gate_names_what_is_worse():
    rivals = {"nearest": {"captions@cider": 0.5}, "usual answer": {"questions@accuracy": 0.1}}
    better = {"captions@cider": 0.6, "questions@accuracy": 0.2}
    assert passes(better, rivals) == []
    assert "0.500 of nearest" in passes({**better, "captions@cider": 0.5}, rivals)[0]


def test_questions_of_a_picture_stay_on_one_side(data):
    learnt, held = held_out(questions_of(data / "questions.jsonl"), 0.4)
    assert learnt
    assert held
    assert not {one.image for one in learnt} & {one.image for one in held}


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"image": "a.jpg"}', '{"question": "a", "answers": 3}']
)
def test_a_line_that_is_no_question_is_named(tmp_path, line):
    path = tmp_path / "q.jsonl"
    path.write_text(f'{{"image": "a.jpg", "question": "a", "answers": ["b"]}}\n{line}\n')
    with pytest.raises(Invalid, match="line 2"):
        questions_of(path)
    with pytest.raises(NotFound, match="no questions at"):
        questions_of(tmp_path / "none")


@pytest.mark.parametrize(
    "values",
    [{"epochs": 0}, {"photos": 0}, {"dropout": 1.0}, {"fusion": "glue"}, {"speed": 1}, {"seed": "a"},
     {"photos": 2.5}, {"least": 9}, {"precision": "float8"}],
)  # fmt: skip
def test_a_recipe_says_what_is_wrong_with_it(values):
    with pytest.raises(Invalid):
        changed(HeadRecipe(), values)


def test_a_recipe_may_be_near_its_bounds():
    near = {"ema": 0.9999, "dropout": 0.9995, "epochs": 0.0005, "samples": 2_000}
    assert changed(HeadRecipe(), near).ema == 0.9999


def test_a_recipe_is_read_from_another_run(whole, tmp_path):
    assert read_recipe(whole[0] / "recipe.json") == TINY
    assert read_recipe(None) == HeadRecipe()
    with pytest.raises(NotFound):
        read_recipe(tmp_path / "none.json")
    for text in ("{", "[]"):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(Invalid):
            read_recipe(tmp_path / "bad.json")


def test_the_command_trains_and_says_how_to_ask(data, whole, tmp_path):
    recipe = str(whole[0] / "recipe.json")
    words = ["train-head", str(data / "captions.jsonl"), "--qa", str(data / "questions.jsonl")]
    words += [
        "--encoder",
        "toy",
        "--recipe",
        recipe,
        "--epochs",
        "0.4",
        "--out",
        str(tmp_path / "r"),
    ]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == NOT_OFFERED, done.output
    assert "not offered" in done.output
    assert "consensus" in done.output
    done = CliRunner().invoke(main, [*words, "--force", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["offered"] is True
