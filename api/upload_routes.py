"""The HTTP route that stores pictures as they are sent by forms."""

from typing import Annotated

from fastapi import File, Form, UploadFile

from api import dependencies
from api.dependencies import Decoding, Encoders, Named
from api.documented import errors
from api.item_routes import stored
from api.schemas import MAX_ITEMS, Stored
from api.uploads import items_of

router = dependencies.router("items")


@router.post("/collections/{name}/items/upload", responses=errors(404, 409, 507))
def upload(
    files: Annotated[
        list[UploadFile], File(max_length=MAX_ITEMS, description="Pictures, each with a name.")
    ],
    collection: Named,
    decoding: Decoding,
    encoders: Encoders,
    items: Annotated[
        str,
        Form(
            description="JSON list that tells of files: `file`, and `key`, `texts`, `meta`.",
            examples=['[{"file": "a.jpg", "key": "a", "texts": ["a red door"]}]'],
        ),
    ] = "[]",
) -> Stored:
    """Store pictures; one whose key is there already replaces its item."""
    encoders.serve(collection)
    with decoding:
        return stored(collection.add(items_of(files, items)))
