"""Keys, screen readers, small screens, and the dark."""

from pathlib import Path

import pytest

AXE = Path(__file__).parent / "axe" / "axe.min.js"
RUN = "() => axe.run().then(found => found.violations.map(v => [v.impact, v.id, v.nodes.map(n => n.html).join()]))"


def serious(page) -> list[list[str]]:
    page.evaluate(AXE.read_text(encoding="utf-8") + ";0")
    return [each for each in page.evaluate(RUN) if each[0] in ("serious", "critical")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page, scheme):
    page = open_page("doors", color_scheme=scheme)
    page.locator("#filters summary").click()
    page.locator("#fields button").first.click()
    page.fill("#text", "red")
    page.press("#text", "Enter")
    page.locator("#status", has_text="best first").wait_for()
    assert serious(page) == []
    page.locator(".tile").first.click()
    page.locator("#neighbours li").first.wait_for()
    page.locator("#question").fill("what colour is it")
    page.locator("#question").press("Enter")
    page.locator(".cited").first.wait_for()
    assert serious(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_the_other_views(open_page, scheme):
    page = open_page("doors", color_scheme=scheme)
    page.click("#views >> text=Map")
    page.locator("#map-groups button").first.click()
    page.locator("#map-items .tile").first.wait_for()
    assert serious(page) == []
    page.click("#views >> text=Near-duplicates")
    page.click("#twins-find")
    page.locator(".group input").first.check()
    assert serious(page) == []
    page.click("#twins-delete")
    page.locator("#sure-words").wait_for()
    assert serious(page) == []


def test_axe_itself_finds_what_is_wrong(doors):
    for name in ("aria-label", "placeholder", "title"):
        doors.evaluate(f"() => document.getElementById('text').removeAttribute('{name}')")
    assert ["critical", "label"] in [each[:2] for each in serious(doors)]


def test_keys_alone_are_enough(doors):
    doors.keyboard.press("/")
    doors.keyboard.type("red")
    doors.keyboard.press("Enter")
    doors.locator("#status", has_text="best first").wait_for()
    doors.keyboard.press("ArrowDown")
    here = "() => [...document.querySelectorAll('.tile')].indexOf(document.activeElement)"
    assert doors.evaluate(here) == 0
    doors.keyboard.press("ArrowRight")
    assert doors.evaluate(here) == 1
    doors.keyboard.press("ArrowDown")
    below = doors.evaluate(here)
    tops = doors.eval_on_selector_all(".tile", "all => all.map(e => e.getBoundingClientRect().top)")
    assert tops[below] > tops[1]
    doors.keyboard.press("ArrowUp")
    assert tops[doors.evaluate(here)] == tops[0]
    doors.keyboard.press("Enter")
    doors.locator("#item").wait_for()
    doors.keyboard.press("Escape")
    doors.locator("#item").wait_for(state="hidden")
    assert tops[doors.evaluate(here)] == tops[0]


def test_a_phone_needs_no_sideways_scrolling(open_page):
    page = open_page("gallery", viewport={"width": 360, "height": 740})
    page.locator(".tile").first.wait_for()
    page.locator("#filters summary").click()
    wide = "() => document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= 360
    for view, shown in (("Map", "#map-groups button"), ("Near-duplicates", "#twins-told")):
        page.click(f"#views >> text={view}")
        page.locator(shown).first.wait_for()
        assert page.evaluate(wide) <= 360
    page.click("#views >> text=Photos")
    page.locator(".tile").first.click()
    page.locator("#neighbours li").first.wait_for()
    inside = "() => [document.getElementById('item').scrollWidth, document.getElementById('item').clientWidth]"
    scrolled, visible = page.evaluate(inside)
    assert scrolled <= visible


def test_dark_and_light_follow_the_system(open_page):
    shade = "() => getComputedStyle(document.body).backgroundColor"
    light, dark = (open_page(color_scheme=each).evaluate(shade) for each in ("light", "dark"))
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(20, 22, 26)")
