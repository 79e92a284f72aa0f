"""`embedstore serve`."""

import socket
from contextlib import suppress

import click

from api.output import print_json
from api.settings import (
    LOOPBACK,
    api_key_option,
    endpoint_key_option,
    json_option,
    store_options,
)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--generator",
    "generators",
    envvar="EMBEDSTORE_GENERATOR",
    multiple=True,
    help="A generator that requests may choose, the first by default.  [default: the bundled ones]",
)
@endpoint_key_option
@api_key_option
@store_options
@json_option
def serve(
    host: str,
    port: int,
    generators: tuple[str, ...],
    endpoint_key: str | None,
    api_key: str | None,
    store: str,
    index_folder: str | None,
    as_json: bool,
) -> None:
    """Serve the HTTP API and the search page.

    An address that other machines can reach needs an API key.

    \b
    Example:
      embedstore serve --port 8000
    """
    if host not in LOOPBACK and not api_key:
        raise click.UsageError(
            f"--host {host} can be reached from other machines and no API key is set; "
            "set EMBEDSTORE_API_KEY, or listen on 127.0.0.1"
        )
    import uvicorn

    import embedstore
    from api.allowed import Allowed
    from api.app import create_app

    with embedstore.open(store, folder=index_folder, must_exist=True) as opened:
        app = create_app(
            opened,
            api_key=api_key,
            hosts=None if host not in LOOPBACK else LOOPBACK,
            allowed=Allowed(generators, endpoint_key),
        )
        config = uvicorn.Config(app, log_level="warning")
        with _listen(host, port) as listening:
            _tell(host, listening.getsockname()[1], as_json)
            with suppress(KeyboardInterrupt):  # the usual way to stop it
                uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    from embedstore.errors import Unavailable

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise Unavailable(
            f"cannot listen on {host}, port {port} ({error.strerror}); choose another with --port"
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
