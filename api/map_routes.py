"""The HTTP route of the map: a collection's pictures on a plane."""

from typing import Annotated

from fastapi import Query

from api import dependencies
from api.dependencies import Decoding, Named
from api.documented import errors
from api.map_schemas import MapGroup, Mapped, MapPoint
from api.schemas import StoredItem
from api.shown import item_on_wire
from embedstore.map import MOST_POINTS, POINTS, map_of

router = dependencies.router("map")


@router.get("/collections/{name}/map", responses=errors(404, 409))
def lay_out(
    collection: Named,
    working: Decoding,
    most: Annotated[int, Query(ge=1, le=MOST_POINTS, description="Pictures drawn.")] = POINTS,
) -> Mapped:
    """Lay a collection's pictures, or a sample of them, on a plane where like lies near like."""
    with working:  # no more of them at once than there are cores
        drawn = map_of(collection, most)
    return Mapped(
        pictures=drawn.pictures,
        points=[MapPoint(**vars(point)) for point in drawn.points],
        groups=[
            MapGroup(item=StoredItem(**item_on_wire(collection.name, group.item)), size=group.size)
            for group in drawn.groups
        ],
    )
