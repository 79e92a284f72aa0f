"""The page's own files, answered from memory: they are few, small and part of the program."""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response

from api import etags, page_parts

WEB = Path(__file__).parent / "web"
LIFE = "no-cache"  # kept by the browser, asked for each time whether it is still the same


def install(app: FastAPI) -> None:
    """Serve the page, its script and its style."""
    for path, content, kind in (
        ("/", (WEB / "index.html").read_text(encoding="utf-8"), "text/html"),
        ("/page.js", page_parts.script(WEB), "text/javascript"),
        ("/page.css", page_parts.style(WEB), "text/css"),
    ):
        app.router.add_route(path, _giving(content.encode(), kind), include_in_schema=False)


def _giving(content: bytes, kind: str) -> Callable[[Request], Awaitable[Response]]:
    headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()[:24]}"', "Cache-Control": LIFE}

    async def give(request: Request) -> Response:
        if etags.has(request.headers.get("if-none-match"), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=kind, headers=headers)

    return give
