"""What a full or unwritable disk is told as."""

import os
import re
from pathlib import Path

from embedstore.errors import StorageFull

_FOREIGN = re.compile(r"\(os error (\d+)\)")  # how safetensors, written in Rust, tells it


def unwritable(what: str, folder: Path, needed: int, error: Exception) -> StorageFull:
    """Make the error for something that could not be written.

    Args:
        what: Such as "the checkpoint of step 12".
        folder: Where it should have gone.
        needed: Its size, bytes.
        error: What writing raised.
    """
    foreign = _FOREIGN.search(str(error))
    reason = getattr(error, "strerror", None) or str(error)
    if foreign is not None:
        reason = os.strerror(int(foreign[1]))
    return StorageFull(
        f"{what} cannot be written to {folder} ({reason}); it needs {needed:,} bytes; free space "
        "or make the folder writable, then run the same command again"
    )
