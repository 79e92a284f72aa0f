"""CPU time and memory of this process and its children, and how many cores they may use; Linux."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds() -> float:
    """Give the CPU time of this process, its threads, and its living children."""
    return time.process_time() + sum(map(_of_child, _children()))


def resident_mib() -> float:
    """Give the memory that this process and its children hold, mapped files included."""
    return sum(_resident(process) for process in ("self", *map(str, _children()))) / 1024


def pin(threads: int) -> None:
    """Leave so many cores to every thread of this process and its children."""
    cores = sorted(_AT_FIRST)[:threads]
    for process in ("self", *map(str, _children())):
        for task in Path(f"/proc/{process}/task").iterdir():
            try:
                os.sched_setaffinity(int(task.name), cores)
            except ProcessLookupError:  # a thread that has just ended
                continue


_AT_FIRST = os.sched_getaffinity(0)


def _children() -> Iterator[int]:
    for task in Path("/proc/self/task").iterdir():
        yield from map(int, (task / "children").read_text().split())


def _of_child(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS  # utime and stime, man 5 proc_pid_stat


def _resident(process: str) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
