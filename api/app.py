"""The service: routes, page and guard around one store."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from fastapi import FastAPI

from api import (
    answer_routes,
    collection_routes,
    documented,
    embedding_routes,
    health,
    item_routes,
    job_routes,
    map_routes,
    page_files,
    picture_routes,
    problems,
    search_routes,
    telemetry_metrics,
    upload_routes,
)
from api.allowed import Allowed
from api.fetching import Fetching
from api.guard import Door, install
from api.jobs import Jobs
from api.keys import KeyRing
from api.known import KnownCollections
from api.limits import Limits
from api.loop_searches import LoopSearches
from api.pictures import Pictures
from api.ready_encoders import ReadyEncoders
from api.searching import Searching
from api.telemetry import Telemetry
from embedstore import Store, __version__
from embedstore.corpus import default_workers

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ROUTES = (
    collection_routes,
    item_routes,
    upload_routes,
    search_routes,
    picture_routes,
    map_routes,
    answer_routes,
    job_routes,
    embedding_routes,
)
# FastAPI's own, where it has one, would tell paths and what was sent
NO_TELEMETRY: Any = dict.fromkeys(
    ("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False
)


def create_app(
    store: Store,
    *,
    api_key: str | None = None,
    hosts: Iterable[str] | None = None,
    allowed: Allowed | None = None,
    origins: Sequence[str] = (),
    limits: Limits | None = None,
    fetching: Fetching | None = None,
    traces: "TracerProvider | None" = None,
) -> FastAPI:
    """Make the service.

    Args:
        store: An open store; the caller closes it.
        api_key: What clients may send beside the store's own keys; None on loopback only.
        hosts: Names the server answers to; None for any.
        allowed: Generators that requests may choose from; None allows the bundled ones.
        origins: Other sites whose pages may use the server.
        limits: What a request and a key may cost.
        fetching: How pictures are fetched that requests name by address; None fetches none.
        traces: Where requests are traced; the caller shuts it down. None traces none.

    Returns:
        An ASGI application.
    """
    # FastAPI's own documentation pages load scripts from another host, which may be out of reach.
    app = FastAPI(
        title="embedstore",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=_finishing,
        telemetry=NO_TELEMETRY,
    )
    app.state.store = store
    app.state.decoding = BoundedSemaphore(default_workers())
    app.state.limits = limits = limits or Limits()
    app.state.encoders = ReadyEncoders(store, limits.waiting)
    app.state.jobs = Jobs()
    app.state.pictures = Pictures(fetching)
    app.state.known = KnownCollections(store)
    app.state.searching = Searching(
        app.state.known,
        app.state.encoders,
        app.state.decoding,
        app.state.pictures,
        LoopSearches(database_here=store.catalog.dialect == "sqlite"),
    )
    app.state.allowed = allowed or Allowed()
    for often in (search_routes.most_asked, picture_routes.most_asked):
        app.include_router(often)  # first: each route that is tried costs time
    for routes in ROUTES:
        app.include_router(routes.router)
    app.include_router(health.router)
    app.include_router(telemetry_metrics.router)
    app.state.canary = health.Canary(store)
    app.state.numbers = telemetry_metrics.Numbers(store, app.state.encoders)
    problems.install(app)
    documented.install(app)
    names = None if hosts is None else frozenset(hosts)
    install(app, Door(api_key, KeyRing(store.folder), names, origins, limits))
    if traces is not None:
        from api.telemetry_traces import Traced

        app.add_middleware(Traced, provider=traces)
    app.add_middleware(Telemetry)
    page_files.install(app)
    return app


@asynccontextmanager
async def _finishing(app: FastAPI) -> AsyncIterator[None]:
    """Give every accepted request a thread; finish what can be finished before it ends."""
    to_thread.current_default_thread_limiter().total_tokens += app.state.limits.waiting
    yield
    await to_thread.run_sync(app.state.jobs.close, app.state.limits.stop_seconds)
    await to_thread.run_sync(app.state.encoders.close)
    app.state.pictures.close()
