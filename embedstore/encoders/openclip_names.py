"""The name of an open_clip encoder into what open_clip loads, with safetensors only.

Other formats are pickles, and a pickle is a program.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedstore.errors import Invalid, NotFound, Unavailable


@dataclass(frozen=True)
class Source:
    """What to hand to open_clip.

    Attributes:
        model: Name of a configuration, or hf-hub:... or local-dir:...
        pretrained: Tag or file of the weights; None where `model` holds them.
        tokenizer: What tells tokenizers of one class apart.
    """

    model: str
    pretrained: str | None
    tokenizer: str


def source_of(name: str) -> Source:
    """Find the weights that a name means, and fetch them where they are on the hub.

    Raises:
        NotFound: No model, tag, folder or file of that name.
        Unavailable: The hub cannot be reached.
        Invalid: The weights are not safetensors.
    """
    kind, _, rest = name.partition(":")
    if kind == "local-dir":
        return _local(name, Path(rest))
    if kind == "hf-hub":
        from open_clip.pretrained import download_pretrained_from_hf

        _only_safetensors(name, _fetched(name, download_pretrained_from_hf, rest))
        return Source(name, None, rest)
    model, _, pretrained = rest.partition("/")
    config = _config(name, model)
    tokenizer = str(config.get("text_cfg", {}).get("hf_tokenizer_name", ""))
    if pretrained.startswith("/"):
        return Source(model, str(_file(name, Path(pretrained))), tokenizer)
    _fetch_tag(name, model, pretrained)
    return Source(model, pretrained, tokenizer)


def _local(name: str, folder: Path) -> Source:
    if not (folder / "open_clip_config.json").is_file():
        raise NotFound(
            f"{name}: no open_clip_config.json in {folder}; expected a folder with it and "
            "open_clip_model.safetensors"
        )
    if not list(folder.glob("*.safetensors")):
        raise NotFound(f"{name}: no .safetensors file in {folder}; put the weights there")
    return Source(f"local-dir:{folder}", None, "local")


def _file(name: str, path: Path) -> Path:
    _only_safetensors(name, str(path))
    if not path.is_file():
        raise NotFound(f"{name}: no file {path}; check the path after the double slash")
    return path


def _config(name: str, model: str) -> dict[str, Any]:
    import open_clip

    config: dict[str, Any] | None = open_clip.get_model_config(model)
    if config is None:
        known = ", ".join(_alike(model, open_clip.list_models()))
        raise NotFound(f"{name}: open_clip has no model {model!r}; expected such as {known}")
    return config


def _fetch_tag(name: str, model: str, tag: str) -> None:
    import open_clip
    from open_clip.pretrained import download_pretrained

    config = open_clip.get_pretrained_cfg(model, tag) if tag else None
    if not config:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(model)) or "none"
        raise NotFound(
            f"{name}: {model} has no weights {tag!r}; expected one of {tags}, or "
            f"openclip:{model}//PATH.safetensors"
        )
    _only_safetensors(name, _fetched(name, download_pretrained, config))


def _fetched(name: str, fetch: Any, what: Any) -> str:
    """Call one of open_clip's downloads and sort out what went wrong."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        return str(fetch(what))
    except (OSError, RuntimeError) as error:
        cause = error.__context__ or error
        missing = (EntryNotFoundError, RepositoryNotFoundError)
        if isinstance(cause, missing) and not isinstance(cause, LocalEntryNotFoundError):
            raise NotFound(f"{name}: the model hub has no such weights; check the name") from error
        raise Unavailable(
            f"{name}: the model hub cannot be reached to fetch the weights "
            f"({type(cause).__name__}); connect and try again, or work offline with --encoder mini"
        ) from error


def _only_safetensors(name: str, path: str) -> None:
    if not path.endswith(".safetensors"):
        raise Invalid(
            f"{name}: weights in {Path(path).name!r} are not let in, for pickles can run code; "
            "expected a .safetensors file; convert them, or choose other weights"
        )


def _alike(model: str, known: list[str]) -> list[str]:
    import difflib

    return difflib.get_close_matches(model, known, n=3, cutoff=0.0)
