"""The page of results says what its JSON files say."""

import json

import pytest

from benchmarks.report import record


def test_page_shows_every_result(tmp_path):
    for name, value in (("b", 0.25), ("a", 12345)):
        record(
            name,
            {"title": f"Of {name}", "table": [{"what": name, "R@1": value}, {"extra": "x"}]},
            f"make {name}",
            seed=7,
            results=tmp_path / "results",
            page=tmp_path / "RESULTS.md",
        )
    page = (tmp_path / "RESULTS.md").read_text()
    assert page.index("## Of a") < page.index("## Of b")
    assert "| what | R@1 | extra |\n| --- | --- | --- |\n| a | 12,345 |  |" in page
    assert "| b | 0.25 |  |" in page
    assert "`make b`" in page
    assert "seed 7" in page
    stored = json.loads((tmp_path / "results" / "b.json").read_text())
    assert stored["table"][0]["R@1"] == 0.25
    assert stored["machine"]["cores"] >= 1


def test_result_without_rows_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected a title and table rows"):
        record("x", {"title": "Empty", "table": []}, "x", results=tmp_path, page=tmp_path / "p.md")
    assert not (tmp_path / "p.md").exists()
