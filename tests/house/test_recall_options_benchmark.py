"""The benchmark of recall's options, end to end on made photos."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import recall_options, report


def test_each_option_has_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "images").mkdir()
    records = []
    for place, colour in enumerate(["red", "green", "blue", "yellow", "black", "white"]):
        Image.new("RGB", (40, 30), colour).save(tmp_path / "images" / f"{colour}.png")
        said = [{"raw": f"a {colour} wall"}, {"raw": f"all {colour}"}]
        split = "train" if place < 2 else "val"
        records.append({"filename": f"{colour}.png", "split": split, "sentences": said})
    dataset = tmp_path / "made.json"
    dataset.write_text(json.dumps({"images": records}))

    def record(name: str, figures: dict[str, object], command: str) -> Path:
        return report.record(
            name, figures, command, results=tmp_path / "results", page=tmp_path / "page.md"
        )

    monkeypatch.setattr(recall_options, "record", record)
    asked = [str(dataset), "--encoder", "toy"]
    done = CliRunner().invoke(recall_options.command, asked, catch_exceptions=False)
    assert done.exit_code == 0
    result = json.loads((tmp_path / "results" / "recall-options-toy.json").read_text())
    of_val = [row for row in result["table"] if row["store"] != "gallery"]
    assert [row["option"] for row in of_val] == [
        "none",
        "query bank",
        "expansion",
        "bank and expansion",
        "bank of its own captions",
        "3 prompts",
    ]
    assert all("gain @1" in row for row in of_val[1:])
    assert "4 photos and 4 captions of half of them; 124 photos" in result["notes"][0]
