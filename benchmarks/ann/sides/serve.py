"""Answer questions to one side, a JSON line each: `python -m benchmarks.ann.sides.serve NAME FORM`.

Every answer is a JSON line on what was standard output; what libraries print goes to the errors.
"""

import ctypes
import gc
import json
import os
import sys
import time
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ann.sides import meter
from benchmarks.ann.sides.base import Search, Side, Task


class Server:
    """One side, timed."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._before = meter.resident_mib()

    def build(self, **told: Any) -> dict[str, Any]:
        """Build from a task; say what that cost, and which settings there are."""
        paths = {name: Path(told[name]) for name in ("vectors", "queries", "work")}
        columns = Path(told["columns"]) if told["columns"] else None
        task = Task(**{**told, **paths, "columns": columns})
        meter.pin(task.threads)
        wall, cpu = time.perf_counter(), meter.cpu_seconds()
        self._side.build(task)
        cost = {"wall": time.perf_counter() - wall, "cpu": meter.cpu_seconds() - cpu}
        own = getattr(self._side, "cost", cost)  # of a side that builds more than it keeps
        return {**cost, **own, "settings": self._side.settings()}

    def find(
        self,
        queries: str,
        span: tuple[int, int],
        k: int,
        setting: dict[str, Any],
        threads: int = 1,
        batch: int = 1,
        where: tuple[str, int] | None = None,
    ) -> dict[str, Any]:
        """Search a span of the queries, so many a call; give the time taken and the rows found."""
        rows = _loaded(queries)[slice(*span)]
        meter.pin(threads)
        where = None if where is None else (where[0], where[1])
        calls = [
            Search(rows[start : start + batch], k, setting, where, threads)
            for start in range(0, len(rows), batch)
        ]
        wall, cpu = time.perf_counter(), meter.cpu_seconds()
        found = [self._side.find(call) for call in calls]
        wall, cpu = time.perf_counter() - wall, meter.cpu_seconds() - cpu
        return {"wall": wall, "cpu": cpu, "ids": np.concatenate(found).tolist()}

    def memory(self) -> dict[str, Any]:
        """Say how much more memory is held than before there were vectors."""
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # what was freed, but not given back, is not held
        return {"mib": meter.resident_mib() - self._before}


@cache
def _loaded(path: str) -> np.ndarray:
    found: np.ndarray = np.load(path)
    return found


def main() -> None:
    """Answer until the questions end."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    name, form = sys.argv[1:]
    server = Server(import_module(f"benchmarks.ann.sides.{name}").SIDE(form))
    for line in sys.stdin:
        asked = json.loads(line)
        answers.write(json.dumps(getattr(server, asked.pop("do"))(**asked)) + "\n")


if __name__ == "__main__":
    main()
