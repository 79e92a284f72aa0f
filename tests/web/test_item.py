"""The item view: neighbours, more like this but not that, answers with what they rest on."""

import re

import embedstore
from tests.web.conftest import pictures, serving


def opened(page, key: str):
    page.locator(f".tile:has(img[src*='{key}'])").click()
    page.locator("#neighbours li").first.wait_for()
    return page.locator("#item")


def test_an_item_shows_its_words_metadata_and_neighbours(doors):
    dialog = opened(doors, "red/0")
    assert dialog.locator("#item-captions li").all_text_contents() == ["a red door"]
    told = dialog.locator("#meta dt, #meta dd").all_text_contents()
    assert dict(zip(told[::2], told[1::2], strict=True)) == {
        "colour": "red",
        "year": "2000",
        "tags": "red, door",
        "old": "true",
    }
    near = dialog.locator("#neighbours li").evaluate_all("all => all.map(e => e.dataset.key)")
    assert set(near[:2]) == {"red/1.png", "red/2.png"}
    dialog.locator("#neighbours button").first.click()
    dialog.locator("#item-title", has_text=re.compile("^red/[12]")).wait_for()


def test_more_like_this_but_not_that(doors):
    dialog = opened(doors, "blue/0")
    dialog.locator("#not").fill("red, snow")
    with doors.expect_request("**/search_page") as told:
        dialog.locator("text=More like this").click()
    assert told.value.post_data_json["like"] == "blue/0.png"
    assert told.value.post_data_json["without"] == ["red", "snow"]
    assert dialog.is_hidden()
    doors.locator("#status", has_text="best first").wait_for()
    assert "blue" in doors.locator(".tile img").first.get_attribute("src")
    parts = doors.locator("#parts li").all_text_contents()
    assert parts == ["like blue/0.png✕", "not red✕", "not snow✕"]


def test_a_caption_is_cited_and_what_it_rests_on_stands_out(open_page):
    dialog = opened(open_page("yachts"), "boat/0")
    dialog.locator("#describe").click()
    dialog.locator("#answer .said", has_text="a small boat on the water").wait_for()
    dialog.locator(".cited").first.wait_for()
    cited = dialog.locator(".cited")
    said = cited.first.locator(".rests").text_content()
    assert re.fullmatch(r"\d+%: a small boat on the water", said)
    assert dialog.locator(".cited[data-key='boat/0.png']").count() == 0  # not by its own caption
    numbers = cited.locator(".number").all_text_contents()
    assert all(f"[{number}]" in dialog.locator("#answer .why").text_content() for number in numbers)


def test_a_question_is_answered_from_what_people_said(doors):
    dialog = opened(doors, "blue/0")
    dialog.locator("#question").fill("what colour is it")
    dialog.locator("#question").press("Enter")
    dialog.locator("#answer .said", has_text="blue").wait_for()
    dialog.locator(".cited[data-key=qblue]").wait_for()


def test_an_abstention_shows_its_reason(doors):
    doors.route(
        "**/ask",
        lambda route: route.fulfill(
            json={
                "answer": None,
                "confidence": None,
                "abstained": "the neighbours disagree <b>a lot</b>",
                "generator": "consensus",
                "citations": [],
            }
        ),
    )
    dialog = opened(doors, "blue/0")
    dialog.locator("#question").fill("why")
    dialog.locator("#question").press("Enter")
    told = dialog.locator("#answer .why", has_text="No answer")
    assert told.text_content() == "No answer: the neighbours disagree <b>a lot</b>"
    assert dialog.locator(".cited").count() == 0


def test_a_failed_question_says_why_and_the_view_stays(doors):
    dialog = opened(doors, "blue/0")
    doors.context.set_offline(True)
    dialog.locator("#question").fill("why")
    dialog.locator("#question").press("Enter")
    dialog.locator("#answer", has_text="does not answer").wait_for()
    assert dialog.is_visible()


def test_arrows_go_through_the_items_that_are_shown(doors):
    dialog = opened(doors, "red/1")
    shown = doors.eval_on_selector_all("#results li", "all => all.map(e => e.item.key)")
    at = shown.index("red/1.png")
    title = dialog.locator("#item-title")
    doors.keyboard.press("ArrowRight")
    title.locator(f"text={shown[at + 1]}").wait_for()
    dialog.locator("#before").click()
    title.locator("text=red/1.png").wait_for()
    dialog.locator("#question").fill("why")
    dialog.locator("#question").press("ArrowLeft")  # moves in the words
    assert title.text_content() == "red/1.png"
    while dialog.locator("#after").is_visible():
        dialog.locator("#after").click()
    assert title.text_content() == shown[-1]


def test_the_picture_itself_is_a_click_away(doors):
    dialog = opened(doors, "red/1")
    with doors.expect_popup() as popup:
        dialog.locator("#item-picture a").click()
    assert popup.value.url.endswith("/v1/collections/doors/originals/red/1.png")
    popup.value.close()


def test_where_there_are_no_captions_nothing_can_be_asked(doors):
    def without_captions(route) -> None:
        told = route.fetch().json()
        route.fulfill(json={**told, "vectors": {**told["vectors"], "text": 0}})

    doors.route("**/v1/collections/gallery", without_captions)
    doors.select_option("#collection", "gallery")
    doors.locator("#status", has_text="124 items").wait_for()
    doors.locator(".tile").first.click()
    doors.locator("#unanswerable").wait_for()
    assert doors.is_hidden("#ask")


def test_an_item_is_deleted_after_a_question(browser, tmp_path):
    with embedstore.open(tmp_path / "store") as store, serving(store) as url:
        store.create("doors", "toy").add(pictures(tmp_path))
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(url)
        page.locator("#status", has_text="12 items").wait_for()
        opened(page, "red/1")
        page.click("#more summary")
        for choice, left in (("no", 12), ("yes", 11)):
            page.click("#remove")
            assert "Delete red/1.png from doors?" in page.text_content("#sure-words")
            page.click(f"#sure [value={choice}]")
            page.locator("#sure").wait_for(state="hidden")
            page.locator("#status", has_text=f"{left} items").wait_for(state="attached")
            assert page.is_hidden("#item") == (left == 11)
        assert store.collection("doors").describe()["items"] == 11
        page.close()
