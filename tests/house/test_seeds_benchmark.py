"""The table of seeds is made from runs' reports, and refuses runs that are no repeats."""

import json

import pytest
from click.testing import CliRunner

from benchmarks import report, seeds


@pytest.fixture
def runs(tmp_path, monkeypatch):
    def record(name, figures, command):
        return report.record(
            name, figures, command, results=tmp_path / "results", page=tmp_path / "page.md"
        )

    monkeypatch.setattr(seeds, "record", record)
    made = []
    for seed, found in enumerate((0.2, 0.3, 0.4)):
        run = tmp_path / f"run{seed}"
        run.mkdir()
        (run / "recipe.json").write_text(json.dumps({"batch": 8, "seed": seed}))
        told = {"start": {"r@1": 0.1}, "end": {"r@1": found}, "measured_on": "8 photos"}
        (run / "report.json").write_text(json.dumps(told))
        made.append(run)
    return made


def test_mean_and_spread(runs, tmp_path):
    asked = [*map(str, runs), "--name", "made"]
    CliRunner().invoke(seeds.command, asked, catch_exceptions=False)
    (row,) = json.loads((tmp_path / "results" / "seeds-made.json").read_text())["table"]
    assert row["mean"] == pytest.approx(0.3)
    assert row["spread"] == pytest.approx(0.1)
    assert row["runs"] == "0.200 0.300 0.400"


@pytest.mark.parametrize("changed", [{"batch": 9, "seed": 2}, {"batch": 8, "seed": 0}])
def test_runs_that_are_no_repeats_are_refused(runs, changed):
    (runs[2] / "recipe.json").write_text(json.dumps(changed))
    done = CliRunner().invoke(seeds.command, [*map(str, runs), "--name", "made"])
    assert done.exit_code == 1
    assert "differ in more than the seed" in done.output
