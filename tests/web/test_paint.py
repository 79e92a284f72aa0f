"""The benchmark of the page runs, and measures what it says."""

import json
import shutil

import pytest
from click.testing import CliRunner

pytest.importorskip("playwright.sync_api", reason="needs `pip install playwright`")
if shutil.which("chromium") is None and shutil.which("chromium-browser") is None:
    pytest.skip("Chromium is not installed (Debian: apt install chromium)", allow_module_level=True)


def test_first_paint_and_thumbnails_are_measured(tmp_path):
    from benchmarks.serving.paint import command

    asked = ["--items", "150", "--megapixels", "0.02", "--rounds", "1", "--out", str(tmp_path)]
    done = CliRunner().invoke(command, asked, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "results" / "serving-paint.json").read_text())
    assert len(told["table"]) == 3
    for row in told["table"]:
        assert 0 < row["first paint ms"] <= row["60 thumbnails ms"]
        assert row["server CPU ms"] > 0
