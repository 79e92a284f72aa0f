"""The page's own files, answered from memory: they are few, small and part of the program."""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response

from api import etags

WEB = Path(__file__).parent / "web"
# The machine's own table may say otherwise, and browsers then run no script
KINDS = {".css": "text/css", ".html": "text/html", ".js": "text/javascript"}
LIFE = "no-cache"  # kept by the browser, asked for each time whether it is still the same


def install(app: FastAPI) -> None:
    """Serve every file of the page; `/` is the page itself."""
    for file in sorted(WEB.iterdir()):
        path = "/" if file.name == "index.html" else f"/{file.name}"
        app.router.add_route(path, _giving(file), include_in_schema=False)


def _giving(file: Path) -> Callable[[Request], Awaitable[Response]]:
    content = file.read_bytes()
    kind = KINDS[file.suffix]
    headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()[:24]}"', "Cache-Control": LIFE}

    async def give(request: Request) -> Response:
        if etags.has(request.headers.get("if-none-match"), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=kind, headers=headers)

    return give
