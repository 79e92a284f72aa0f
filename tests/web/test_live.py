"""What changes while the page is open: items that come, jobs that run."""

import threading

import pytest

import embedstore
from api.app import create_app
from embedstore import Item
from embedstore.errors import Invalid
from tests.web.conftest import serving


@pytest.fixture
def filling(browser, tmp_path):
    """An empty collection, the page at it, and the page's clock in our hands."""
    with embedstore.open(tmp_path / "store") as store:
        store.create("filling", "toy")
        app = create_app(store)
        with serving(store, app) as url:
            page = browser.new_page()
            page.set_default_timeout(60_000)
            page.clock.install()
            page.goto(url)
            page.locator("#status", has_text="is empty").wait_for()
            yield app, page
            page.close()


def test_items_that_another_process_stores_are_counted_and_can_be_shown(filling, tmp_path):
    _, page = filling
    with embedstore.open(tmp_path / "store") as other:
        other.collection("filling").add([Item("one", texts=("one",))])
        page.clock.fast_forward(3_100)
        page.locator("#results .tile").wait_for()
        other.collection("filling").add(Item(f"n{n}", texts=("more",)) for n in range(9))
        page.clock.fast_forward(3_100)
        page.click("text=9 new, show them")
        page.locator("#status", has_text="10 items").wait_for()
        assert page.is_hidden("#fresh")
        assert page.text_content("#collection option") == "filling (10)"
        other.collection("filling").delete(["one"])
        page.clock.fast_forward(3_100)
        page.locator("text=Items were deleted").wait_for()
        other.create("second", "toy")
        page.clock.fast_forward(3_100)
        page.wait_for_function("() => document.querySelectorAll('#collection option').length === 2")
        assert page.input_value("#collection") == "filling"


def test_a_job_is_followed_until_it_is_done(filling):
    app, page = filling
    go = threading.Event()

    def work(tell):
        tell(3, 10)
        go.wait(20)

    app.state.jobs.start("re-embed", "filling", work)
    page.clock.fast_forward(3_100)
    line = page.locator("#jobs li")
    line.locator("text=re-embed of filling: 3 of 10").wait_for()
    assert page.locator("#jobs progress").evaluate("bar => bar.value / bar.max") == 0.3
    page.clock.fast_forward(3_100)
    go.set()
    line.locator("text=re-embed of filling: done").wait_for()
    assert line.count() == 1
    page.clock.fast_forward(8_100)
    line.wait_for(state="detached")


def test_a_job_that_fails_says_why_until_it_is_dismissed(filling):
    app, page = filling
    go = threading.Event()

    def work(_):
        go.wait(20)
        raise Invalid("<b>no</b> such encoder")

    app.state.jobs.start("rebuild", "filling", work)
    page.clock.fast_forward(3_100)
    page.locator("#jobs li", has_text="rebuild of filling: running").wait_for()
    go.set()
    page.locator("#jobs li", has_text="<b>no</b> such encoder").wait_for()
    page.clock.fast_forward(60_000)
    page.click("#jobs >> text=✕")
    assert page.locator("#jobs li").count() == 0


def test_a_server_that_falls_silent_ends_no_watching(filling, tmp_path):
    _, page = filling
    page.context.set_offline(True)
    page.clock.fast_forward(3_100)
    page.wait_for_timeout(200)
    page.context.set_offline(False)
    with embedstore.open(tmp_path / "store") as other:
        other.collection("filling").add([Item("one", texts=("one",))])
    page.clock.fast_forward(3_100)
    page.locator("#results .tile").wait_for()
