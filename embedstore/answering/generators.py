"""Generators by name, each imported when it is first asked for."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from embedstore.answering.consensus import ConsensusGenerator
from embedstore.answering.types import Generator
from embedstore.errors import NotFound

BUNDLED_HEAD = Path(__file__).parent / "head" / "weights" / "config.json"
CHOICES = (
    "consensus, head, head:FOLDER, endpoint:URL#MODEL (such as "
    "endpoint:http://127.0.0.1:11434/v1#llava), hf:FOLDER"
)


@dataclass(frozen=True)
class EndpointSettings:
    """How an endpoint is asked; other generators have no use for it.

    Attributes:
        key: Sent as a bearer token and told to nobody else.
        timeout: Of one attempt, seconds.
        retries: Attempts after the first.
        budget: Of a prompt with all its attempts, seconds.
        images: Whether the picture that is asked about is sent.
    """

    key: str | None = None
    timeout: float = 30.0
    retries: int = 2
    budget: float = 60.0
    images: bool = True


def load(name: str, *, endpoint: EndpointSettings | None = None) -> Generator:
    """Give the generator of a name.

    Args:
        name: One of `CHOICES`.
        endpoint: How an endpoint is asked; None asks as usual.

    Raises:
        NotFound: No generator is called so, or its files are not there.
        MissingExtra: A package that it needs is not installed.
        Corrupt: Its files are damaged.
    """
    kind, _, rest = name.partition(":")
    match kind, rest:
        case "consensus", "":
            return ConsensusGenerator()
        case "head", _:
            from embedstore.answering.head.generator import HeadGenerator

            return HeadGenerator(Path(rest) if rest else None)
        case "endpoint", place if place:
            from embedstore.answering.endpoint import EndpointGenerator

            url, _, model = place.partition("#")
            return EndpointGenerator(url, model, **asdict(endpoint or EndpointSettings()))
        case "hf", folder if folder:
            from embedstore.answering.hf import HfGenerator

            return HfGenerator(Path(folder))
    raise NotFound(f"no generator is called {name!r}; expected one of: {CHOICES}")


def bundled() -> tuple[str, ...]:
    """Name the generators that are here without a model of one's own."""
    return ("consensus", "head") if BUNDLED_HEAD.is_file() else ("consensus",)


def best_for(space: str) -> str:
    """Name the bundled head where it understands the vectors of a space, else `consensus`."""
    if "head" not in bundled():
        return "consensus"
    try:
        trained_on = json.loads(BUNDLED_HEAD.read_text("utf-8"))["space"]
    except (ValueError, LookupError, TypeError):
        return "head"  # which says what is damaged when it is loaded
    return "head" if trained_on == space else "consensus"
