"""The page's own files: joined, from memory, named by what they hold."""

import re

import pytest

from api import page_parts
from api.page_files import WEB


def test_the_page_is_three_files_of_their_kinds(client):
    page = (WEB / "index.html").read_text(encoding="utf-8")
    assert set(re.findall(r'(?:href|src)="(/.*?)"', page)) == {"/page.js", "/page.css"}
    kinds = {"/": "text/html", "/page.js": "text/javascript", "/page.css": "text/css"}
    for path, kind in kinds.items():
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/").text == page


def test_the_script_holds_every_module_once_below_what_it_imports():
    joined = page_parts.script(WEB)
    made = re.findall(r"^const \$(\w+) = \(\(\) => \{$", joined, re.MULTILINE)
    assert sorted(made) == sorted(file.stem for file in WEB.glob("*.js"))
    assert not re.search(r"^\s*(import|export)\b", joined, re.MULTILINE)
    for file in WEB.glob("*.js"):
        for other in re.findall(r'from "/(\w+)\.js"', file.read_text(encoding="utf-8")):
            assert made.index(other) < made.index(file.stem)


def test_modules_keep_their_names_apart_and_give_what_they_export(tmp_path):
    (tmp_path / "one.js").write_text(
        "let n = 1;\nexport async function* go() {}\nexport const up = () => ++n;\n"
    )
    (tmp_path / "page.js").write_text(
        'import { up as more } from "/one.js";\nimport * as one from "/one.js";\nlet n = more();\n'
    )
    assert page_parts.script(tmp_path) == (
        "const $one = (() => {\nlet n = 1;\nasync function* go() {}\nconst up = () => ++n;\n"
        "return { go, up };\n})();\n\n"
        "const $page = (() => {\nconst { up: more } = $one;\nconst one = $one;\nlet n = more();\nreturn {  };\n})();\n"
    )
    (tmp_path / "one.js").write_text('import * as page from "/page.js";\n')
    with pytest.raises(ValueError, match="page -> one -> page"):
        page_parts.script(tmp_path)


def test_the_style_begins_with_what_the_others_refine():
    joined = page_parts.style(WEB)
    assert joined.startswith((WEB / "page.css").read_text(encoding="utf-8"))
    assert all(file.read_text(encoding="utf-8") in joined for file in WEB.glob("*.css"))


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
    for path in (
        "/index.html",
        "/../app.py",
        "/%2e%2e/app.py",
        "/web/page.js",
        "/app.py",
        "/grid.js",
    ):
        assert client.get(path).status_code == 404
