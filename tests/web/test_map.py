"""The map: dots that open items, and the same by keys."""

import re

import pytest


@pytest.fixture
def mapped(doors):
    doors.click("#views >> text=Map")
    doors.locator("#map-groups button").first.wait_for()
    return doors


def test_the_map_tells_what_it_shows(mapped):
    assert "12 pictures" in mapped.text_content("#map-told")
    assert mapped.is_hidden("#results")
    drawn = mapped.evaluate(
        """() => { const c = document.getElementById("map-canvas");
        return c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some(Boolean); }"""
    )
    assert drawn
    sizes = mapped.eval_on_selector_all(
        "#map-groups button", "all => all.map(e => Number(e.lastChild.textContent))"
    )
    assert sum(sizes) == 12


def test_a_dot_shows_its_picture_and_opens_it(mapped):
    with mapped.expect_response("**/map") as answer:
        mapped.select_option("#collection", "gallery")
        mapped.locator("#status", has_text="items").wait_for()
        mapped.click("#views >> text=Map")
    point = answer.value.json()["points"][0]
    board = mapped.locator("#map-canvas").bounding_box()
    mapped.locator("#map-told", has_text="124 pictures").wait_for()
    x = 16 + (point["x"] + 1) / 2 * (board["width"] - 2 - 32)
    y = 16 + (1 - point["y"]) / 2 * (board["height"] - 2 - 32)
    where = {"x": x, "y": y}
    mapped.hover("#map-canvas", position=where)
    mapped.locator("#map-preview img").wait_for()
    mapped.click("#map-canvas", position=where)
    mapped.locator("#item-title", has_text=re.compile("jpg")).wait_for()
    shown = mapped.locator("#map-preview img").get_attribute("src")
    assert mapped.text_content("#item-title") in shown


def test_keys_alone_go_from_the_map_to_an_item(mapped):
    mapped.locator("#map-groups button").first.focus()
    mapped.keyboard.press("Enter")
    mapped.locator("#map-items .tile").first.wait_for()
    pressed = mapped.locator("#map-groups button").first.get_attribute("aria-pressed")
    count = mapped.locator("#map-items .tile").count()
    size = int(mapped.locator("#map-groups button").first.locator("span").last.text_content())
    assert (pressed, count) == ("true", size)
    mapped.keyboard.press("ArrowDown")
    mapped.keyboard.press("Enter")
    mapped.locator("#item-captions li").first.wait_for()
    mapped.keyboard.press("Escape")
    mapped.locator("#map-groups button").first.focus()
    mapped.keyboard.press("Enter")
    assert mapped.locator("#map-items .tile").count() == 0


def test_arrows_go_through_a_group_and_show_whole_items(mapped):
    mapped.locator("#map-groups button").first.click()
    mapped.locator("#map-items .tile").first.click()
    captions = mapped.locator("#item-captions li")
    captions.first.wait_for()
    if mapped.is_visible("#after"):
        first = mapped.text_content("#item-title")
        mapped.click("#after")
        mapped.wait_for_function(
            "(first) => document.getElementById('item-title').textContent !== first", arg=first
        )
        assert captions.count() >= 1


def test_a_collection_without_pictures_has_no_map(open_page):
    page = open_page("empty")
    page.click("#views >> text=Map")
    page.locator("#map-told", has_text="no pictures").wait_for()


def test_html_in_a_caption_is_shown_on_the_map(mapped):
    mapped.route(
        "**/map",
        lambda route: route.fulfill(
            json={
                "pictures": 1,
                "points": [{"key": "a", "x": 0, "y": 0, "group": 0}],
                "groups": [
                    {
                        "size": 1,
                        "item": {"key": "a", "texts": ["<b>bold</b>"], "meta": {}, "image": None},
                    }
                ],
            }
        ),
    )
    mapped.select_option("#collection", "gallery")
    mapped.click("#views >> text=Map")
    told = mapped.locator("#map-groups .said", has_text="bold")
    assert "<b>bold</b>" in told.text_content()
