"""What encoders are called at the door: never by a path of this machine."""

from embedstore.errors import Unavailable
from embedstore.types import Space

BUNDLED = ("mini",)
_PLAIN = frozenset({"mini", "toy"})


class NoEncoder(Unavailable):
    """An encoder that cannot be loaded; its message tells nothing of the inside."""


def model_name(space: Space) -> str:
    """Give the name under which requests choose the encoder of a space."""
    return space.encoder if space.encoder in _PLAIN else f"space-{space.fingerprint}"
