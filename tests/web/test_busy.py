"""What a busy server, or the limit of a key, refused comes a little later."""

import embedstore
from api.app import create_app
from api.limits import Limits
from tests.web.conftest import pictures, serving

SHOWN = (
    "() => [...document.querySelectorAll('.tile img')].filter((each) => each.naturalWidth).length"
)


def test_a_key_that_asks_too_often_gets_its_thumbnails_later(browser, tmp_path):
    with embedstore.open(tmp_path / "store") as store:
        store.create("doors", "toy").add(pictures(tmp_path))
        app = create_app(store, api_key="the key", limits=Limits(rate=4.0))
        with serving(store, app) as address:
            page = browser.new_page()
            page.set_default_timeout(60_000)
            refused = []
            page.on(
                "response", lambda got: refused.append(got.status) if got.status == 429 else None
            )
            page.goto(address)
            page.fill("#key-text", "the key")
            page.press("#key-text", "Enter")
            page.wait_for_function(f"() => ({SHOWN})() === 12")
            assert refused
            page.close()
