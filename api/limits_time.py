"""Time and size of one request: a body within bounds, an answer that begins in time."""

import asyncio
import logging
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.limits import Limits
from api.problems import problem

log = logging.getLogger("embedstore.api")


class Bounded:
    """An application whose requests keep the limits.

    Work that overruns cannot be stopped inside its thread: the client is told, what the work still
    sends is dropped, and it counts as waiting until it ends.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app, self._limits = app, limits
        self.waiting = 0

    @property
    def full(self) -> bool:
        """Whether no more requests may wait."""
        return self.waiting >= self._limits.waiting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or say that it took too long."""
        loop = asyncio.get_running_loop()
        late = loop.create_future()
        timer = loop.call_later(self._limits.seconds, late.set_result, None)
        body, answer = _Body(receive, self._limits.body_bytes), _Answer(send, timer)
        self.waiting += 1  # at once: others may come before the task begins
        answer.then = self._less
        task = loop.create_task(self._ended(scope, body, answer))
        try:
            await asyncio.wait({task, late}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            timer.cancel()
        if task.done() or answer.begun:
            await task
            return
        answer.dropped = True
        task.add_done_callback(_note)
        limit = f"{self._limits.seconds:g} s"
        if body.whole:
            told = problem(503, "TimedOut", f"no answer within {limit}; ask for less at once")
        else:
            task.cancel()
            told = problem(408, "SlowBody", f"the body was not here within {limit}; send it faster")
        await told(scope, receive, send)

    async def _ended(self, scope: Scope, body: "_Body", answer: "_Answer") -> None:
        try:
            await self._app(scope, body, answer)
        finally:
            answer.begin()

    def _less(self) -> None:
        self.waiting -= 1


class _Body:
    """What a client sends, counted while it comes."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most = receive, most
        self._seen = 0
        self.whole = False

    async def __call__(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self._most:
            raise HTTPException(413, too_large(self._most))
        self.whole = self.whole or not message.get("more_body", False)
        return message


class _Answer:
    """What a client is sent; its beginning stops the clock."""

    def __init__(self, send: Send, timer: asyncio.TimerHandle) -> None:
        self._send, self._timer = send, timer
        self.begun = self.dropped = False
        self.then: Callable[[], None] | None = None

    async def __call__(self, message: Message) -> None:
        if not self.dropped:
            self.begin()
            await self._send(message)

    def begin(self) -> None:
        """Let the next request take this one's place."""
        if not self.begun:
            self.begun = True
            self._timer.cancel()
            if self.then is not None:
                self.then()


def too_large(most: int) -> str:
    """Say that a body is too large."""
    return f"the body exceeds {most} bytes; send less, or smaller pictures"


def _note(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("a request that had overrun failed", exc_info=task.exception())
