"""The name of an open_clip encoder into what open_clip loads, with safetensors only.

Other formats are pickles, and a pickle is a program.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embedstore.encoders.hub import WEIGHTS, hub_file, hub_folder
from embedstore.errors import Invalid, NotFound

_LOOK = ("mean", "std", "interpolation", "resize_mode")


@dataclass(frozen=True)
class Source:
    """What to hand to open_clip.

    Attributes:
        model: Name of a configuration, or local-dir:PATH.
        pretrained: File of the weights; None where `model` is a folder with them.
        tokenizer: What tells tokenizers of one class apart.
        options: Further arguments of `open_clip.create_model`.
    """

    model: str
    pretrained: str | None = None
    tokenizer: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def source_of(name: str) -> Source:
    """Find the weights that a name means, and fetch them where they are on the hub.

    Raises:
        NotFound: No model, tag, folder or file of that name.
        Unavailable: The hub cannot be reached.
        Invalid: The weights are not safetensors.
    """
    kind, _, rest = name.partition(":")
    if kind == "local-dir":
        return _folder(name, Path(rest), "local")
    if kind == "hf-hub":
        return _folder(name, hub_folder(name, rest), rest)
    model, _, pretrained = rest.partition("/")
    config = _config(name, model)
    tokenizer = str(config.get("text_cfg", {}).get("hf_tokenizer_name", ""))
    if pretrained.startswith("/"):
        return Source(model, str(_file(name, Path(pretrained))), tokenizer)
    return _tagged(name, model, pretrained, tokenizer)


def _folder(name: str, folder: Path, tokenizer: str) -> Source:
    for wanted in ("open_clip_config.json", WEIGHTS):
        if not (folder / wanted).is_file():
            raise NotFound(
                f"{name}: no {wanted} in {folder}; expected a folder with open_clip_config.json "
                f"and {WEIGHTS}"
            )
    return Source(f"local-dir:{folder}", tokenizer=tokenizer)


def _file(name: str, path: Path) -> Path:
    _only_safetensors(name, path.name)
    if not path.is_file():
        raise NotFound(f"{name}: no file {path}; check the path after MODEL/")
    return path


def _config(name: str, model: str) -> dict[str, Any]:
    import open_clip

    config: dict[str, Any] | None = open_clip.get_model_config(model)
    if config is None:
        known = ", ".join(difflib.get_close_matches(model, open_clip.list_models(), 3, 0.0))
        raise NotFound(f"{name}: open_clip has no model {model!r}; expected such as {known}")
    return config


def _tagged(name: str, model: str, tag: str, tokenizer: str) -> Source:
    import open_clip

    config = open_clip.get_pretrained_cfg(model, tag) if tag else None
    if not config:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(model)) or "none"
        raise NotFound(
            f"{name}: {model} has no weights {tag!r}; expected one of {tags}, or "
            f"openclip:{model}//PATH.safetensors"
        )
    repo, _, filename = config.get("hf_hub", "").rpartition("/")
    filename = filename.replace(".bin", ".safetensors") or WEIGHTS
    _only_safetensors(name, filename if repo else config.get("url", "none"))
    path = hub_file(name, repo, filename)
    look = {key: config[key] for key in _LOOK if config.get(key) is not None}
    # A configuration may lack what its weights were trained with; open_clip only warns of it.
    gelu = {"force_quick_gelu": True} if config.get("quick_gelu") else {}
    return Source(model, str(path), tokenizer, {"force_preprocess_cfg": look, **gelu})


def _only_safetensors(name: str, filename: str) -> None:
    if not filename.endswith(".safetensors"):
        raise Invalid(
            f"{name}: weights in {Path(filename).name!r} are not let in, for pickles can run code; "
            "expected a .safetensors file; convert them, or choose other weights"
        )
