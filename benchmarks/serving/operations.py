"""Every operation of the OpenAPI document under made requests, as the tests try fewer of them."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

import click

from benchmarks.serving.options import written

ROOT = Path(__file__).parents[2]
TEST = ROOT / "tests" / "api" / "test_every_operation.py"


@click.command()
@click.option("--examples", default=200, show_default=True, help="Requests to each operation.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for the page and its results, in place of benchmarks.")  # fmt: skip
def command(examples: int, out: Path | None) -> None:
    """Ask every operation what fits the document and what does not, and check each answer.

    Example: python -m benchmarks serving operations --examples 20
    """
    began = time.monotonic()
    operations, failed, told = _tried(examples)
    if failed or not operations:
        raise click.ClickException(f"{failed} of {operations} operations failed:\n{told[-4000:]}")
    row = {
        "operations": operations,
        "requests to each": examples,
        "server errors": 0,
        "answers not documented": 0,
        "minutes": (time.monotonic() - began) / 60,
    }
    notes = [
        "schemathesis makes requests that fit the OpenAPI document and such that do not, for what "
        "the store holds and what it does not, always the same ones. Status, content type, headers "
        "and body of each answer are held against the document. Asked: none of either."
    ]
    figures = {"title": "Service, every operation", "table": [row], "notes": notes}
    written("operations", figures, 0, out)


def _tried(examples: int) -> tuple[int, int, str]:
    """Run the test; give how many operations it asked, how many failed, and what it said."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        words = ["-q", "-p", "no:cacheprovider", "--timeout=3600", f"--junitxml={report}"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *words, str(TEST)],
            cwd=ROOT,
            env={**os.environ, "EMBEDSTORE_EXAMPLES": str(examples)},
            stdout=subprocess.PIPE,
            text=True,
        )
        suite = ElementTree.parse(report).find("testsuite")
    assert suite is not None
    tests, failed, broken = (int(suite.get(each, 0)) for each in ("tests", "failures", "errors"))
    return tests, failed + broken, done.stdout
