"""A server as a user starts it, and the time that it takes of the processor."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

STOP_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A process that serves, and where it listens."""

    process: "subprocess.Popen[str]"
    address: tuple[str, int]

    def cpu_seconds(self) -> float:
        """Give the processor time taken so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    def stop(self) -> int:
        """Ask it to end, wait, and give its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def served(store: Path) -> Iterator[Server]:
    """Serve a store on loopback with the settings that everybody has; it ends with the block."""
    words = ["serve", "--store", str(store), "--port", "0", "--json"]
    environment = {name: value for name, value in os.environ.items() if "EMBEDSTORE" not in name}
    with subprocess.Popen(
        [sys.executable, "-m", "api.cli", *words],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            assert process.stdout is not None
            told = urlsplit(json.loads(process.stdout.readline())["page"])
            yield Server(process, (str(told.hostname), int(told.port or 0)))
        finally:
            if process.poll() is None:
                process.kill()
