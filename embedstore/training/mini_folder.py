"""Write a trained `mini`: weights, configuration, tokenizer."""

import json
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import save_file

from embedstore.encoders.mini import CONFIG, TOKENIZER, WEIGHTS, MiniConfig
from embedstore.encoders.mini_model import MiniModel, packed
from embedstore.training.initial import PREPROCESS, tokenizer_json
from embedstore.training.recipe import Recipe

RECIPE = "recipe.json"


def write_mini(model: MiniModel, recipe: Recipe, folder: Path) -> None:
    """Write what `encoders.mini.load_mini` reads, and the recipe beside it.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_file(packed(model.state_dict()), folder / WEIGHTS)
    MiniConfig(PREPROCESS, recipe.dim, recipe.context).write(folder / CONFIG)
    (folder / TOKENIZER).write_text(tokenizer_json(), "utf-8")
    (folder / RECIPE).write_text(json.dumps(asdict(recipe), indent=2) + "\n")
