"""The page's own files: from memory, named by what they hold, all asked for at once."""

import re

from api.page_files import WEB


def test_every_file_of_the_page_is_served_as_what_it_is(client):
    kinds = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
    for file in WEB.iterdir():
        answer = client.get("/" if file.name == "index.html" else f"/{file.name}")
        assert answer.content == file.read_bytes()
        assert answer.headers["content-type"] == f"{kinds[file.suffix]}; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_browser_that_has_a_file_is_told_so(client):
    first = client.get("/page.js")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get("/page.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = client.get("/page.css", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200
    assert client.head("/page.js").status_code == 200


def test_no_other_file_is_served(client):
    for path in ("/index.html", "/../app.py", "/%2e%2e/app.py", "/web/page.js", "/app.py"):
        assert client.get(path).status_code == 404


def test_the_page_names_every_script_so_that_none_waits_for_another():
    page = (WEB / "index.html").read_text(encoding="utf-8")
    named = set(re.findall(r'(?:href|src)="/([a-z]+\.js)"', page))
    assert named == {file.name for file in WEB.glob("*.js")}
