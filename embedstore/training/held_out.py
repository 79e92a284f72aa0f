"""Which pictures are held out, where a data set has no splits: a share by a hash of their names."""

from embedstore.types import digest

SHARE = 0.2


def is_held_out(name: str, share: float = SHARE) -> bool:
    """Say whether a picture, with all that is asked about it, is kept from training.

    It stays on its side when others come, and on every machine.

    Args:
        name: Of its file, without folders, so that the place of the data does not matter.
        share: Of all pictures, 0..1.
    """
    return int(digest(name)[:8], 16) / 2**32 < share
