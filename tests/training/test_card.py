"""What a run leaves for people: a picture of it, a card, and a recipe that can be followed again."""

import shlex

import pytest
import torch
from PIL import Image

from embedstore.errors import Invalid, NotFound, StorageFull
from embedstore.training.card import CARD, About, card, machine, write
from embedstore.training.curve import draw
from embedstore.training.gate import Report
from embedstore.training.objective import Objective
from embedstore.training.recipe import Rates, Recipe
from embedstore.training.recipe_file import changed, read_recipe
from embedstore.training.run_log import RunLog

REPORT = Report(
    start={"text_to_image@1": 0.2, "image_to_text@10": 0.5},
    mixing_weight=0.75,
    measured_on="1,000 photos not trained on: splits of dogs.json",
    photos=6091,
    steps=190,
    seconds=600.0,
    images_per_second=81.3,
    end={"text_to_image@1": 0.3, "image_to_text@10": 0.6},
    offered=True,
    why="better than its start",
)
ABOUT = About("mini", "/home/someone/dogs.json", "/home/someone/runs/my dogs", "a laptop")


def test_the_card_says_what_was_measured_and_where_it_came_from():
    text = card(REPORT, Recipe(tune="lora", seed=7), ABOUT)
    assert text.startswith("# my dogs\n")
    assert "| text -> image R@1 | 0.200 | 0.300 |" in text
    assert "| image -> text R@10 | 0.500 | 0.600 |" in text
    assert "0.75 of what was learnt and 0.25 of the start" in text
    assert "chosen by the recall on these same pictures" in " ".join(text.split())
    assert "6,091 pictures of dogs.json" in text
    assert "under which terms" in text
    assert "low-rank adapters" in text
    assert "| objective.loss | multi_positive |" in text
    assert "| seed | 7 |" in text
    assert "/home/someone" not in text, "a card is handed on; it tells no folders"


def test_the_card_tells_what_its_user_adds():
    about = About(
        **{
            **vars(ABOUT),
            "init": "scratch",
            "model": "ViT-S",
            "teacher": "openclip:B",
            "captions": 5,
        }
        | {"terms": "CC BY 4.0.", "more": "## More\n\nwords", "val": "/x/val.csv"}
    )
    text = card(REPORT, Recipe(), about)
    assert "6,091 pictures with 5 captions of dogs.json. CC BY 4.0." in text
    assert "Random weights of the model ViT-S, with `openclip:B` as its teacher." in text
    assert "\n## More\n\nwords\n\n## Limits\n" in text
    assert "{" not in text


def test_the_command_in_the_card_is_one_that_the_command_line_takes():
    from api.cli import loaded

    given = {"model": "lite1", "val": "v.json", "images": "/x/photos", "terms": "CC BY 4.0"}
    text = card(REPORT, Recipe(), About(**{**vars(ABOUT), **given}))
    line = next(line for line in text.splitlines() if line.startswith("    embedstore"))
    words = shlex.split(line)
    assert words[:2] == ["embedstore", "train"]
    found = loaded("train").make_context("train", words[2:]).params
    assert (found["pairs"], found["model"], found["val"]) == ("dogs.json", "lite1", "v.json")
    assert (str(found["images"]), found["terms"]) == ("photos", "CC BY 4.0")
    assert found["out"].name == "my dogs-again"


def test_the_card_tells_no_folders_of_models_either(tmp_path):
    (tmp_path / "own.json").touch()
    model, teacher = str(tmp_path / "own.json"), f"local-dir:{tmp_path / 'big'}"
    about = About(**{**vars(ABOUT), "init": "scratch", "model": model, "teacher": teacher})
    text = card(REPORT, Recipe(), about)
    assert "the model own.json, with `local-dir:big` as its teacher" in text
    assert str(tmp_path) not in text


def test_a_card_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "encoder").mkdir()
    write(tmp_path, "words")
    assert (tmp_path / CARD).read_text() == (tmp_path / "encoder" / CARD).read_text() == "words"
    with pytest.raises(StorageFull, match="model card"):
        write(tmp_path / "missing", "words")


def test_a_machine_has_a_name():
    assert "threads" in machine(torch.device("cpu"))
    assert torch.__version__ in machine(torch.device("cpu"))


@pytest.mark.parametrize("steps", [0, 1, 120])
def test_the_curve_is_drawn_whatever_the_log_holds(tmp_path, steps):
    with RunLog(tmp_path, steps) as log:
        for step in range(1, steps + 1):
            log.step(step, loss=float("nan") if step == 3 else 4.0 / step)
            if step % 40 == 0:
                log.validation(step, step / 40, {"text_to_image@1": step / 200, "mean": 0.1})
    with Image.open(draw(tmp_path)) as picture:
        assert picture.size == (1200, 480)


def test_a_curve_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "curve.png").mkdir()
    with pytest.raises(StorageFull, match="training curve"):
        draw(tmp_path)


def test_a_recipe_comes_back_as_it_was_written(tmp_path):
    recipe = Recipe(rates=Rates(1, 2, 3), objective=Objective("sigmoid"), wise=(0.5, 1.0), batch=7)
    recipe.write(tmp_path / "recipe.json")
    assert read_recipe(tmp_path / "recipe.json") == recipe


def test_single_values_of_a_recipe_are_changed():
    made = changed(
        Recipe(seed=3), {"objective.loss": "sigmoid", "objective.distill": 0.5, "batch": 9}
    )
    assert made == Recipe(seed=3, objective=Objective("sigmoid", distill=0.5), batch=9)
    assert changed(Recipe(), {}) == Recipe()


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{", "is not JSON"),
        ("[]", "is a list"),
        ('{"bacth": 1}', "bacth is unknown; expected one of tune"),
        ('{"objective": {"los": 1}}', "los is unknown; expected one of loss"),
        ('{"epochs": 0}', "epochs is 0"),
        ('{"epochs": "many"}', "a value has the wrong type"),
        ('{"rates": {"image": 1}}', "a value has the wrong type"),
        ('{"rates": {"image": "x", "text": 1, "maps": 1}}', "a value has the wrong type"),
        ('{"objective": 3}', "objective is 3; expected an object"),
        ('{"augment": null}', "augment is None; expected an object"),
        ('{"augment": {"jitter": -3}}', "jitter is -3; expected 0 to 1"),
        ('{"objective": {"loss": "l2"}}', "unknown loss 'l2'"),
    ],
)
def test_what_is_no_recipe_is_refused_in_one_line(tmp_path, written, told):
    (tmp_path / "recipe.json").write_text(written)
    with pytest.raises(Invalid, match=told) as caught:
        read_recipe(tmp_path / "recipe.json")
    assert "\n" not in str(caught.value)


def test_a_missing_recipe_is_named(tmp_path):
    with pytest.raises(NotFound, match=r"no recipe at .*missing\.json"):
        read_recipe(tmp_path / "missing.json")
