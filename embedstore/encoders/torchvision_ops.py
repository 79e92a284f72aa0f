"""Let torchvision import beside a torch that its compiled operators do not fit.

The registry's torchvision is built for CUDA. Beside the CPU build of torch its `_C.so` does not
load, and `import torchvision` (which open_clip does) then fails with "operator torchvision::nms
does not exist", for it describes two operators that nobody declared. Declaring them is enough:
nothing here calls them, pictures are decoded and resized by Pillow. `torchvision.ops.nms` and
`torchvision.io.decode_*` stay broken, as they were.
"""

import importlib.machinery
import importlib.util
from functools import cache
from pathlib import Path

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


@cache
def declare() -> torch.library.Library | None:
    """Declare torchvision's operators where its own library does not load; call before open_clip.

    Returns:
        The declaration, which lives as long as it is held, or None where none was needed.
    """
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None or _loads(Path(spec.origin).parent):
        return None
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    return library


def _loads(folder: Path) -> bool:
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = folder / f"_C{suffix}"
        if path.exists():
            try:
                torch.ops.load_library(str(path))  # type: ignore[no-untyped-call]
            except OSError:
                return False
            return True
    return False
