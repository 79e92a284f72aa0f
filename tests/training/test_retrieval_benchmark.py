"""The retrieval benchmark, end to end on made photos."""

import json

from click.testing import CliRunner
from PIL import Image

from benchmarks import report, retrieval
from embedstore import encoders


def test_words_for_colours_find_their_photos(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    records = []
    for name, colour in {
        "red": (210, 20, 20),
        "green": (20, 160, 20),
        "blue": (20, 20, 210),
    }.items():
        Image.new("RGB", (40, 30), colour).save(tmp_path / "images" / f"{name}.png")
        said = [{"raw": f"a {name} wall"}, {"raw": f"all {name}"}]
        records.append({"filename": f"{name}.png", "split": "val", "sentences": said})
    dataset = tmp_path / "made.json"
    dataset.write_text(json.dumps({"images": records}))

    def record(name, figures, command):
        return report.record(
            name, figures, command, results=tmp_path / "results", page=tmp_path / "page.md"
        )

    monkeypatch.setattr(retrieval, "record", record)
    copy = tmp_path / "copy" / "out.json"
    copy.parent.mkdir()
    asked = [str(dataset), "--encoder", "toy", "--json", str(copy)]
    done = CliRunner().invoke(retrieval.command, asked, catch_exceptions=False)
    assert done.exit_code == 0
    result = json.loads(copy.read_text())
    forth, back = result["table"]
    assert forth["R@1"] == 1.0
    assert back["R@1"] == 1.0
    assert result["fingerprint"] == encoders.load("toy").space.fingerprint
    assert result["command"] == "python -m benchmarks retrieval made.json --encoder toy"
    assert (tmp_path / "results" / "retrieval-toy-made.json").exists()
    assert "| toy | text -> image |" in (tmp_path / "page.md").read_text()
