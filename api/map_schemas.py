"""What goes over the wire of a map."""

from pydantic import Field

from api.schemas import StoredItem, Wire


class MapPoint(Wire):
    """A picture on the plane."""

    key: str
    x: float = Field(description="-1 to 1.")
    y: float = Field(description="-1 to 1.")
    group: int = Field(description="Position among the groups.")


class MapGroup(Wire):
    """Pictures of the sample that show the same kind of thing."""

    item: StoredItem = Field(description="The one nearest to their centre.")
    size: int


class Mapped(Wire):
    """A collection's pictures on a plane."""

    pictures: int = Field(description="In the whole collection; the points may be a sample.")
    points: list[MapPoint]
    groups: list[MapGroup] = Field(description="The largest first.")
