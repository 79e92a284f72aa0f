"""The reports of runs that differ by their seed alone, as means and spreads."""

import json
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import click

from benchmarks.report import record

DIFFERENCE = "seed"


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--name", required=True, help="Of the recipe, as the table is to call it.")
@click.option("--json", "copy", type=click.Path(path_type=Path), help="Write the result here too.")
def command(runs: tuple[Path, ...], name: str, copy: Path | None) -> None:
    """Collate RUNS of `embedstore train` whose recipes differ by the seed alone.

    Example: python -m benchmarks seeds runs/a runs/b runs/c --name heads
    """
    recipes = [json.loads((run / "recipe.json").read_text()) for run in runs]
    reports = [json.loads((run / "report.json").read_text()) for run in runs]
    seeds = [recipe.pop(DIFFERENCE) for recipe in recipes]
    if any(recipe != recipes[0] for recipe in recipes) or len(set(seeds)) != len(seeds):
        raise click.ClickException("the recipes differ in more than the seed, or not in that")
    rows = [_row(measure, reports) for measure in reports[0]["end"]]
    result = {
        "title": f"Training: {name}, {len(runs)} seeds",
        "table": rows,
        "notes": [
            f"Measured on {reports[0]['measured_on']}; seeds {', '.join(map(str, seeds))}; "
            "the spread is the standard deviation over seeds."
        ],
        "recipe": recipes[0],
        "reports": reports,
    }
    path = record(f"seeds-{name}", result, f"python -m benchmarks seeds RUN... --name {name}")
    if copy is not None:
        copy.write_text(path.read_text())
    click.echo(f"wrote {path}")


def _row(measure: str, reports: list[dict[str, Any]]) -> dict[str, Any]:
    ends = [report["end"][measure] for report in reports]
    spread = stdev(ends) if len(ends) > 1 else 0.0
    return {
        "measure": measure,
        "start": round(mean(report["start"][measure] for report in reports), 4),
        "mean": round(mean(ends), 4),
        "spread": round(spread, 4),
        "runs": " ".join(f"{end:.3f}" for end in ends),
    }
