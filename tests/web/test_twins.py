"""Near-duplicates: shown side by side, deleted only when asked for twice."""

import re

import pytest
from PIL import Image

import embedstore
from api.keys import KeyRing
from embedstore import Item
from tests.web.conftest import HOSTILE, serving


@pytest.fixture
def store(tmp_path):
    with embedstore.open(tmp_path / "store") as opened:
        items = []
        for number, colour in enumerate(("red", "red", "red", "blue", "blue", "green")):
            path = tmp_path / f"{colour}{number}.png"
            Image.new("RGB", (64 + 8 * number, 64), colour).save(path)
            items.append(Item(f"{colour}/{number}", path, (HOSTILE,)))
        opened.create("twins", "toy").add(items)
        yield opened


@pytest.fixture
def page(browser, store):
    with serving(store) as url:
        page = browser.new_page()
        faults = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.set_default_timeout(60_000)
        page.goto(url)
        page.locator(".tile").first.wait_for()
        page.click("#views >> text=Near-duplicates")
        page.click("#twins-find")
        page.locator("#twins-told", has_text="among 6 pictures").wait_for()
        page.locator(".group").first.wait_for()
        yield page
        page.close()
    assert not faults


def keys(page) -> list[list[str]]:
    script = "all => all.map(g => [...g.querySelectorAll('li')].map(e => e.dataset.key))"
    return page.eval_on_selector_all(".group", script)


def test_groups_are_shown_with_their_evidence_and_nothing_is_marked(page):
    assert [{key.partition("/")[0] for key in group} for group in keys(page)] == [{"red"}, {"blue"}]
    first = page.locator(".group").first
    assert re.match(
        r"3 pictures: looks differ|3 pictures: scores", first.locator("h3").text_content()
    )
    assert page.locator(".group input:checked").count() == 0
    assert page.is_disabled("#twins-delete")
    assert page.locator(".group script").count() == 0
    first.locator(".tile").first.click()
    assert page.locator("#item-title").text_content() == keys(page)[0][0]


def test_what_is_marked_is_deleted_after_a_question(page, store):
    best = keys(page)[0][0]
    page.click("#twins-mark")
    page.click("text=Delete 3 marked pictures")
    assert "Delete 3 items from twins" in page.text_content("#sure-words")
    page.keyboard.press("Escape")
    assert store.collection("twins").describe()["items"] == 6
    page.click("text=Delete 3 marked pictures")
    page.click("#sure [value=yes]")
    page.locator("#twins-told", has_text="Deleted 3 items; 0 groups left").wait_for()
    left = {item.key for item in store.collection("twins").items().values()}
    assert len(left) == 3
    assert best in left
    page.click("#views >> text=Photos")
    page.locator("#status", has_text="3 items").wait_for()
    assert page.locator("#results .tile").count() == 3
    assert page.locator("#collection option").text_content() == "twins (3)"


def test_one_is_chosen_by_keys_and_a_whole_group_is_warned_of(page, store):
    for box in page.locator(".group").last.get_by_role("checkbox").all():
        box.focus()
        page.keyboard.press("Space")
    page.locator("#twins-delete").focus()
    page.keyboard.press("Enter")
    assert "1 group would lose every picture" in page.text_content("#sure-words")
    focused = page.evaluate("() => document.activeElement.textContent")
    assert focused == "Keep them"
    page.keyboard.press("Enter")
    page.locator("#sure").wait_for(state="hidden")
    assert store.collection("twins").describe()["items"] == 6


def test_a_key_that_may_only_read_is_told_so(browser, store):
    key = KeyRing(store.folder).create("reader", "read")
    with serving(store) as url:
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.add_init_script(f"sessionStorage.setItem('key', '{key}')")
        page.goto(url)
        page.locator("#status", has_text="6 items").wait_for()
        page.click("#views >> text=Near-duplicates")
        page.click("#twins-find")  # which takes the one worker for long work
        page.locator("#twins-told", has_text="needs scope 'write'").wait_for()
        page.close()
    assert store.collection("twins").describe()["items"] == 6
