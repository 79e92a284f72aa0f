"""Searching on the page: words, pictures, endless scroll, and what it says when there is nothing."""

import io
import re

import pytest
from PIL import Image

import embedstore
from embedstore import Item
from tests.web.conftest import serving

SAID = ".tile .said"


def png(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(buffer, "PNG")
    return buffer.getvalue()


def given(name: str, kind: str, content: bytes) -> dict[str, object]:
    return {"name": name, "mimeType": kind, "buffer": content}


def wait_status(page, pattern: str) -> None:
    page.locator("#status", has_text=re.compile(pattern)).wait_for()


def type_words(page, words: str) -> None:
    page.fill("#text", words)
    page.press("#text", "Enter")
    wait_status(page, "best first")


def hand_over(page, event: str, content: bytes, kind: str = "image/png") -> None:
    """Drop or paste a file, as a browser tells a page of it."""
    script = """([name, bytes, kind]) => {
      const moved = new DataTransfer();
      moved.items.add(new File([new Uint8Array(bytes)], "given.png", { type: kind }));
      const told = name === "drop" ? new DragEvent("drop", { dataTransfer: moved, bubbles: true })
        : new ClipboardEvent("paste", { clipboardData: moved, bubbles: true });
      document.body.dispatchEvent(told);
    }"""
    page.evaluate(script, [event, list(content), kind])


def test_words_find_pictures(doors):
    type_words(doors, "blue")
    assert doors.locator(SAID).first.text_content() == "a blue door"
    image = doors.locator(".tile img").first
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert image.get_attribute("loading") == "lazy"


def test_words_find_texts_where_there_are_no_pictures(open_page):
    page = open_page("texts")
    page.wait_for_selector(".tile")
    type_words(page, "a red door")
    assert page.locator(SAID).first.text_content() == "a red door"
    page.locator(".tile").first.click()
    page.locator("#neighbours li").first.wait_for()


def test_what_is_searched_follows_the_collection_that_is_chosen(open_page):
    page = open_page("texts")
    for collection, target in (("doors", "image"), ("texts", "text")):
        page.select_option("#collection", collection)
        page.locator("#status", has_text="item").wait_for()
        with page.expect_request("**/search_page") as told:
            type_words(page, "door")
        assert told.value.post_data_json["target"] == target


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_picture_that_is_dropped_or_pasted_finds_its_like(doors, event):
    hand_over(doors, event, png("green"))
    doors.wait_for_selector("#parts img")
    wait_status(doors, "best first")
    keys = doors.locator(".tile img").first.get_attribute("src")
    assert "/thumbnails/green" in keys


def test_a_chosen_picture_and_words_are_mixed_and_either_can_be_taken_away(doors):
    doors.set_input_files("#file", given("mine.png", "image/png", png("red")))
    wait_status(doors, "best first")
    with doors.expect_request("**/search_page") as told:
        type_words(doors, "blue")
    assert {"text", "image_base64"} <= set(told.value.post_data_json)
    with doors.expect_request("**/search_page") as told:
        doors.click("text=✕ >> nth=0")
    assert "image_base64" not in told.value.post_data_json


def test_html_in_a_caption_is_shown_and_never_run(doors):
    shown = doors.locator(SAID, has_text="<script>")
    assert "<img src=x onerror=" in shown.text_content()
    assert doors.locator(".tile script, .tile img[src=x]").count() == 0
    shown.click()
    assert "<script>" in doors.locator("#item-captions").text_content()
    assert doors.title() == "embedstore"


def test_scrolling_brings_all_items_once(open_page):
    page = open_page("gallery")
    page.wait_for_selector(".tile")
    type_words(page, "blue")
    for _ in range(40):
        if page.locator(".tile").count() >= 124:
            break
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(100)
    addresses = page.eval_on_selector_all(".tile img", "all => all.map(each => each.src)")
    assert len(addresses) == len(set(addresses)) == 124
    assert page.text_content("#status") == "124 items, best first"


@pytest.mark.parametrize(("hits", "said"), [(200, "the first 200 items"), (60, "60 items")])
def test_a_search_without_pages_says_that_it_ends_early(doors, hits, said):
    def many(route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=(answer.json() * hits)[:hits])

    told = {"title": "BadQuery", "detail": "the collection expands queries"}
    doors.route("**/search_page", lambda route: route.fulfill(status=422, json=told))
    doors.route("**/search", many)
    type_words(doors, "door")
    assert doors.text_content("#status") == f"{said}, best first"


def test_rows_are_justified(open_page):
    page = open_page("gallery", viewport={"width": 1000, "height": 800})
    page.wait_for_selector(".tile img")
    boxes = page.eval_on_selector_all(
        "#results li",
        "all => all.map(e => { const b = e.getBoundingClientRect(); return [b.top, b.right, b.height]; })",
    )
    rows = {top: [b for b in boxes if b[0] == top] for top, _, _ in boxes}
    full = list(rows.values())[:-1]
    assert len(full) > 3
    for row in full:
        assert max(right for _, right, _ in row) == pytest.approx(984, abs=2)
        assert max(h for _, _, h in row) - min(h for _, _, h in row) < 2


def test_an_empty_collection_says_how_to_fill_it(open_page):
    page = open_page("empty")
    wait_status(page, "empty is empty. Fill it with: embedstore index")


def test_what_is_no_picture_or_too_large_is_refused_before_it_is_sent(doors):
    doors.set_input_files("#file", given("notes.txt", "text/plain", b"words"))
    wait_status(doors, "notes.txt is not a picture")
    doors.set_input_files("#file", given("huge.png", "image/png", bytes((20 << 20) + 1)))
    wait_status(doors, "huge.png is too large: 21 MiB")
    assert doors.locator("#parts li").count() == 0


def test_a_broken_picture_gets_the_servers_reason(doors):
    doors.set_input_files("#file", given("broken.png", "image/png", b"not a png"))
    wait_status(doors, "[Ii]mage|picture|decode")
    assert doors.locator(".tile").count() == 0


def test_a_server_that_is_down_is_named_and_can_be_tried_again(doors):
    doors.context.set_offline(True)
    doors.fill("#text", "red")
    doors.press("#text", "Enter")
    wait_status(doors, "does not answer")
    doors.context.set_offline(False)
    doors.click("#again")
    wait_status(doors, "best first")
    assert doors.is_hidden("#again")


def test_nothing_that_surely_matches_is_admitted(doors):
    def doubtful(route) -> None:
        answer = route.fetch()
        page = answer.json()
        for hit in page["hits"]:
            hit["probability"] = 0.04
        route.fulfill(response=answer, json=page)

    doors.route("**/search_page", doubtful)
    doors.fill("#text", "a zebra in a submarine")
    doors.press("#text", "Enter")
    wait_status(doors, "Nothing here surely matches")
    assert doors.locator(".tile .score").first.text_content() == "4% likely"


def test_words_go_along_into_another_collection(doors):
    type_words(doors, "blue -green")
    assert doors.input_value("#text") == "blue"
    assert doors.locator("#parts li").all_text_contents() == ["not green✕"]
    with doors.expect_request("**/gallery/search_page") as told:
        doors.select_option("#collection", "gallery")
    assert told.value.post_data_json["text"] == "blue"
    assert told.value.post_data_json["without"] == ["green"]


def test_words_are_mixed_with_an_item_that_is_searched_by(doors):
    doors.locator(".tile:has(img[src*='red/0'])").click()
    doors.click("text=More like this")
    wait_status(doors, "best first")
    with doors.expect_request("**/search_page") as told:
        type_words(doors, "blue")
    assert {"text", "like"} <= set(told.value.post_data_json)


def test_what_was_found_before_stays_while_the_server_is_down_and_it_is_asked_again(doors):
    before = doors.locator(".tile").count()
    doors.context.set_offline(True)
    doors.fill("#text", "red")
    doors.press("#text", "Enter")
    wait_status(doors, "does not answer")
    assert doors.locator(".tile").count() == before
    doors.context.set_offline(False)
    wait_status(doors, "best first")  # by itself, within seconds


def test_who_just_types_searches(doors):
    doors.keyboard.type("red")
    assert doors.input_value("#text") == "red"


def test_a_picture_that_cannot_be_shown_says_so(doors):
    doors.route("**/thumbnails/red/**", lambda route: route.fulfill(status=404))
    type_words(doors, "red")
    doors.locator(".tile .words", has_text="cannot be shown").first.wait_for()
    assert doors.locator(".tile .said").first.text_content() == "a red door"


def test_a_store_without_collections_takes_no_search_and_wakes_up(browser, tmp_path):
    with embedstore.open(tmp_path / "store") as store, serving(store) as url:
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(url)
        wait_status(page, "This store is empty")
        assert page.evaluate("() => document.getElementById('form').inert")
        store.create("first", "toy").add([Item("one", texts=("one",))])
        page.locator(".tile").wait_for()
        type_words(page, "one")
        page.close()
