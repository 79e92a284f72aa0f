"""A pool of decode processes that can be lost one by one.

Each worker has a socket and a queue of its own, so that the loss of one says which picture was in
its hands and costs nothing but that picture. Pixels come back through shared memory: workers run
ahead while the encoder holds this process, and nothing large is pickled.
"""

import contextlib
import mmap
import os
import signal
import subprocess
import sys
from collections import deque
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import Self

from embedstore.corpus.bounds import DecodeLimits, spoken
from embedstore.corpus.member import Source
from embedstore.corpus.slots import Slots, shared_memory, slot_bytes
from embedstore.corpus.small import Small
from embedstore.corpus.worker import Outcome, Reply, Task
from embedstore.errors import BadImage, Unavailable
from embedstore.types import ImagePreprocess

Settings = tuple[ImagePreprocess, DecodeLimits, int | None]  # the last: side of a small picture

_PICTURES_WORTH_A_WORKER = 4
_LOST_STARTS = 3  # in a row: something is wrong with every worker, not with one


class Job:
    """A picture on its way; its slot of the shared memory is its own until its result is taken."""

    def __init__(self, source: Source, slot: int) -> None:
        self.task: Task = (slot, spoken(source), source)
        self.reply: Reply | None = None


class _Worker:
    """A process, and the jobs in its hands in the order it takes them."""

    def __init__(self, settings: Settings, memory_fd: int) -> None:
        self.jobs: deque[Job] = deque()
        self.ready = False
        self.connection, far = Pipe()
        with far:
            self.process = _start((far.fileno(), memory_fd))
        self._send(settings)

    def take(self, jobs: list[Job]) -> None:
        self.jobs.extend(jobs)
        self._send([job.task for job in jobs])

    def _send(self, message: object) -> None:
        # A worker that has died tells so by the end of its replies, where its jobs are settled.
        with contextlib.suppress(OSError):
            self.connection.send(message)

    def collect(self) -> bool:
        """Take the replies that are there; False where the process has ended."""
        try:
            while self.connection.poll():
                reply = self.connection.recv()
                if self.ready:
                    self.jobs.popleft().reply = reply
                self.ready = True
        except (EOFError, OSError):
            return False
        return True

    def end(self) -> int:
        self.process.kill()
        self.connection.close()
        return self.process.wait()


class Pool:
    """Decode processes with shared memory for `ahead` pictures.

    Args:
        preprocess: Size and way of resizing.
        limits: What one picture may cost.
        count: Processes at most; started as there is work for them.
        ahead: Jobs at most whose results are not taken.
        side: Longest side of a small picture made beside; None for none.
    """

    def __init__(
        self,
        preprocess: ImagePreprocess,
        limits: DecodeLimits,
        count: int,
        ahead: int,
        side: int | None = None,
    ) -> None:
        self._settings = (preprocess, limits, side)
        self._limits, self._count = limits, count
        self._bytes = ahead * slot_bytes(preprocess.size, side)
        self._free = list(range(ahead))
        self._workers: list[_Worker] = []
        self._backlog: deque[Job] = deque()
        self._lost_starts = 0

    def __enter__(self) -> Self:
        self._memory_fd = shared_memory(self._bytes)
        self._memory = mmap.mmap(self._memory_fd, self._bytes)
        preprocess, _, side = self._settings
        self._slots = Slots(self._memory, preprocess.size, side)
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()
        self._memory.close()
        os.close(self._memory_fd)

    def job(self, source: Source) -> Job:
        """Reserve room for the pixels of a picture."""
        return Job(source, self._free.pop())

    def submit(self, jobs: list[Job]) -> None:
        """Share jobs out among the workers."""
        self._backlog.extend(jobs)
        self._collect(timeout=0)
        self._dispatch()

    def result(self, job: Job) -> Outcome:
        """Wait for a job, and give what came of it.

        Raises:
            Unavailable: Workers cannot be started.
        """
        while job.reply is None:
            self._collect(timeout=None)
            self._dispatch()
        slot = job.task[0]
        self._free.append(slot)
        content_hash, reason, sign, length = job.reply
        if reason is not None:
            return Outcome(None, content_hash, BadImage(reason))
        small = Small(self._slots.small(slot, length), sign) if length else None
        return Outcome(self._slots.pixels(slot), content_hash, None, small)

    def _dispatch(self) -> None:
        if not self._backlog:
            return
        while (
            len(self._workers) < self._count
            and len(self._backlog) > len(self._workers) * _PICTURES_WORTH_A_WORKER
        ):
            self._workers.append(_Worker(self._settings, self._memory_fd))
        shares: list[list[Job]] = [[] for _ in self._workers]
        loads = [len(worker.jobs) for worker in self._workers]
        while self._backlog:
            least = loads.index(min(loads))
            shares[least].append(self._backlog.popleft())
            loads[least] += 1
        for worker, share in zip(self._workers, shares, strict=True):
            if share:
                worker.take(share)

    def _collect(self, timeout: float | None) -> None:
        """Take what workers have done; wait for one of them where `timeout` is None."""
        speaking = wait([worker.connection for worker in self._workers], timeout)
        for worker in [one for one in self._workers if one.connection in speaking]:
            if not worker.collect():
                self._bury(worker)

    def _bury(self, worker: _Worker) -> None:
        """Blame the picture in hand for the loss of its worker; others take the rest."""
        self._workers.remove(worker)
        code = worker.end()
        self._lost_starts = 0 if worker.ready else self._lost_starts + 1
        if self._lost_starts == _LOST_STARTS:
            raise Unavailable(
                f"decode workers ended {_LOST_STARTS} times before their first picture, at last "
                f"with code {code}; see their message above, free some memory, "
                "or decode in this process with workers=0"
            )
        if worker.ready and worker.jobs:
            job = worker.jobs.popleft()
            job.reply = ("", f"{job.task[1]}: {self._cause(code)}", (), 0)
        self._backlog.extend(worker.jobs)

    def _cause(self, code: int) -> str:
        if code == -signal.SIGALRM:
            return (
                f"took longer than {self._limits.seconds:g} s to decode; expected a picture that "
                "decodes at once; convert it, or raise DecodeLimits.seconds"
            )
        end = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return (
            f"its decode process was ended by {end}; expected a picture that decodes within "
            "memory; convert it, or free some memory if the machine was short of it"
        )


def _start(fds: tuple[int, int]) -> subprocess.Popen[bytes]:
    """Start `serve`; not by multiprocessing, which imports the caller's main module again."""
    program = (
        f"import os, sys; sys.path = {sys.path!a}; os.environ['OPENBLAS_NUM_THREADS'] = '1'; "
        f"from embedstore.corpus.worker import serve; serve{fds}"
    )
    try:
        return subprocess.Popen(  # noqa: S603, the program is made here
            [sys.executable, "-c", program],
            pass_fds=fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    except OSError as error:
        raise Unavailable(
            f"a decode worker cannot be started ({error.strerror}); free some memory, "
            "or decode in this process with workers=0"
        ) from error
