"""Errors as RFC 9457 problem details: one table from error to status."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.output import printable
from embedstore.errors import (
    Conflict,
    Corrupt,
    EmbedStoreError,
    Invalid,
    NotFound,
    StorageFull,
    StoreLocked,
    Unavailable,
)

STATUS: dict[type[EmbedStoreError], int] = {
    NotFound: 404,
    Conflict: 409,
    Invalid: 422,
    Unavailable: 503,
    Corrupt: 500,
    StorageFull: 507,
}

log = logging.getLogger("embedstore.api")


def problem(status: int, title: str, detail: str) -> JSONResponse:
    """Give a problem details response."""
    told = printable(detail)
    body = {"type": "about:blank", "title": title, "status": status, "detail": told}
    return JSONResponse(body, status, media_type="application/problem+json")


def status_of(error: EmbedStoreError) -> int:
    """Give the HTTP status of an error by its branch of the error tree."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def install(app: FastAPI) -> None:
    """Answer every error with problem details; a server error tells nothing of the inside."""

    @app.exception_handler(EmbedStoreError)
    def expected(request: Request, error: EmbedStoreError) -> JSONResponse:
        status = status_of(error)
        if status >= 500 or isinstance(error, StoreLocked):  # its message says where the store is
            log.error("%s %s: %s", request.method, request.url.path, error)
            return problem(
                status, type(error).__name__, "the store cannot do this now; see the server's log"
            )
        return problem(status, type(error).__name__, str(error))

    @app.exception_handler(RequestValidationError)
    def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        told = "; ".join(
            f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}"
            for each in error.errors()
        )
        return problem(422, "BadRequest", told)

    @app.exception_handler(HTTPException)
    def refused(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, HTTPStatus(error.status_code).phrase, error.detail)

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem(500, "InternalError", "unexpected error; see the server's log")
