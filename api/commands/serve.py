"""`embedstore serve`."""

import gc
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.commands.answering import endpoint_settings
from api.host_names import checked_names, hosts
from api.output import print_json, print_table, printable
from api.settings import LOOPBACK, endpoint_options, json_option, option, store_options
from api.settings_shown import shown

if TYPE_CHECKING:
    from fastapi import FastAPI
    from opentelemetry.sdk.trace import TracerProvider

    from api.allowed import Allowed
    from embedstore import Store

# A search lets go of Python's lock a dozen times; while requests pour in, it has it back after 5 ms
# each time. With less it answers a third more of them; with much less, fewer where all is calm.
SWITCH_SECONDS = 0.0005
LEAST_KEY = 16  # characters
ENDPOINT_SHARE = 0.9  # of the time of a request


@click.command()
@option("host")
@option("allowed-host")
@option("port")
@option("generator")
@endpoint_options
@option("api-key")
@option("fetch-urls")
@option("origin")
@option("max-body-mib")
@option("max-seconds")
@option("max-requests")
@option("rate")
@option("stop-seconds")
@option("traces")
@option("log")
@store_options
@click.option("--show-settings", is_flag=True, help="Print each setting and its origin; then end.")
@json_option
def serve(show_settings: bool, as_json: bool, **settings: Any) -> None:
    """Serve the HTTP API and the search page.

    An address or a name by which other machines can reach it needs an API key: `embedstore keys
    create NAME`.

    \b
    Example:
      embedstore serve --port 8000
    """
    if show_settings:
        _show(as_json)
        return
    _refuse_open_door(settings)
    import embedstore
    from api import telemetry_log

    if settings["log"] == "json":
        telemetry_log.start()
    store, folder = settings["store"], settings["index_folder"]
    with embedstore.open(store, folder=folder, must_exist=True) as opened:
        allowed = _allowed(settings)
        with (
            _traces(settings["traces"]) as traces,
            _listen(settings["host"], settings["port"]) as listening,
        ):
            app = _app(opened, settings, allowed, traces)
            _tell(settings["host"], listening.getsockname()[1], as_json)
            _run(app, listening, settings["stop_seconds"])
        _leave(app)


def _refuse_open_door(settings: dict[str, Any]) -> None:
    key = settings["api_key"]
    if key and len(key) < LEAST_KEY:
        raise click.UsageError(
            f"the API key has {len(key)} characters, which can be guessed; expected {LEAST_KEY} at "
            "least; make one with `openssl rand -hex 32`, or with `embedstore keys create NAME`"
        )
    names = checked_names(settings["allowed_host"])
    public = [("--host", settings["host"]), *(("--allowed-host", name) for name in sorted(names))]
    # Requests that a proxy passes on come from loopback, so a name is as open a door as an address
    flag, name = next((each for each in public if each[1] not in LOOPBACK), (None, None))
    if flag and not key and not _has_keys(settings):
        raise click.UsageError(
            f"{flag} {name} can be reached from other machines and no API key is set; "
            "make one with `embedstore keys create NAME` or set EMBEDSTORE_API_KEY, "
            "or serve on 127.0.0.1 without --allowed-host"
        )


def _has_keys(settings: dict[str, Any]) -> bool:
    from api.keys import KeyRing

    folder = settings["index_folder"] if "://" in settings["store"] else settings["store"]
    return folder is not None and bool(KeyRing(Path(folder).expanduser()).keys())


@contextmanager
def _traces(collector: str | None) -> Iterator["TracerProvider | None"]:
    if collector is None:
        yield None
        return
    from api.telemetry_traces import provider

    made = provider(collector)
    try:
        yield made
    finally:
        made.shutdown()


def _allowed(settings: dict[str, Any]) -> "Allowed":
    """Load the generators that are named, so that a slip is told here and not to clients."""
    from api.allowed import Allowed
    from embedstore.errors import EmbedStoreError

    told = endpoint_settings(settings)
    # Else the request would end first, and its client not be told what was waited for
    budget = min(told.budget, ENDPOINT_SHARE * settings["max_seconds"])
    allowed = Allowed(settings["generator"], replace(told, budget=budget))
    try:
        allowed.load()
    except EmbedStoreError as error:
        raise click.UsageError(f"--generator: {printable(str(error))}") from error
    return allowed


def _app(
    store: "Store",
    settings: dict[str, Any],
    allowed: "Allowed",
    traces: "TracerProvider | None",
) -> "FastAPI":
    from api.app import create_app
    from api.fetching import Fetching
    from api.limits import Limits

    return create_app(
        store,
        api_key=settings["api_key"],
        hosts=hosts(settings),
        allowed=allowed,
        origins=settings["origin"],
        traces=traces,
        fetching=Fetching() if settings["fetch_urls"] else None,
        limits=Limits(
            body_bytes=settings["max_body_mib"] << 20,
            seconds=settings["max_seconds"],
            waiting=settings["max_requests"],
            rate=settings["rate"],
            stop_seconds=settings["stop_seconds"],
        ),
    )


def _run(app: "FastAPI", listening: socket.socket, stop_seconds: int) -> None:
    """Serve until a signal; what was accepted is finished, then the caller closes the store."""
    import uvicorn

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.jobs.stop()  # before requests are waited for: some follow a job to its end
            await super().shutdown(sockets)

    config = uvicorn.Config(
        app,
        log_level="warning",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=stop_seconds,
        server_header=False,
    )
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()  # a full collection would walk all that was imported: 0.1 s without an answer
    # uvicorn raises its signal again when it is done, which must not keep the store from closing.
    with suppress(KeyboardInterrupt):
        Server(config).run(sockets=[listening])


def _leave(app: "FastAPI") -> None:
    """End the process at once where a job is left, for whose thread Python would wait."""
    if app.state.jobs.underway():
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)  # a store stays whole whenever a process ends


def _show(as_json: bool) -> None:
    rows = list(shown(click.get_current_context()))
    if as_json:
        print_json({name: {"value": value, "from": origin} for name, value, origin in rows})
    else:
        print_table(("setting", "value", "from"), rows)


def _listen(host: str, port: int) -> socket.socket:
    from embedstore.errors import Unavailable

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error  # Python adds the address
        raise Unavailable(
            f"cannot listen on {host}, port {port} ({reason}); choose another with --port"
        ) from error


def _tell(host: str, port: int, as_json: bool) -> None:
    base = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if as_json:
        print_json(
            {"page": f"{base}/", "api": f"{base}/v1", "openapi": f"{base}/openapi.json"},
            indent=None,
        )
    else:
        click.echo(f"search page: {base}/   API: {base}/v1 ({base}/openapi.json)")
