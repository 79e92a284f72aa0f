"""Pictures made on the spot."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Photo = Callable[..., Path]


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture with both broad shapes and fine grain."""
    rng = np.random.default_rng(seed)
    broad = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    grain = rng.integers(-20, 20, (height, width, 3))
    values = np.asarray(broad.resize((width, height), Image.Resampling.BICUBIC)) + grain
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


@pytest.fixture
def photo(tmp_path: Path) -> Photo:
    """Write a picture in the format its name says."""

    def write(name: str = "photo.jpg", width: int = 60, height: int = 40, seed: int = 0) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise(width, height, seed).save(path)
        return path

    return write


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A JPEG header, then fill bytes: legal, and read one at a time for seconds."""
    out = io.BytesIO()
    noise(16, 16).save(out, "JPEG")
    path = tmp_path / "endless.jpg"
    path.write_bytes(out.getvalue()[:20] + b"\xff" * (16 << 20))
    return path
