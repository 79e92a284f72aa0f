"""Time, CPU and memory of a few steps in the middle of a run; the standard library only.

Both ends are steps that begin while the data loaders are as far ahead as they ever are, so that
what the steps took is what steps take, without the start and the end of a run. Linux only.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")


class Over(Exception):
    """The last step that is timed is done."""


class Stopwatch:
    """Times the steps from `warm` on.

    Args:
        warm: Steps that are not timed.
        steps: That are.
    """

    def __init__(self, warm: int, steps: int) -> None:
        self._warm, self._steps = warm, steps
        self._begun = (0.0, 0.0)
        self._ready = 0.0

    def at(self, step: int) -> None:
        """Take note that a step begins, counted from 0.

        Raises:
            Over: No more steps are needed; the figures are printed.
        """
        if step == 0:
            self._ready = _peak_mib()
        if step == self._warm:
            self._begun = time.perf_counter(), _cpu_seconds()
        if step == self._warm + self._steps:
            seconds, cpu = time.perf_counter() - self._begun[0], _cpu_seconds() - self._begun[1]
            found = {"seconds": seconds, "cpu": cpu, "peak": _peak_mib(), "ready": self._ready}
            print(json.dumps(found), flush=True)
            raise Over


def asked() -> dict[str, Any]:
    """Read what is to be done from the command line, one JSON object."""
    found: dict[str, Any] = json.loads(sys.argv[1])
    return found


def _cpu_seconds() -> float:
    """Give the CPU time of this process, its threads, and its living children."""
    return time.process_time() + sum(map(_of_child, _children()))


def _children() -> Iterator[int]:
    for task in Path("/proc/self/task").iterdir():
        yield from map(int, (task / "children").read_text().split())


def _of_child(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS  # utime and stime, man 5 proc_pid_stat


def _peak_mib() -> float:
    """Give the most memory that this process has held so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024
