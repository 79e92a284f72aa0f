"""`fit` gives the pixels of torchvision's own transforms, bit for bit."""

import subprocess
import sys

SCRIPT = """
import numpy as np
import torch
from PIL import Image

try:
    import torchvision
except RuntimeError:  # torch's CPU build beside torchvision's other build: operators are missing
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(name + "(Tensor boxes, Tensor scores, float threshold) -> Tensor")
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

from embedstore.corpus.images import fit
from embedstore.types import ImagePreprocess

dice, compared = np.random.default_rng(0), 0
while compared < 400:
    width, height = dice.integers(1, 400, 2)
    if max(width, height) > 16 * min(width, height):
        continue
    size = int(dice.choice([17, 32, 224]))
    image = Image.fromarray(dice.integers(0, 256, (height, width, 3), dtype=np.uint8))
    for name, mode in (("bicubic", InterpolationMode.BICUBIC), ("bilinear", InterpolationMode.BILINEAR)):
        shortest = Compose([Resize(size, interpolation=mode), CenterCrop(size)])(image)
        squash = Resize((size, size), interpolation=mode)(image)
        assert (fit(image, ImagePreprocess(size, "shortest", name)) == np.asarray(shortest)).all()
        assert (fit(image, ImagePreprocess(size, "squash", name)) == np.asarray(squash)).all()
        compared += 2
print(compared)
"""


def test_fit_is_torchvisions_resize_and_crop() -> None:
    """In a process of its own: a half-loaded torchvision would stay with the other tests."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 400
