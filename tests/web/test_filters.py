"""Filters offered from the metadata that is there."""

import pytest


def sources(page) -> list[str]:
    return page.eval_on_selector_all(".tile img", "all => all.map(each => each.src)")


def after(page, step) -> list[str]:
    """What is shown after a step that changes the filters."""
    with page.expect_response(
        lambda answer: "where=" in answer.url or answer.request.method == "POST"
    ):
        step()
    page.locator("#status", has_text="item").wait_for()
    return sources(page)


@pytest.fixture
def filters(doors):
    doors.locator("#filters summary").click()
    return doors.locator("#fields")


def test_fields_are_offered_by_kind(filters):
    assert filters.locator("legend").all_text_contents() == [
        "colour",
        "year",
        "tags",
        "old",
        "answers",
    ]
    assert set(filters.locator("fieldset:has-text('colour') button").all_text_contents()) == {
        "red",
        "blue",
        "green",
    }
    assert filters.get_by_label("year, at least").get_attribute("placeholder") == "2000"


def test_chips_of_one_field_widen_and_of_two_fields_narrow(doors, filters):
    colour = filters.locator("fieldset").first
    red = colour.get_by_role("button", name="red")
    assert len(after(doors, red.click)) == 3
    assert red.get_attribute("aria-pressed") == "true"
    assert len(after(doors, colour.get_by_role("button", name="blue").click)) == 6
    old = filters.locator("fieldset", has_text="old").get_by_role("button", name="true")
    shown = after(doors, old.click)
    assert sorted(address.partition("thumbnails/")[2][:6] for address in shown) == [
        "blue/0",
        "red/0.",
    ]
    assert doors.text_content("#filtered") == "(2)"


def test_ranges_and_lists_filter_a_search(doors, filters):
    doors.fill("#text", "door")
    doors.press("#text", "Enter")
    doors.locator("#status", has_text="best first").wait_for()

    def from_2002() -> None:
        filters.get_by_label("year, at least").fill("2002")
        filters.get_by_label("year, at least").press("Tab")

    assert len(after(doors, from_2002)) == 3
    green = filters.locator("fieldset", has_text="tags").get_by_role("button", name="green")
    (only,) = after(doors, green.click)
    assert "green/2.png" in only


def test_filters_that_nothing_passes_say_so(doors, filters):
    filters.get_by_label("year, at least").fill("3000")
    filters.get_by_label("year, at least").press("Tab")
    doors.locator("#status", has_text="Nothing passes these filters.").wait_for()


def test_fields_of_late_items_of_one_value_and_of_many_are_offered(open_page):
    page = open_page("many")
    page.locator("#filters summary").click()
    fields = page.locator("#fields")
    assert set(fields.locator("legend").all_text_contents()) == {"place", "shade", "rare"}
    rare = fields.locator("fieldset", has_text="rare").get_by_role("button", name="late")
    assert rare.get_attribute("title") == "1 of 600 looked at"
    rare.click()
    page.locator("#status", has_text="1 item").wait_for()
    rare.click()
    page.locator("#status", has_text="600 items").wait_for()
    assert fields.locator("datalist option").count() > 5
    fields.get_by_label("place, is").fill("place 577")
    fields.get_by_label("place, is").press("Tab")
    page.locator("#status", has_text="1 item").wait_for()
    page.click("#unfilter")
    page.locator("#status", has_text="600 items").wait_for()
    assert fields.get_by_label("place, is").input_value() == ""
    assert page.is_hidden("#unfilter")
