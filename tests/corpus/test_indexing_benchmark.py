"""The benchmark of indexing runs from photos to figures."""

from pathlib import Path

import pytest
from PIL import Image

from benchmarks.indexing import GROWTH, MEGAPIXEL, link_photos, make_photos, measured
from embedstore import encoders


def test_every_way_is_measured(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    make_photos(small, 8, seed=1)
    link_photos(small, large, GROWTH)
    with Image.open(next(small.iterdir())) as image:
        assert image.size == MEGAPIXEL
    assert len(list(large.iterdir())) == 8 * GROWTH
    figures = measured(small, large, encoders.load("toy"), rounds=1)
    rates = {row["way"]: row["images/s"] for row in figures["table"]}
    assert list(rates) == ["encode", "decode", "end to end", "naive"]
    assert min(rates.values()) > 0
    assert figures["ratio"] == pytest.approx(rates["end to end"] / figures["attainable"])
    assert figures["attainable"] <= rates["encode"]
    assert 0 < figures["peak_memory_mib"]["1x"] < 4_000
