"""The OpenAPI document: each route's errors are typed as problem details, with an example."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.schemas import Problem

PROBLEM = "application/problem+json"
_TITLES = {
    400: ("Bad Request", "the body cannot be read as what its content type says"),
    401: ("Unauthorized", "send the key as `Authorization: Bearer KEY`"),
    403: ("Forbidden", "this key may not do that"),
    404: ("NotFound", "no collection 'holiday'; there are: photos"),
    408: ("SlowBody", "the body was not here within 60 s; send it faster"),
    409: ("Conflict", "a collection is called 'photos' already; choose another name"),
    413: ("Content Too Large", "the body exceeds 33554432 bytes; send less, or smaller pictures"),
    421: ("WrongHost", "this server answers to localhost"),
    422: ("BadQuery", "the query is empty; give text, image, like (an item's key) or vector"),
    429: ("Too Many Requests", "more requests than this key may send; wait a second"),
    500: ("InternalError", "unexpected error; see the server's log"),
    503: ("Overloaded", "too many requests wait; send this one again in a second"),
    507: ("StorageFull", "the store cannot do this now; see the server's log"),
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Give the `responses` of a route that may answer with these statuses."""
    return {status: _response(status) for status in statuses}


def _response(status: int) -> dict[str, Any]:
    title, detail = _TITLES[status]
    example = {
        "type": f"urn:embedstore:problem:{title.replace(' ', '')}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": "/v1/collections/photos/search",
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM: {"schema": schema, "example": example}},
    }


EVERYWHERE: Mapping[int | str, dict[str, Any]] = errors(
    400, 401, 403, 408, 413, 421, 422, 429, 500, 503
)


def install(app: FastAPI) -> None:
    """Let the application describe itself with its problem details."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            schemas = made["components"]["schemas"]
            schemas["Problem"] = Problem.model_json_schema(
                ref_template="#/components/schemas/{model}"
            )
            schemas.update(schemas["Problem"].pop("$defs", {}))
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]
