"""Long work that requests start: one at a time, the others wait their turn."""

import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from api.problems import detail_of
from embedstore.errors import EmbedStoreError, NotFound, Overloaded

MOST_WAITING = 16
MOST_REMEMBERED = 100

State = Literal["waiting", "running", "done", "failed"]
Progress = Callable[[int, int], None]
Work = Callable[[Progress], Any]
log = logging.getLogger("embedstore.api")


@dataclass(frozen=True)
class Job:
    """Work as it stood at one moment.

    Attributes:
        id: Names it.
        kind: What is done.
        collection: With which collection.
        state: waiting, running, done or failed.
        done: Steps that are done.
        total: Steps in all; 0 where nobody knows.
        result: What it gave, as JSON.
        error: Why it failed, in one line.
        error_kind: The kind of that error; None where it was not expected.
        created: Seconds since 1970, and so for the others.
        finished: When it was done or failed.
    """

    id: str
    kind: str
    collection: str
    state: State = "waiting"
    done: int = 0
    total: int = 0
    result: Any = None
    error: str | None = None
    error_kind: str | None = None
    created: float = field(default_factory=time.time)
    finished: float | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.finished is not None


class Jobs:
    """Jobs of one service; they are forgotten when it ends, what they did stays."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._changing = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="job")

    def start(self, kind: str, collection: str, work: Work) -> Job:
        """Take work on.

        Args:
            kind: What is done.
            collection: With which collection.
            work: Does it, and tells of its progress.

        Raises:
            Overloaded: Too much waits.
        """
        job = Job(uuid.uuid4().hex, kind, collection)
        with self._changing:
            waiting = sum(each.state == "waiting" for each in self._jobs.values())
            if waiting >= MOST_WAITING:
                raise Overloaded(
                    f"{waiting} jobs wait already; expected {MOST_WAITING} at most; "
                    "wait until one of GET /v1/jobs is done"
                )
            self._forget()
            self._jobs[job.id] = job
            self._pool.submit(self._run, job.id, work)
        return job

    def get(self, name: str, shown: Callable[[Job], bool] = lambda _: True) -> Job:
        """Give a job as it stands now.

        Args:
            name: Its id.
            shown: Whether the one who asks may know of it.

        Raises:
            NotFound: No such job, one that is not shown, or it ended long ago.
        """
        job = self._jobs.get(name)
        if job is None or not shown(job):
            raise NotFound(f"no job {name[:80]!r}; GET /v1/jobs lists the last {MOST_REMEMBERED}")
        return job

    def all(self) -> list[Job]:
        """List the jobs, the newest first."""
        with self._changing:
            return list(reversed(self._jobs.values()))

    def close(self) -> None:
        """Finish all that was accepted."""
        self._pool.shutdown(wait=True)

    def _run(self, name: str, work: Work) -> None:
        self._change(name, state="running")
        try:
            result = work(lambda done, total: self._change(name, done=done, total=total))
        except Exception as error:  # the job tells it
            log.exception("job %s failed", name, exc_info=error)
            told = detail_of(error).splitlines()[0]
            kind = type(error).__name__ if isinstance(error, EmbedStoreError) else None
            changes = {"error": told, "error_kind": kind, "finished": time.time()}
            self._change(name, state="failed", **changes)
        else:
            self._change(name, state="done", result=result, finished=time.time())

    def _change(self, name: str, **changes: Any) -> None:
        with self._changing:
            self._jobs[name] = replace(self._jobs[name], **changes)

    def _forget(self) -> None:
        while len(self._jobs) >= MOST_REMEMBERED:
            oldest = next((each.id for each in self._jobs.values() if each.ended), None)
            if oldest is None:
                return
            del self._jobs[oldest]
