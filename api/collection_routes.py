"""The HTTP routes of collections: list, create, describe, delete."""

from typing import Any

from fastapi import Request, Response

from api import dependencies
from api.dependencies import Encoders, Named, Opened
from api.documented import errors
from api.encoder_names import model_name
from api.field_schemas import HeldFields, fields_on_wire
from api.keys_scopes import sees
from api.schemas import CollectionSummary, Health, NewCollection

router = dependencies.router("collections")


@router.get("/health")
def health() -> Health:
    """Say that the service answers."""
    return Health(status="ok")


@router.get("/collections")
def collections(store: Opened, request: Request) -> list[CollectionSummary]:
    """List the collections that the key reaches."""
    return [
        CollectionSummary(
            name=info.name,
            encoder=model_name(info.space),
            items=store.catalog.size(info.id),
        )
        for info in store.collections()
        if sees(request, info.name)
    ]


@router.post("/collections", status_code=201, responses=errors(409, 507))
def create(wanted: NewCollection, store: Opened, encoders: Encoders) -> CollectionSummary:
    """Create an empty collection."""
    store.create(wanted.name, encoders.named(wanted.encoder), prompts=tuple(wanted.prompts))
    return CollectionSummary(name=wanted.name, encoder=wanted.encoder, items=0)


@router.get("/collections/{name}", responses=errors(404))
def describe(collection: Named) -> dict[str, Any]:
    """Tell all about a collection."""
    return {**collection.describe(), "encoder": model_name(collection.info.space)}


@router.get("/collections/{name}/fields", responses=errors(404, 409))
def fields(collection: Named) -> HeldFields:
    """Tell what the metadata fields hold, by a sample of up to 5,000 items spread over all."""
    return fields_on_wire(collection.fields())


@router.delete("/collections/{name}", status_code=204, responses=errors(404, 409, 507))
def drop(name: str, store: Opened) -> Response:
    """Delete a collection with all its items; it cannot be had back."""
    store.drop(name)
    return Response(status_code=204)
