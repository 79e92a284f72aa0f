"""Answers by a vision-language model of transformers, from a folder of this machine."""

import importlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from embedstore.answering import chat
from embedstore.answering.types import Draft, Prompt
from embedstore.corpus import images
from embedstore.encoders import torchvision_ops
from embedstore.errors import MissingExtra, NotFound, Unavailable

_SIDE = 512  # pixels
_LONGEST_ANSWER = 120  # tokens


class HfGenerator:
    """Shows an image-text-to-text model the same prompt as an endpoint gets, unmasked.

    Nothing is downloaded, no code from the folder runs, weights are safetensors only.
    """

    def __init__(self, path: Path) -> None:
        """Load the model.

        Args:
            path: Folder as `save_pretrained` writes it, of the model and its processor.

        Raises:
            NotFound: There is no such folder.
            MissingExtra: transformers is not installed.
            Unavailable: The folder does not hold such a model.
        """
        if not (path / "config.json").is_file():
            raise NotFound(
                f"{path}: no model there; expected a folder with config.json, weights and "
                "processor; download one and name its folder"
            )
        transformers = _transformers()
        settings = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._processor = transformers.AutoProcessor.from_pretrained(path, **settings)
            model = transformers.AutoModelForImageTextToText.from_pretrained(
                path, use_safetensors=True, **settings
            )
        except Exception as error:  # whatever the folder's many files make of its many loaders
            raise Unavailable(
                f"{path}: cannot be loaded ({type(error).__name__}: {_first_line(error)}); "
                "expected an image-text-to-text model in safetensors, with its processor"
            ) from error
        self._model = model.eval()
        self.name = f"hf:{path}"

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        """Write one draft a prompt; one without evidence gets an empty one.

        Raises:
            BadImage: The picture cannot be decoded.
            Unavailable: The model cannot work with the prompt.
        """
        return [self._one(prompt) for prompt in prompts]

    def _one(self, prompt: Prompt) -> Draft:
        if not prompt.evidence:
            return chat.draft(None, 0, None)
        messages = [
            {"role": "system", "content": [{"type": "text", "text": chat.SYSTEM}]},
            {"role": "user", "content": _content(prompt)},
        ]
        try:
            text, log_probability = self._written(messages)
        except (ValueError, RuntimeError, IndexError) as error:
            raise Unavailable(
                f"{self.name} failed ({type(error).__name__}: {_first_line(error)}); expected a "
                "model with a chat template and room for the prompt; show fewer neighbours, or use "
                "the generator consensus"
            ) from error
        return chat.draft(chat.parse(text), len(prompt.evidence), log_probability)

    def _written(self, messages: list[dict[str, Any]]) -> tuple[str, float]:
        """Decode greedily; give the words and the mean log-probability of their tokens."""
        inputs = self._processor.apply_chat_template(
            messages,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
        made = self._model.generate(
            **inputs,
            max_new_tokens=_LONGEST_ANSWER,
            do_sample=False,
            return_dict_in_generate=True,
            output_scores=True,
        )
        scores = self._model.compute_transition_scores(
            made.sequences, made.scores, normalize_logits=True
        )
        new = made.sequences[0, inputs["input_ids"].shape[1] :]
        text = self._processor.decode(new, skip_special_tokens=True)
        return text, float(scores[0].mean())


def _content(prompt: Prompt) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if prompt.image is not None:
        picture = Image.open(io.BytesIO(images.thumbnail(prompt.image, _SIDE)))
        parts.append({"type": "image", "image": picture})
    # Nothing leaves the machine: no masks
    return [*parts, {"type": "text", "text": chat.request(prompt, ())}]


def _transformers() -> Any:
    torchvision_ops.declare()  # transformers imports torchvision
    try:
        return importlib.import_module("transformers")
    except ImportError as error:
        raise MissingExtra(
            f"the generator hf needs the package transformers, which cannot be imported ({error}); "
            "run `pip install 'embedstore[hf]'`"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200]
