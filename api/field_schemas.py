"""What goes over the wire of metadata fields."""

from pydantic import Field

from api.schemas import Wire
from embedstore.catalog import FieldsHeld


class FieldValue(Wire):
    """A value that a field has."""

    value: str | bool | int | float | None
    items: int = Field(description="With it, among those that were looked at.")


class HeldField(Wire):
    """What a metadata field holds."""

    name: str = Field(description="As a filter writes it.", examples=["year"])
    kind: str = Field(description="That most values have: number, string, boolean or array.")
    items: int = Field(description="With the field, among those that were looked at.")
    distinct: int = Field(description="How many different values; of lists, parts.")
    values: list[FieldValue] = Field(
        description="The most usual, at most 24; texts of more than 100 letters are left out."
    )
    least: int | float | None = Field(description="Of numbers.")
    most: int | float | None = Field(description="Of numbers.")


class HeldFields(Wire):
    """What the metadata of a collection holds, by a sample."""

    items: int = Field(description="In the collection.")
    looked_at: int = Field(description="Items of the sample, spread evenly over all.")
    fields: list[HeldField] = Field(description="Those that the most items have come first.")


def fields_on_wire(held: FieldsHeld) -> HeldFields:
    """Give what fields hold."""
    fields = [
        HeldField(
            name=each.name,
            kind=each.kind,
            items=each.items,
            distinct=each.distinct,
            values=[FieldValue(value=value, items=count) for value, count in each.values],
            least=each.least,
            most=each.most,
        )
        for each in held.fields
    ]
    return HeldFields(items=held.items, looked_at=held.looked_at, fields=fields)
