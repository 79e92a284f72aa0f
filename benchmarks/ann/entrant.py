"""A side in a process of its own, asked over pipes."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

ROOT = Path(__file__).parents[2]


class SideFailed(Exception):
    """A side ended, with what it said last."""


@dataclass(frozen=True)
class Entrant:
    """Who takes part.

    Attributes:
        library: Name of the module in `sides`.
        form: Which of its indices.
        python: Of an environment that has the library.
    """

    library: str
    form: str
    python: str

    @property
    def name(self) -> str:
        """The name in tables."""
        return f"{'embedstore' if self.library.startswith('own') else self.library} {self.form}"


@dataclass(frozen=True)
class Answer:
    """What a search of some queries gave.

    Attributes:
        ids: `(q, k)` rows.
        cpu: Microseconds a query, of all threads.
        wall: Microseconds a query, by the clock.
    """

    ids: np.ndarray
    cpu: float
    wall: float


@dataclass
class RunningSide:
    """An entrant's process; a context manager that ends it.

    Attributes:
        entrant: Who it is.
        built: What building cost: `cpu` and `wall` seconds, and the `settings` to try.
    """

    entrant: Entrant
    built: dict[str, Any] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._errors = tempfile.TemporaryFile("w+")
        module = "benchmarks.ann.sides.serve"
        self._process = subprocess.Popen(
            [self.entrant.python, "-m", module, self.entrant.library, self.entrant.form],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.terminate()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def build(self, **task: Any) -> None:
        """Build from what `sides.base.Task` holds.

        Raises:
            SideFailed: It could not.
        """
        self.built = self._ask(do="build", **_plain(task))

    def find(self, queries: Path, span: Sequence[int], k: int, **how: Any) -> Answer:
        """Search a span of queries; see `sides.serve.Server.find`.

        Raises:
            SideFailed: It could not.
        """
        told = {"queries": queries, "span": list(span), "k": k, **how}
        found = self._ask(do="find", **_plain(told))
        each = 1e6 / (span[1] - span[0])
        ids = np.asarray(found["ids"], dtype=np.int64)
        return Answer(ids, found["cpu"] * each, found["wall"] * each)

    def memory_mib(self) -> float:
        """Say how much memory its vectors and what it made of them hold."""
        found: float = self._ask(do="memory")["mib"]
        return found

    def _ask(self, **question: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().strip().splitlines()[-1:] or ["nothing"]
            raise SideFailed(
                f"{self.entrant.name} ended with code {code} at {question['do']!r}: {said[0][:300]}"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer


def _plain(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(each) if isinstance(each, Path) else each for name, each in told.items()}
