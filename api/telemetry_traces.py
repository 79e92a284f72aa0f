"""Traces for OpenTelemetry: a span of each request, in it the stages of its searches.

Like the log they name routes, and nothing of what was asked. Only who switches them on needs
the extra `otel`.
"""

import time
from contextvars import ContextVar
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.telemetry import request_id, route_of
from embedstore import stages
from embedstore.errors import MissingExtra

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

# Of the request that is served; threads that work for it have it too
_serving: ContextVar["Tracer | None"] = ContextVar("tracer", default=None)


def provider(collector: str) -> "TracerProvider":
    """Send traces to a collector; shut it down to send the last of them.

    Args:
        collector: Its address for OTLP over HTTP, such as `http://localhost:4318`.

    Raises:
        MissingExtra: OpenTelemetry is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise MissingExtra(
            "--traces needs OpenTelemetry, which is not installed; "
            "run: pip install 'embedstore[otel]'"
        ) from error
    made = TracerProvider(resource=Resource.create({"service.name": "embedstore"}))
    exporter = OTLPSpanExporter(endpoint=f"{collector.rstrip('/')}/v1/traces")
    made.add_span_processor(BatchSpanProcessor(exporter))
    return made


class Traced:
    """An application whose requests are traced."""

    def __init__(self, app: ASGIApp, provider: "TracerProvider") -> None:
        self._app, self._tracer = app, provider.get_tracer("embedstore")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, inside a span that goes on a trace where the client began one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from opentelemetry.trace import SpanKind, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        headers = {
            name.decode("latin-1"): told.decode("latin-1") for name, told in scope["headers"]
        }
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._tracer.start_as_current_span(
            "request",
            context=TraceContextTextMapPropagator().extract(headers),
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            _serving.set(self._tracer)
            try:
                await self._app(scope, receive, noted)
            finally:
                name = route_of(scope)
                span.update_name(name)
                method, _, route = name.partition(" ")
                span.set_attributes(
                    {
                        "http.request.method": method,
                        "http.route": route,
                        "http.response.status_code": status,
                        "embedstore.request_id": request_id.get() or "",
                    }
                )
                if status >= 500:
                    span.set_status(StatusCode.ERROR)


def _stage(name: str, seconds: float) -> None:
    tracer = _serving.get()
    if tracer is not None:
        ended = time.time_ns()
        tracer.start_span(name, start_time=ended - int(seconds * 1e9)).end(ended)


stages.listen(_stage)
