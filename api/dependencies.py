"""What routes are given: the store, a collection of it, a turn to decode pictures."""

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute

from api.documented import EVERYWHERE
from api.jobs import Jobs
from api.pictures import Pictures
from api.ready_encoders import ReadyEncoders
from embedstore import Collection, Store
from embedstore.errors import Moved


class AskedAgain(APIRoute):
    """A route that asks once more where a collection was re-embedded while it answered."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Give what answers a request."""
        answer = super().get_route_handler()

        async def answer_again(request: Request) -> Response:
            try:
                return await answer(request)
            except Moved:
                return await answer(request)

        return answer_again


def router(subject: str, route_class: type[APIRoute] = AskedAgain) -> APIRouter:
    """Make the router of a subject; its errors are documented."""
    return APIRouter(
        prefix="/v1", route_class=route_class, tags=[subject], responses=dict(EVERYWHERE)
    )


# Not `async`, a function costs a thread of its own, which takes longer than what it does
async def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


async def _decoding(request: Request) -> AbstractContextManager[object]:
    turns: AbstractContextManager[object] = request.app.state.decoding
    return turns


def _collection(name: str, store: Annotated[Store, Depends(_store)]) -> Collection:
    return store.collection(name)


async def _encoders(request: Request) -> ReadyEncoders:
    ready: ReadyEncoders = request.app.state.encoders
    return ready


async def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


async def _pictures(request: Request) -> Pictures:
    pictures: Pictures = request.app.state.pictures
    return pictures


Opened = Annotated[Store, Depends(_store)]
Named = Annotated[Collection, Depends(_collection)]
Encoders = Annotated[ReadyEncoders, Depends(_encoders)]
Running = Annotated[Jobs, Depends(_jobs)]
Told = Annotated[Pictures, Depends(_pictures)]
# So many pictures are decoded at once, however many requests are served
Decoding = Annotated[AbstractContextManager[object], Depends(_decoding)]
