"""Errors as RFC 9457 problem details: one table from error to status."""

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from api.documented import PROBLEM
from api.encoder_names import NoEncoder
from api.generator_names import NoGenerator
from api.output import printable
from api.telemetry import request_id, route_of
from embedstore.errors import (
    Conflict,
    Corrupt,
    EmbedStoreError,
    Invalid,
    NotAllowed,
    NotFound,
    Overloaded,
    SpaceMismatch,
    StorageFull,
    StoreLocked,
    Unauthorized,
    Unavailable,
)

STATUS: dict[type[EmbedStoreError], int] = {
    NotFound: 404,
    Conflict: 409,
    Invalid: 422,
    NotAllowed: 403,
    Unauthorized: 401,
    Unavailable: 503,
    Corrupt: 500,
    StorageFull: 507,
}
OF_OPENAI = ("/v1/embeddings", "/v1/models")  # whose clients look for `error.message`
HIDDEN = "the store cannot do this now; see the server's log"
MISMATCH = (
    "the encoder or the generator makes vectors of another space than the collection holds; the "
    "server's log names both; choose another generator, such as consensus, or another collection"
)
MOST_WRONG = 20  # fields that one answer names
LONGEST_NAME = 100  # of a field; a client may invent any
RETRY_SECONDS = "1"
ROUTES = "/openapi.json names all"
TITLES = {413: "Content Too Large"}  # older Pythons have an older name
PLAINER = {"extra_forbidden": "no such field; /openapi.json names those that there are"}

log = logging.getLogger("embedstore.api")


class _Problem(Response):
    """An answer that names the request it belongs to, and so is written when it is sent."""

    media_type = PROBLEM

    def __init__(self, told: dict[str, Any], headers: Mapping[str, str] | None) -> None:
        self._told, self._sent_with = told, headers
        super().__init__(None, told["status"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, with the path and the id of its request."""
        told = {**self._told, "instance": quote(scope["path"], errors="replace")}
        if scope["path"].startswith(OF_OPENAI):
            told["error"] = {
                "message": told["detail"],
                "type": told["title"],
                "param": None,
                "code": None,
            }
        if (name := request_id.get()) is not None:
            told["request_id"] = name
        self.body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        self.init_headers(self._sent_with)
        await super().__call__(scope, receive, send)


def problem(
    status: int,
    title: str,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Give a problem details response.

    Args:
        status: Of HTTP.
        title: The kind of problem; its type is made of it.
        detail: What happened, in one line.
        errors: The fields that are wrong.
        headers: To send with it.
    """
    told: dict[str, Any] = {
        "type": f"urn:embedstore:problem:{title.replace(' ', '')}",
        "title": title,
        "status": status,
        "detail": printable(detail),
    }
    if errors:
        told["errors"] = errors
    return _Problem(told, headers)


def status_of(error: EmbedStoreError) -> int:
    """Give the HTTP status of an error by its branch of the error tree."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def detail_of(error: Exception) -> str:
    """Give what a client may know of an error: nothing of the inside."""
    if isinstance(error, Overloaded | NoEncoder | NoGenerator):
        return printable(str(error))
    if not isinstance(error, EmbedStoreError):
        return "unexpected error; see the server's log"
    if isinstance(error, SpaceMismatch):  # its message names encoders and heads by their folders
        return MISMATCH
    # The messages of these say where the store is
    inside = status_of(error) >= 500 or isinstance(error, StoreLocked)
    return HIDDEN if inside else printable(str(error))


def note(where: str, error: Exception) -> None:
    """Log what a client is not told of an error.

    Whoever runs the server needs the message, with the files it names. What a client is told is its
    own slip, and may name items or what was asked, which are not for the log.
    """
    if not isinstance(error, EmbedStoreError):
        log.exception("%s failed", where, exc_info=error)
    elif detail_of(error) in (HIDDEN, MISMATCH):
        log.error("%s: %s", where, error)


def install(app: FastAPI) -> None:
    """Answer every error with problem details; a server error tells nothing of the inside."""

    @app.exception_handler(EmbedStoreError)
    def expected(request: Request, error: EmbedStoreError) -> Response:
        status, told = status_of(error), detail_of(error)
        note(route_of(request.scope), error)
        if isinstance(error, Overloaded):
            request.scope["embedstore.refused"] = "Overloaded"
        headers = {"Retry-After": RETRY_SECONDS} if status == 503 else None
        return problem(status, type(error).__name__, told, headers=headers)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> Response:
        other = _other_kind(request, error)
        if other is not None:
            return problem(422, "BadRequest", other)
        wrong = [
            {
                "field": _spoken(each["loc"]),
                "message": PLAINER.get(each["type"])
                or printable(each["msg"].removeprefix("Value error, ")),
            }
            for each in error.errors()[:MOST_WRONG]
        ]
        told = "; ".join(f"{each['field']}: {each['message']}" for each in wrong)
        return problem(422, "BadRequest", told, errors=wrong)

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        status = error.status_code
        title = TITLES.get(status) or HTTPStatus(status).phrase
        detail = error.detail
        if detail == HTTPStatus(status).phrase:  # the router's, which names nothing
            detail = f"{request.method} {request.url.path[:LONGEST_NAME]} is no route; " + ROUTES
        return problem(status, title, detail, headers=error.headers)

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:
        note(route_of(request.scope), error)
        return problem(500, "InternalError", detail_of(error))


def _other_kind(request: Request, error: RequestValidationError) -> str | None:
    """Say that a body is of another content type than the route reads, where it is."""
    sent = request.headers.get("content-type", "")
    files = request.url.path.endswith("/upload")
    expected = "multipart/form-data" if files else "application/json"
    if sent.startswith(expected) or error.errors()[0]["loc"][0] != "body":
        return None
    told = repr(printable(sent[:LONGEST_NAME])) if sent else "not said"
    return f"the content type of the body is {told}; expected {expected}"


def _spoken(place: tuple[Any, ...]) -> str:
    return ".".join(printable(str(part)[:LONGEST_NAME]) for part in place)
