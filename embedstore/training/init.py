"""What training starts from, by name."""

import copy
import difflib
import json
import logging
import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from embedstore.encoders import folder as folders
from embedstore.encoders import torchvision_ops
from embedstore.encoders.image_tower import VARIANTS
from embedstore.encoders.mini import FOLDER, MiniConfig
from embedstore.encoders.openclip import _own_errors as own_errors
from embedstore.encoders.openclip_names import source_of
from embedstore.errors import Invalid, NotFound
from embedstore.training.dual import START_SCALE, Dual
from embedstore.training.initial import PREPROCESS, initial_model, tokenizer_json
from embedstore.training.mini_dual import MiniDual, mini_of_folder
from embedstore.training.openclip_dual import OpenClipDual
from embedstore.types import digest

CHOICES = ("mini", "mini-base", "openclip:MODEL/PRETRAINED", "hf-hub:ORG/NAME", "PATH", "scratch")
OWN_MODELS = Path(__file__).parent / "models"
_NEEDED = ("embed_dim", "vision_cfg", "text_cfg")


def start(
    name: str,
    device: torch.device,
    model: str | None = None,
    dropout: float = 0.0,
    image_dropout: float = 0.0,
) -> Dual:
    """Build what is to be trained.

    Args:
        name: "mini" for the bundled encoder; "mini-base" for its towers as published, with random
            maps into the shared space; the name of an open_clip model with weights; the path of a
            run or of an encoder's folder; "scratch" for random weights.
        device: Where it is to be trained.
        model: What "scratch" builds: `small`, `small-cnn`, a model of open_clip such as ViT-B-32,
            or a JSON file of such a model's form. For "mini-base", the image tower: lite0 to
            lite2. None for `small` and lite2.
        dropout: Of mini's text tower, and of its features, while it learns.
        image_dropout: Of the features of mini's image tower, while it learns.

    Raises:
        NotFound: No such start, model, file or folder.
        Invalid: The weights are of another model, the model cannot be trained, or `model` is given
            where it means nothing.
        Corrupt: A file is damaged.
        MissingExtra: A package with weights is not installed.
        Unavailable: The model hub cannot be reached.
    """
    if model is not None and name not in ("scratch", "mini-base"):
        raise Invalid(
            f"--model {model} with --init {name}, which says itself what the model is; expected "
            "--model with --init scratch or mini-base only; leave one of them out"
        )
    kind, _, rest = name.partition(":")
    match kind, bool(rest):
        case "mini", False:
            dual: Dual = mini_of_folder(FOLDER, dropout, image_dropout)
        case "mini-base", False:
            dual = _base(model or "lite2", dropout, image_dropout)
        case "scratch", False:
            dual = _scratch(model or "small")
        case "openclip" | "hf-hub" | "local-dir", True:
            dual = _pretrained(name)
        case _:
            dual = _of_path(name, dropout, image_dropout)
    return dual.to(device)


def _base(variant: str, dropout: float, image_dropout: float) -> Dual:
    if variant not in VARIANTS:
        raise NotFound(
            f"no image tower {variant!r} for mini-base; expected one of {', '.join(VARIANTS)}"
        )
    config = MiniConfig(PREPROCESS, image=variant, scales=True)
    model = initial_model(config.dim, config.context, 0.0, variant, config.scales)
    scale = math.log(START_SCALE)
    return MiniDual(model, config, tokenizer_json(), scale, dropout, image_dropout)


def _of_path(name: str, dropout: float, image_dropout: float) -> Dual:
    if not folders.is_path(name):
        raise NotFound(
            f"nothing to start from is called {name!r}; expected one of {', '.join(CHOICES)}; "
            "try --init mini"
        )
    kind, folder = folders.find(name)
    if kind == "exported":
        raise Invalid(
            f"{folder} holds an encoder that was exported, which cannot learn; expected weights; "
            "start from the encoder that it was exported from"
        )
    if kind == "mini":
        return mini_of_folder(folder, dropout, image_dropout)
    return _pretrained(f"local-dir:{folder}")


def _pretrained(name: str) -> Dual:
    torchvision_ops.declare()
    source = source_of(name)
    import open_clip

    with own_errors(name):
        config = copy.deepcopy(open_clip.get_model_config(source.model))
        model = open_clip.create_model(
            source.model, source.pretrained, require_pretrained=True, **source.options
        )
        tokenizer = open_clip.get_tokenizer(source.model)
    if source.options.get("force_quick_gelu"):
        config["quick_gelu"] = True
    return OpenClipDual(name, model.eval(), tokenizer, config, pretrained=True)


def _scratch(model: str) -> Dual:
    torchvision_ops.declare()
    import open_clip

    config = _config(model)
    name = f"embedstore-{digest(config)[:16]}"  # shadows none of open_clip's own
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.json"
        path.write_text(json.dumps(config))
        open_clip.add_model_config(path)
        with own_errors(f"scratch model {model}"), _quiet():
            made = open_clip.create_model(name, pretrained_text=False)
            tokenizer = open_clip.get_tokenizer(name)
    _start_decoder(made)
    return OpenClipDual(f"scratch model {model}", made.eval(), tokenizer, config, pretrained=False)


def _start_decoder(model: torch.nn.Module) -> None:
    """Draw the one matrix of CoCa's decoder that open_clip leaves as memory happened to be."""
    decoder = getattr(model, "text_decoder", None)
    if decoder is not None:
        projection = decoder.text_projection
        torch.nn.init.normal_(projection, std=projection.shape[0] ** -0.5)


def _config(model: str) -> dict[str, Any]:
    import open_clip

    own = OWN_MODELS / f"{model}.json"
    path = own if own.is_file() else Path(model).expanduser()
    if path.suffix == ".json":
        return _config_file(path)
    config: dict[str, Any] | None = open_clip.get_model_config(model)
    if config is None:
        known = sorted(file.stem for file in OWN_MODELS.glob("*.json"))
        near = difflib.get_close_matches(model, open_clip.list_models(), 3, 0.0)
        raise NotFound(
            f"no model {model!r}; expected {', '.join(known)}, one of open_clip such as "
            f"{', '.join(near)}, or a .json file"
        )
    return config


def _config_file(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text("utf-8"))
        config: dict[str, Any] = read.get("model_cfg", read)
        missing = [key for key in _NEEDED if key not in config]
    except FileNotFoundError as error:
        raise NotFound(f"no file {path}; check the path after --model") from error
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise Invalid(
            f"{path} is no model's configuration ({type(error).__name__}: {error}); expected a "
            f"JSON object with {', '.join(_NEEDED)}, as open_clip's models have"
        ) from error
    if missing:
        raise Invalid(
            f"{path} lacks {', '.join(missing)}; expected a JSON object with {', '.join(_NEEDED)}, "
            "as open_clip's models have"
        )
    return config


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back that the model has random weights, which is what was asked for."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
