"""The page's address: Back and reload come to what was looked at."""

from tests.web.test_search import given, png, type_words, wait_status


def first(page) -> str:
    return page.locator("#results li").first.evaluate("box => box.item.key")


def test_back_goes_through_what_was_looked_at_and_forward_again(doors):
    type_words(doors, "blue")
    assert first(doors).startswith("blue")
    doors.click("#views >> text=Map")
    doors.click("#views >> text=Photos")
    type_words(doors, "red")
    doors.select_option("#collection", "gallery")
    wait_status(doors, "best first")
    doors.go_back()
    doors.wait_for_function("() => document.getElementById('collection').value === 'doors'")
    wait_status(doors, "best first")
    assert (doors.input_value("#text"), first(doors)[:3]) == ("red", "red")
    doors.go_back()
    doors.wait_for_function("() => document.getElementById('text').value === 'blue'")
    doors.go_back()
    doors.locator("#map").wait_for()
    doors.go_back()
    doors.locator("#photos").wait_for()
    doors.go_back()
    wait_status(doors, "^15 items$|^12 items$")
    doors.go_forward()
    wait_status(doors, "best first")
    assert doors.input_value("#text") == "blue"


def test_a_reload_keeps_words_filters_collection_and_item(doors):
    doors.locator("#filters summary").click()
    doors.get_by_label("year, at least").fill("2002")
    doors.get_by_label("year, at least").press("Tab")
    wait_status(doors, "items")
    doors.locator("#fields").get_by_role("button", name="blue").first.click()
    type_words(doors, "door -red")
    keys = "all => all.map(each => each.item.key)"
    before = doors.eval_on_selector_all("#results li", keys)
    assert before == ["blue/2.png"]
    doors.locator(".tile").first.click()
    doors.locator("#neighbours li").first.wait_for()
    doors.reload()
    doors.locator("#item-title", has_text="blue/2.png").wait_for()
    assert doors.eval_on_selector_all("#results li", keys) == before
    assert doors.input_value("#text") == "door"
    assert doors.locator("#parts li").all_text_contents() == ["not red✕"]
    doors.locator("#filters:not([hidden])").wait_for(state="attached")
    assert doors.text_content("#filtered") == "(2)"
    assert doors.get_by_label("year, at least").input_value() == "2002"
    pressed = doors.locator("#fields button[aria-pressed=true]").all_text_contents()
    assert pressed == ["blue"]


def test_back_leaves_an_item_and_after_it_is_closed_does_not_open_it_again(doors):
    type_words(doors, "red")
    doors.locator(".tile").first.click()
    doors.locator("#neighbours button").first.click()
    second = doors.text_content("#item-title").partition(" · ")[0]
    doors.locator("#neighbours button").first.click()
    doors.go_back()
    doors.locator("#item-title", has_text=second).wait_for()
    doors.click("#close")
    doors.wait_for_function("() => !location.search.includes('item=')")
    assert doors.is_hidden("#item")
    assert doors.input_value("#text") == "red"
    doors.go_back()
    doors.wait_for_function("() => document.getElementById('text').value === ''")
    assert doors.is_hidden("#item")


def test_a_picture_is_found_again_by_back(doors):
    doors.set_input_files("#file", given("mine.png", "image/png", png("red")))
    wait_status(doors, "best first")
    doors.click("text=✕ >> nth=0")
    doors.locator("#parts li").wait_for(state="detached")
    doors.go_back()
    doors.wait_for_selector("#parts img")
    wait_status(doors, "best first")
    assert first(doors).startswith("red")


def test_an_address_that_somebody_cut_or_made_up_shows_the_photos(doors, address):
    doors.goto(f"{address}?in=nowhere&view=cellar&filters=%7B%22year&item=nobody")
    doors.locator(".tile").first.wait_for()
    doors.goto(f"{address}?in=doors&item=nobody&filters=%5B1%5D")
    doors.locator(".tile").first.wait_for()
    doors.locator("#status", has_text="nobody").wait_for()
    doors.locator("#filters:not([hidden])").wait_for(state="attached")


def test_the_place_where_the_page_was_opened_is_one_step(browser, address):
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_function("() => location.search.includes('in=')")
    page.locator(".tile").first.wait_for()
    page.go_back()
    assert page.url == "about:blank"
    page.close()
