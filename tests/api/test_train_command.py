"""`embedstore train`: what it passes on, what it prints, and one small run from end to end."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from api.cli import EXIT_CODES, loaded, main
from api.exit_codes import NOT_OFFERED
from embedstore.errors import Invalid
from embedstore.training import train as training
from embedstore.training.gate import Report
from embedstore.training.objective import Objective
from embedstore.training.recipe import Rates, Recipe

TINY = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


def run(*words: object, code: int = 0):
    done = CliRunner().invoke(main, ["train", *map(str, words)])
    assert done.exit_code == code, done.output
    return done


def report(offered: bool) -> Report:
    figures = {"text_to_image@1": 0.25}
    place = Path("runs/my dogs") / ("encoder" if offered else "refused")
    return Report(
        figures,
        0.5,
        "5 photos",
        40,
        10,
        3.0,
        133.0,
        {"text_to_image@1": 0.5},
        offered,
        "because",
        place,
    )


@pytest.fixture
def asked(monkeypatch):
    """What `train` was called with."""
    calls = []

    def fake(pairs, out, **options):
        calls.append({"pairs": pairs, "out": out, **options})
        return report(offered="refused" not in str(out))

    monkeypatch.setattr(training, "train", fake)
    return calls


def test_without_options_the_defaults_of_the_recipe_hold(asked):
    run("pairs.jsonl", "--out", "runs/a")
    assert asked == [
        {
            "pairs": "pairs.jsonl",
            "out": Path("runs/a"),
            "init": "mini",
            "recipe": Recipe(),
            **dict.fromkeys(("model", "val", "images", "teacher", "terms")),
            "device": "auto",
            "resume": True,
            "force": False,
            "wandb": False,
        }
    ]


def test_options_reach_the_recipe_and_overrule_the_one_of_another_run(asked, tmp_path):
    Recipe(epochs=30, seed=3).write(tmp_path / "recipe.json")
    words = "--loss sigmoid --distill 0.5 --lr 0.001 --epochs 2 --tune lora --rank 4 --batch 8 --chunk 4"
    more = "--checkpointing --no-resume --force --device cpu --init scratch --model ViT-B-32"
    run("p", "--out", "o", "--recipe", tmp_path / "recipe.json", *words.split(), *more.split())
    assert asked[0]["recipe"] == Recipe(
        seed=3,
        epochs=2,
        tune="lora",
        rank=4,
        batch=8,
        chunk=4,
        checkpointing=True,
        objective=Objective("sigmoid", distill=0.5),
        rates=Rates(0.001, 0.001, 0.001),
    )
    assert (asked[0]["resume"], asked[0]["force"], asked[0]["device"]) == (False, True, "cpu")
    assert (asked[0]["init"], asked[0]["model"]) == ("scratch", "ViT-B-32")


def test_the_end_is_told_with_the_next_command(asked):
    told = run("p", "--out", "runs/my dogs").stdout
    assert "text_to_image@1" in told
    assert "0.250" in told
    assert "0.500" in told
    assert "embedstore re-embed COLLECTION --encoder 'runs/my dogs'" in told
    told = run("p", "--out", "refused", code=NOT_OFFERED).stdout
    assert "not offered" in told
    assert "--encoder 'runs/my dogs/refused'" in told
    assert "re-embed" not in told


def test_of_several_processes_one_tells_the_end(asked, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert run("p", "--out", "o").output == ""
    monkeypatch.setenv("RANK", "0")
    assert "text_to_image@1" in run("p", "--out", "o").output


@pytest.mark.parametrize("name", ["WORLD_SIZE", "RANK"])
def test_an_environment_without_numbers_is_one_line(asked, monkeypatch, name):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv(name, "two")
    done = run("p", "--out", "o", code=EXIT_CODES["Invalid"])
    assert f"{name}='two'; expected a whole number" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_json_is_for_programs(asked):
    told = json.loads(run("p", "--out", "o", "--json").stdout)
    assert told["offered"] is True
    assert told["encoder"] == "runs/my dogs/encoder"
    told = json.loads(run("p", "--out", "refused", "--json", code=NOT_OFFERED).stdout)
    assert told["offered"] is False


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--epochs", "0"), "epochs is 0; expected 1 to"),
        (("--hard-negatives", "1", "--loss", "sigmoid"), "hard_negatives is 1.0"),
        (("--rank", "4"), "--rank 4 with --tune left out"),
        (("--rank", "4", "--tune", "heads"), "--rank 4 with --tune heads"),
    ],
)
def test_what_cannot_be_followed_is_one_line(asked, words, told):
    done = run("p", "--out", "o", *words, code=EXIT_CODES["Invalid"])
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not asked


def test_an_error_of_training_is_one_line(monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise Invalid("step 3: the loss is nan")

    monkeypatch.setattr(training, "train", fail)
    assert run("p", "--out", "o", code=5).stderr == "error: step 3: the loss is nan\n"


def test_the_help_lists_options_in_groups():
    told = run("--help").stdout
    groups = [
        "Start and data:",
        "What learns:",
        "How long and how fast:",
        "Machine and run:",
        "Other:",
    ]
    assert [line for line in told.splitlines() if line in groups] == groups
    assert "PAIRS" not in told.partition("Other:")[2]


OPTION_OF = {
    "objective.hard_negatives": "hard_negatives",
    "objective.distill": "distill",
    "objective.distill_features": "distill_features",
    "objective.loss": "loss",
}


def recipe_values():
    """The values of a usual recipe by name, those of its parts with theirs before."""
    for name, value in vars(Recipe()).items():
        if name in ("objective", "augment"):
            yield from ((f"{name}.{own}", each) for own, each in vars(value).items())
        else:
            yield name, value


def test_the_help_tells_the_defaults_of_the_recipe():
    options = {each.name: each.help for each in loaded("train").params if each.name != "pairs"}
    for name, value in recipe_values():
        told = options.get(OPTION_OF.get(name, name))
        if told is not None and value is not None:
            shown = "off" if value is False else f"{value:g}" if value != str(value) else value
            assert f"[default: {shown}" in told, name


def test_the_how_to_names_what_only_a_recipe_sets():
    options = {each.name for each in loaded("train").params}
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "fine-tune.md").read_text()
    for name, _ in recipe_values():
        if OPTION_OF.get(name, name) not in options:
            assert f"`{name}`" in page, name


def test_a_small_run_from_pictures_to_a_search(tmp_path):
    folder, out = tmp_path / "pairs", tmp_path / "run"
    folder.mkdir()
    with (folder / "pairs.jsonl").open("w") as lines:
        for name in ("red", "lime", "blue", "black"):
            Image.new("RGB", (40, 40), name).save(folder / f"{name}.png")
            lines.write(json.dumps({"image": f"{name}.png", "caption": f"all {name}"}) + "\n")
    (tmp_path / "tiny.json").write_text(json.dumps(TINY))
    words = (
        "--init",
        "scratch",
        "--model",
        tmp_path / "tiny.json",
        "--epochs",
        2,
        "--device",
        "cpu",
    )
    again = [
        run(folder / "pairs.jsonl", "--out", out, *words, "--force", "--json") for _ in range(2)
    ]
    first, second = (json.loads(each.stdout) for each in again)
    assert first["steps"] == second["steps"] == 2
    assert first["end"] == second["end"]
    store = ("--store", tmp_path / "store", "--collection", "mine", "--workers", "0")
    done = CliRunner().invoke(
        main, ["index", str(folder / "pairs.jsonl"), "--encoder", str(out), *map(str, store)]
    )
    assert done.exit_code == 0, done.output
    assert "4 added" in done.stdout
