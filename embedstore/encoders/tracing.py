"""The towers of a torch encoder as float32 graphs, and its tokenizer beside them."""

import copy
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from embedstore.encoders.exported import TOKENIZER
from embedstore.encoders.hub import hub_folder
from embedstore.encoders.mini import MiniEncoder
from embedstore.encoders.openclip import OpenClipEncoder
from embedstore.encoders.runtimes import extra
from embedstore.errors import Invalid
from embedstore.types import Encoder

IMAGE, TEXT = "image.onnx", "text.onnx"
_OPENCLIP = "open_clip_config.json"
_OPSET = 18
_EXAMPLE_WORDS = 11  # any number that is not taken for a constant


@dataclass(frozen=True)
class Traced:
    """What `trace` wrote.

    Attributes:
        tokenizer: Kind of the tokenizer.
        context: Tokens that are read of a text.
    """

    tokenizer: Literal["wordpiece", "open_clip"]
    context: int


class _Tower(nn.Module):
    """A function of one input, with unit rows."""

    def __init__(self, owner: nn.Module, rows: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.owner = owner
        self.rows = rows

    def forward(self, values: Tensor) -> Tensor:
        """Map the input to `(n, d)`."""
        return functional.normalize(self.rows(values).float(), dim=1)


def traceable(encoder: Encoder) -> MiniEncoder | OpenClipEncoder:
    """Give an encoder that has towers to export, computing in float32 from now on.

    Raises:
        Invalid: It has none.
    """
    if not isinstance(encoder, MiniEncoder | OpenClipEncoder):
        raise Invalid(
            f"encoder {encoder.space.encoder} has no torch model to export; expected mini, an "
            "open_clip model or a trained run; choose another with ENCODER"
        )
    encoder._dtype = torch.float32  # what an export's loss is measured against
    return encoder


def trace(encoder: MiniEncoder | OpenClipEncoder, folder: Path) -> Traced:
    """Write image.onnx, text.onnx and the tokenizer.

    The graphs take uint8 pixels and token ids: a quarter of the bytes, and nothing left to do
    outside. Normalisation is part of the image graph; padding is told from the ids.

    Args:
        encoder: On the CPU.
        folder: To write into.

    Raises:
        MissingExtra: The exporter's packages are not installed.
        Invalid: The exporter does not know its operations.
    """
    extra("onnxscript", "onnx")
    model: Any = copy.deepcopy(encoder._model).eval()
    mean, std = encoder._mean, encoder._std
    side = encoder.preprocess.size
    images = model.embed_images if isinstance(encoder, MiniEncoder) else model.encode_image

    def pictures(pixels: Tensor) -> Tensor:  # (n, side, side, 3)
        rows: Tensor = images((pixels.permute(0, 3, 1, 2).float() - mean) / std)
        return rows

    _write(_Tower(model, pictures), _pixels(side), False, folder / IMAGE)
    if isinstance(encoder, MiniEncoder):
        ids = torch.randint(5, 1000, (2, _EXAMPLE_WORDS))
        words = _Tower(model, lambda ids: model.embed_texts(ids, ids != 0))
        _write(words, ids, True, folder / TEXT)
        (folder / TOKENIZER).write_text(encoder._tokenizer.to_str(), "utf-8")
        return Traced("wordpiece", encoder._context)
    ids = encoder._tokenizer(["a dog", "the sea at night"])
    _write(_Tower(model, model.encode_text), ids, False, folder / TEXT)
    config = {"model_cfg": _config(encoder.space.encoder)}
    (folder / _OPENCLIP).write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    hidden = getattr(encoder._tokenizer, "tokenizer", None)
    if hidden is not None:  # one of transformers
        hidden.save_pretrained(folder)
    return Traced("open_clip", encoder._context)


def _pixels(side: int) -> Tensor:
    return torch.zeros(2, side, side, 3, dtype=torch.uint8)


def _write(tower: nn.Module, example: Tensor, any_length: bool, path: Path) -> None:
    axes: dict[int, Any] = {0: torch.export.Dim.DYNAMIC}
    if any_length:
        axes[1] = torch.export.Dim.DYNAMIC
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        try:
            program = torch.onnx.export(
                tower.eval(),
                (example,),
                input_names=["values"],
                output_names=["rows"],
                dynamic_shapes=(axes,),
                opset_version=_OPSET,
                dynamo=True,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            reason = " ".join(str(error).split())[:200]
            raise Invalid(
                f"torch cannot export this model to ONNX ({reason}); use another encoder"
            ) from error
    if program is None:
        raise Invalid("torch gave no ONNX program; expected torch 2.9 or later; update torch")
    program.save(str(path), external_data=False)


def _config(name: str) -> dict[str, Any]:
    """Give open_clip's configuration of a model by the name of its encoder."""
    import open_clip

    kind, _, rest = name.partition(":")
    if kind == "openclip":
        found: dict[str, Any] = open_clip.get_model_config(rest.partition("/")[0])
        return found
    folder = hub_folder(name, rest) if kind == "hf-hub" else Path(rest or name)
    written: dict[str, Any] = json.loads((Path(folder) / _OPENCLIP).read_text("utf-8"))
    model: dict[str, Any] = written["model_cfg"]
    return model
