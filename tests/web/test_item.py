"""The item view: neighbours, more like this but not that, answers with what they rest on."""

import re


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
        "tags": '["red","door"]',
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
