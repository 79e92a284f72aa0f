"""Long work that requests start: one at a time, the others wait their turn."""

import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from api.problems import detail_of, note
from embedstore.errors import Conflict, EmbedStoreError, NotFound, Overloaded

MOST_WAITING = 16
MOST_REMEMBERED = 100

CANCELLED = "cancelled before it was done; start it again"

State = Literal["waiting", "running", "done", "failed", "cancelled"]
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
        stoppable: Whether it can be stopped while it runs, between two of its steps.
        state: waiting, running, done, failed or cancelled.
        done: Steps that are done.
        total: Steps in all; 0 where nobody knows.
        result: What it gave, as JSON.
        error: Why it is not done, in one line.
        error_kind: The kind of that error; None where it was not expected.
        created: Seconds since 1970, and so for the others.
        finished: When it came to its end.
    """

    id: str
    kind: str
    collection: str
    stoppable: bool = False
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


class _Stopped(Exception):
    """Work that was asked to stop is between two of its steps."""


class Jobs:
    """Jobs of one service; they are forgotten when it ends, what they did stays."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._works: dict[str, Future[None]] = {}
        self._to_stop: set[str] = set()
        self._ending: float | None = None
        self._changing = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="job")

    def start(self, kind: str, collection: str, work: Work, *, stoppable: bool = False) -> Job:
        """Take work on.

        Args:
            kind: What is done.
            collection: With which collection.
            work: Does it, and tells of its progress.
            stoppable: Whether it may be stopped wherever it tells of its progress.

        Raises:
            Overloaded: Too much waits, or the service is about to end.
        """
        job = Job(uuid.uuid4().hex, kind, collection, stoppable)
        with self._changing:
            if self._ending is not None:
                raise Overloaded("the service is stopping; start the job when it is back")
            waiting = sum(each.state == "waiting" for each in self._jobs.values())
            if waiting >= MOST_WAITING:
                raise Overloaded(
                    f"{waiting} jobs wait already; expected {MOST_WAITING} at most; "
                    "wait until one of GET /v1/jobs is done"
                )
            self._forget()
            self._jobs[job.id] = job
            self._works[job.id] = self._pool.submit(self._run, job.id, work)
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

    def cancel(self, name: str) -> Job:
        """Cancel a job that waits, or have one that runs stop after its next step.

        Raises:
            NotFound: No such job.
            Conflict: It has ended, or runs and cannot be stopped.
        """
        with self._changing:
            job = self.get(name)
            if job.ended:
                raise Conflict(f"the {job.kind} of {job.collection!r} is {job.state} already")
            if not self._called_off(name) and not job.stoppable:
                raise Conflict(
                    f"the {job.kind} of {job.collection!r} is running and cannot be stopped half "
                    f"way; expected a job that waits; GET /v1/jobs/{name} tells when it has ended"
                )
            return self._jobs[name]

    def stop(self) -> None:
        """Cancel what waits, have what runs stop after its next step; take nothing on any more."""
        with self._changing:
            if self._ending is None:
                self._ending = time.monotonic()
            for name in [job.id for job in self._jobs.values() if not job.ended]:
                self._called_off(name)

    def close(self, seconds: float) -> None:
        """Stop, and wait for what runs.

        Args:
            seconds: Since `stop` was called first, at most; work is left alone after them.
        """
        self.stop()
        self._pool.shutdown(wait=False)
        began = time.monotonic() if self._ending is None else self._ending
        left = max(0.0, began + seconds - time.monotonic())
        wait([work for work in self._works.values() if not work.cancelled()], left)
        for job in self.underway():
            log.warning(
                "the %s of a collection was not done %g s after the stop and is left",
                job.kind,
                seconds,
            )

    def underway(self) -> list[Job]:
        """List what has not ended."""
        return [job for job in self.all() if not job.ended]

    def _called_off(self, name: str) -> bool:
        """Cancel a job if it waits; else have it stop where it can. The lock is held."""
        cancelled = self._works[name].cancel()
        if cancelled:
            self._put(name, state="cancelled", error=CANCELLED, finished=time.time())
        self._to_stop.add(name)
        return cancelled

    def _run(self, name: str, work: Work) -> None:
        self._change(name, state="running")
        try:
            result = work(lambda done, total: self._step(name, done, total))
        except _Stopped:
            self._change(name, state="cancelled", error=CANCELLED, finished=time.time())
        except Exception as error:  # the job tells it
            note(f"job {name}", error)
            told = detail_of(error).splitlines()[0]
            kind = type(error).__name__ if isinstance(error, EmbedStoreError) else None
            changes = {"error": told, "error_kind": kind, "finished": time.time()}
            self._change(name, state="failed", **changes)
        else:
            self._change(name, state="done", result=result, finished=time.time())

    def _step(self, name: str, done: int, total: int) -> None:
        self._change(name, done=done, total=total)
        if name in self._to_stop and self._jobs[name].stoppable:
            raise _Stopped

    def _change(self, name: str, **changes: Any) -> None:
        with self._changing:
            self._put(name, **changes)

    def _put(self, name: str, **changes: Any) -> None:
        self._jobs[name] = replace(self._jobs[name], **changes)

    def _forget(self) -> None:
        while len(self._jobs) >= MOST_REMEMBERED:
            oldest = next((each.id for each in self._jobs.values() if each.ended), None)
            if oldest is None:
                return
            del self._jobs[oldest], self._works[oldest]
            self._to_stop.discard(oldest)
