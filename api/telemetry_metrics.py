"""Numbers for Prometheus: of requests, of the stages of searches, of what the store holds."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api.ready_encoders import ReadyEncoders
from embedstore import Store, stages

BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
TYPE = "text/plain; version=0.0.4; charset=utf-8"

_process = CollectorRegistry()
REQUESTS = Histogram(
    "embedstore_request_seconds",
    "Time to answer, by route.",
    ("method", "route", "status"),
    buckets=BUCKETS,
    registry=_process,
)
STAGES = Histogram(
    "embedstore_stage_seconds",
    "Time in each stage of a search.",
    ("stage",),
    buckets=BUCKETS,
    registry=_process,
)
IN_FLIGHT = Gauge("embedstore_requests_in_flight", "Requests being answered.", registry=_process)
REFUSED = Counter(
    "embedstore_requests_refused",
    "Requests that were not taken: by the guard, or because too much waits.",
    ("reason",),
    registry=_process,
)
CACHES = Counter(
    "embedstore_cache_lookups",
    "Looks into a cache, and whether it held the answer.",
    ("cache", "result"),
    registry=_process,
)
stages.listen_to_caches(lambda name, held: CACHES.labels(name, "hit" if held else "miss").inc())
_of_stage = cache(STAGES.labels)  # which looks for its own each time, and slowly
stages.listen(lambda name, seconds: _of_stage(name).observe(seconds))

router = APIRouter()


class _Held(Collector):
    """What a store holds and promises, looked up when it is asked for."""

    def __init__(self, store: Store, encoders: ReadyEncoders) -> None:
        self._store, self._encoders = store, encoders

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give what waits for each encoder, and each number of every collection."""
        waiting = GaugeMetricFamily(
            "embedstore_encoding_queue", "Calls that wait for an encoder.", labels=["encoder"]
        )
        for name, calls in self._encoders.waiting().items():
            waiting.add_metric([name], calls)
        yield waiting
        items = _gauge("items", "Items.")
        quarantined = _gauge("quarantined", "Items that could not be stored.")
        rows = _gauge("index_rows", "Vectors searched.", "modality")
        promised = _gauge("index_promised_recall", "Recall promised; 1 is exact.", "modality")
        measured = _gauge("index_recall_bound", "95% lower bound when built.", "modality")
        checked = _gauge("index_checked_recall", "Mean recall of sampled searches.", "modality")
        searches = _gauge("index_checked_searches", "Searches sampled since.", "modality")
        for info in self._store.collections():
            told = self._store.collection(info.name).describe()
            items.add_metric([info.name], told["items"])
            quarantined.add_metric([info.name], told["quarantined"])
            for modality, index in told["index"].items():
                labels = [info.name, modality]
                rows.add_metric(labels, index["published"] + index["tail"] - index["removed"])
                for gauge, value in (
                    (promised, _promised(index["promise"], "recall")),
                    (measured, _promised(index["promise"], "bound")),
                    (checked, index.get("checked", {}).get("mean")),
                    (searches, index.get("checked", {}).get("searches")),
                ):
                    if value is not None:
                        gauge.add_metric(labels, value)
        yield from (items, quarantined, rows, promised, measured, checked, searches)


class Numbers:
    """All that is counted and held, as Prometheus reads it.

    Attributes:
        threads: In which it is written; stuck requests hold none of them.
    """

    def __init__(self, store: Store, encoders: ReadyEncoders) -> None:
        self._held = CollectorRegistry()
        self._held.register(_Held(store, encoders))
        self.threads = CapacityLimiter(2)

    def written(self) -> bytes:
        """Give them in Prometheus' text format."""
        return generate_latest(_process) + generate_latest(self._held)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
    tags=["health"],
)
async def metrics(request: Request) -> Response:
    """Give counters, times and promises in Prometheus' text format."""
    numbers: Numbers = request.app.state.numbers
    told = await to_thread.run_sync(numbers.written, limiter=numbers.threads)
    return Response(told, media_type=TYPE)


def _promised(promise: str | dict[str, Any], part: str) -> float | None:
    """Give a part of a promise: 1 where every row is scored, None where nothing is promised."""
    if isinstance(promise, str):
        return 1.0 if promise == "exact" else None
    return float(promise[part])


def _gauge(name: str, told: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"embedstore_{name}", told, labels=["collection", *labels])
