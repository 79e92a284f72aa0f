"""One JSON file for each benchmark result, and the page that shows them all.

A result is `{"title": ..., "table": [{column: value, ...}, ...], "notes": [...], ...}`. The title
heads its section, the rows of the table are shown, the optional notes follow; whatever else it
holds stays in the JSON file.
"""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE / "RESULTS.md"
_HEAD = (
    "# Results\n\nWritten by `python -m benchmarks NAME` from `benchmarks/results/*.json`; "
    "edit nothing here by hand.\n"
)


def record(
    name: str,
    figures: Mapping[str, Any],
    command: str,
    seed: int | None = None,
    results: Path = RESULTS,
    page: Path = PAGE,
) -> Path:
    """Write one result and rewrite the page from all of them.

    Args:
        name: File name of the result, without its suffix; a later run replaces it.
        figures: What was measured; needs `title` and `table`.
        command: What to type to measure it again.
        seed: Of the random numbers; None where there are none.
        results: Folder of the JSON files.
        page: The page.

    Returns:
        The JSON file.

    Raises:
        ValueError: `title` or `table` is missing, or the table has no rows.
    """
    if not figures.get("title") or not figures.get("table"):
        raise ValueError(
            f"result {name!r} has the fields {sorted(figures)}; expected a title and table rows"
        )
    entry = {
        **figures,
        "command": command,
        "seed": seed,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "machine": machine(),
    }
    results.mkdir(parents=True, exist_ok=True)
    path = results / f"{name}.json"
    path.write_text(json.dumps(entry, indent=2, ensure_ascii=False) + "\n")
    page.write_text(_page(results))
    return path


def machine() -> dict[str, Any]:
    """Say what the figures were measured on."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": _cpu_model(),
        "cores": usable,
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _page(results: Path) -> str:
    sections = [_section(json.loads(path.read_text())) for path in sorted(results.glob("*.json"))]
    return "\n".join([_HEAD, *sections])


def _section(entry: Mapping[str, Any]) -> str:
    made = entry["machine"]
    seed = "" if entry["seed"] is None else f", seed {entry['seed']}"
    lines = [
        f"## {entry['title']}\n",
        _table(entry["table"]),
        *(f"{note}\n" for note in entry.get("notes", ())),
        f"`{entry['command']}` · {entry['date']} · commit {entry['commit']}{seed} · "
        f"{made['cpu']}, {made['cores']} cores, {made['memory_gib']} GiB\n",
    ]
    return "\n".join(lines)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns, ["---"] * len(columns)]
    lines += [[_cell(row.get(column, "")) for column in columns] for row in rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _commit() -> str:
    """Name the commit, with a plus where the working tree differs from it."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--", "indexer", "embedstore", "api")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=HERE, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.machine()


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
