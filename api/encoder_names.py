"""What encoders are called at the door: never by a path of this machine."""

import re

from embedstore.errors import Unavailable
from embedstore.types import Space

BUNDLED = ("mini",)
# A word, or what hubs have: no folder, whose name is a path with more in it than one slash
_PLAIN = re.compile(r"[\w-][\w.-]*|(openclip|hf-hub):[\w-][\w.-]*(/[\w-][\w.-]*)?")


class NoEncoder(Unavailable):
    """An encoder that cannot be loaded; its message tells nothing of the inside."""


def model_name(space: Space) -> str:
    """Give the name under which requests choose the encoder of a space."""
    plain = _PLAIN.fullmatch(space.encoder)
    return space.encoder if plain else f"space-{space.fingerprint}"
