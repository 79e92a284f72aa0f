"""Answers by a chat model behind an OpenAI-compatible endpoint, on this machine or another."""

import base64
import json
import math
from collections.abc import Sequence
from typing import Any

import httpx

from embedstore.answering import chat, masking
from embedstore.answering.endpoint_http import Limits, address, post
from embedstore.answering.types import Draft, Prompt
from embedstore.corpus import images
from embedstore.errors import Invalid, Unavailable

_SIDE = 512  # pixels; what most vision models look at
_LONGEST_ANSWER = 300  # tokens


class EndpointGenerator:
    """Sends the question, the picture and the masked neighbours; believes only true citations."""

    def __init__(
        self,
        url: str,
        model: str,
        key: str | None = None,
        maskers: Sequence[masking.Masker] = masking.DEFAULT,
        timeout: float = 30.0,
        retries: int = 2,
        budget: float = 60.0,
        images: bool = True,
    ) -> None:
        """Check the settings; nothing is sent.

        Args:
            url: Of the server, such as `http://127.0.0.1:11434/v1`.
            model: As the server calls it.
            key: Sent as a bearer token and told to nobody else.
            maskers: Applied to every text before it is sent.
            timeout: Of one attempt, seconds.
            retries: Attempts after the first.
            budget: Of a prompt with all its attempts, seconds.
            images: Whether the picture that is asked about is sent.

        Raises:
            Invalid: An address, model or key that cannot be sent.
        """
        self._url = address(url)
        if not model:
            raise Invalid("the endpoint's model is ''; expected its name, such as URL#llava")
        if key is not None and not (key.isascii() and key.isprintable()):
            raise Invalid("the endpoint's key has signs outside printable ASCII; set it again")
        self._headers = {"authorization": f"Bearer {key}"} if key else {}
        self._model, self._maskers, self._images = model, tuple(maskers), images
        self._limits = Limits(timeout, retries, budget)
        self.name = f"endpoint:{url}#{model}"

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        """Write one draft a prompt; one without evidence gets an empty one without a call.

        Raises:
            Unavailable: The endpoint does not answer.
            BadImage: The picture cannot be decoded.
        """
        # No redirects, and no proxies or passwords from the environment: texts go where the
        # settings say and nowhere else
        with httpx.Client(headers=self._headers, trust_env=False) as client:
            return [self._one(client, prompt) for prompt in prompts]

    def _one(self, client: httpx.Client, prompt: Prompt) -> Draft:
        if not prompt.evidence:
            return chat.draft(None, 0, None)
        body = {
            "model": self._model,
            "messages": [
                {"role": "system", "content": chat.SYSTEM},
                {"role": "user", "content": self._content(prompt)},
            ],
            "response_format": {"type": "json_object"},
            "temperature": 0,
            "max_tokens": _LONGEST_ANSWER,
            "logprobs": True,
        }
        text, log_probability = self._read(post(client, self._url, body, self._limits))
        return chat.draft(chat.parse(text), len(prompt.evidence), log_probability)

    def _content(self, prompt: Prompt) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = [
            {"type": "text", "text": chat.request(prompt, self._maskers)}
        ]
        if self._images and prompt.image is not None:
            jpeg = base64.b64encode(images.thumbnail(prompt.image, _SIDE)).decode()
            data = f"data:image/jpeg;base64,{jpeg}"
            parts.append({"type": "image_url", "image_url": {"url": data}})
        return parts

    def _read(self, body: bytes) -> tuple[str, float | None]:
        """Take the words and the mean log-probability of their tokens out of an answer."""
        try:
            choice = json.loads(body)["choices"][0]
            text = choice["message"]["content"] or ""
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise Unavailable(
                f"{self._url}: answered something else than a chat completion; expected "
                "choices with a message; check that the address is an OpenAI-compatible one"
            ) from error
        return (text if isinstance(text, str) else ""), _mean_log_probability(choice)


def _mean_log_probability(choice: dict[str, Any]) -> float | None:
    try:
        told = [float(token["logprob"]) for token in choice["logprobs"]["content"]]
    except (LookupError, TypeError, ValueError):
        return None
    if not told or not all(map(math.isfinite, told)):
        return None
    return sum(told) / len(told)
