"""One encoder for many threads: what they ask at the same time is encoded in one call."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from embedstore.errors import Overloaded, Unavailable
from embedstore.types import Encoder, ImagePreprocess, Pixels, Space, Vectors

MOST_WAITING = 64  # calls
MOST_AT_ONCE = 32  # texts or pictures of one call of the encoder
LINGER_SECONDS = 0.002

_Kind = Literal["texts", "images"]


@dataclass(frozen=True)
class _Call:
    kind: _Kind
    items: Sequence[Any]
    answer: "Future[Vectors]" = field(default_factory=Future)


class QueuedEncoder:
    """An encoder that gathers the small calls of many threads; law: the same vectors as alone.

    A call that finds nobody else waits for nothing. Where the call before was shared, its callers
    are about to come again, and the next one lingers for them. Of more texts than are encoded at
    once each piece waits for its turn. More pictures go past the queue, lest words wait for them:
    whoever decodes so many takes turns already.
    """

    def __init__(self, real: Encoder, *, most_waiting: int = MOST_WAITING) -> None:
        """Take an encoder.

        Args:
            real: What encodes; its vectors do not depend on the batch.
            most_waiting: Calls that wait at most; further ones are refused.
        """
        self._real, self._most_waiting = real, most_waiting
        self._waiting: deque[_Call] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._worker = threading.Thread(target=self._work, name="encoding-queue", daemon=True)
        self._worker.start()

    @property
    def space(self) -> Space:
        """The space of every vector this encoder makes."""
        return self._real.space

    @property
    def preprocess(self) -> ImagePreprocess:
        """What is done to a picture before it is encoded."""
        return self._real.preprocess

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._waiting)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Encode texts as unit rows `(n, d)`.

        Raises:
            Overloaded: Too many calls wait.
        """
        if not texts:
            return self._real.encode_texts(texts)
        begins = range(0, len(texts), MOST_AT_ONCE)
        pieces = [texts[begin : begin + MOST_AT_ONCE] for begin in begins]
        rows = [self._asked(_Call("texts", piece)) for piece in pieces]
        return rows[0] if len(rows) == 1 else np.concatenate(rows)

    def encode_images(self, images: Sequence[Pixels]) -> Vectors:
        """Encode `(size, size, 3)` pictures as unit rows `(n, d)`.

        Raises:
            Overloaded: Too many calls wait.
        """
        if not 0 < len(images) <= MOST_AT_ONCE:
            return self._real.encode_images(images)
        return self._asked(_Call("images", images))

    def overlong(self, texts: Sequence[str]) -> list[bool]:
        """Say for each text whether its end is cut."""
        return self._real.overlong(texts)

    def close(self) -> None:
        """Finish what waits and stop."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._worker.join()

    def _asked(self, call: _Call) -> Vectors:
        with self._changed:
            if self._closed:
                raise Unavailable("the encoder is closed; the service is stopping")
            if len(self._waiting) >= self._most_waiting:
                raise Overloaded(
                    f"{len(self._waiting)} calls of the encoder wait; expected "
                    f"{self._most_waiting} at most; send this one again in a second"
                )
            self._waiting.append(call)
            self._changed.notify()
        return call.answer.result()

    def _work(self) -> None:
        shared = 1
        while calls := self._next(shared):
            shared = len(calls)
            self._encode(calls)

    def _next(self, expected: int) -> list[_Call]:
        """Take calls of one kind, the oldest first; none once closed and all is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            until = time.monotonic() + LINGER_SECONDS
            while len(self._waiting) < expected and not self._closed:
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            return self._taken()

    def _taken(self) -> list[_Call]:
        taken: list[_Call] = []
        size = 0
        while self._waiting:
            call = self._waiting[0]
            size += len(call.items)
            if taken and (call.kind != taken[0].kind or size > MOST_AT_ONCE):
                break
            taken.append(self._waiting.popleft())
        return taken

    def _encode(self, calls: Sequence[_Call]) -> None:
        items = [item for call in calls for item in call.items]
        try:
            encode = getattr(self._real, f"encode_{calls[0].kind}")
            rows: Vectors = encode(items)
        except Exception as error:  # every caller is told
            for call in calls:
                call.answer.set_exception(error)
            return
        begin = 0
        for call in calls:
            call.answer.set_result(rows[begin : begin + len(call.items)])
            begin += len(call.items)
