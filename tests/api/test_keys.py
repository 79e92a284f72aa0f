"""API keys: made, scoped, revoked; and what a server asks of them."""

import json
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from api.app import create_app
from api.cli import EXIT_CODES, main
from api.keys import KEYS_FILE, KeyRing
from api.keys_scopes import ASKING, WRITING, collection_of, is_open, reaches, scope_needed
from embedstore.errors import Conflict, Corrupt, Invalid, NotFound

SEARCH = "/v1/collections/words/search"
ITEM = {"items": [{"key": "new", "texts": ["a green door"]}]}


def bearer(token: str) -> dict:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def ring(store) -> KeyRing:
    return KeyRing(store.folder)


def test_a_key_is_kept_as_its_hash_where_only_the_owner_reads(ring, store):
    token = ring.create("phone", "read")
    file = store.folder / KEYS_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in file.read_text()
    assert len(token) > 40
    assert ring.holder(token.encode()).name == "phone"
    assert ring.holder(token[:-1].encode()) is None


def test_names_are_checked_and_taken_once(ring):
    ring.create("phone", "read")
    with pytest.raises(Conflict, match="revoke phone"):
        ring.create("phone", "admin")
    with pytest.raises(NotFound, match="no key 'laptop'"):
        ring.revoke("laptop")
    with pytest.raises(Invalid, match="letters"):
        ring.create("a phone", "read")


def test_keys_made_at_the_same_time_are_all_kept(ring, store):
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda n: KeyRing(store.folder).create(f"k{n}", "read"), range(16)))
    assert all(ring.holder(token.encode()) for token in made)


def test_a_damaged_file_opens_nothing_and_its_path_is_not_told(ring, store):
    token = ring.create("phone", "admin")
    with TestClient(create_app(store)) as client:
        (store.folder / KEYS_FILE).write_text("{}")
        answer = client.get("/v1/collections", headers=bearer(token))
    assert answer.status_code == 500
    assert str(store.folder) not in answer.text
    with pytest.raises(Corrupt, match="keys create"):
        ring.keys()


def test_scopes_are_kept_to(ring, store):
    tokens = {scope: ring.create(scope, scope) for scope in ("read", "write", "admin")}
    with TestClient(create_app(store)) as client:

        def status(scope: str, method: str, path: str, body: object = None) -> int:
            return client.request(
                method, path, json=body, headers=bearer(tokens[scope])
            ).status_code

        for scope in tokens:
            assert status(scope, "GET", "/v1/collections") == 200
            assert status(scope, "POST", SEARCH, {"text": "red"}) == 200
        assert status("read", "POST", "/v1/collections/words/items", ITEM) == 403
        assert status("write", "POST", "/v1/collections/words/items", ITEM) == 200
        made = {"name": "made", "encoder": "toy"}
        assert status("write", "POST", "/v1/collections", made) == 403
        assert status("admin", "POST", "/v1/collections", made) == 201


def test_a_key_for_one_collection_sees_no_other(ring, store):
    store.create("other", "toy")
    token = ring.create("guest", "read", "words")
    with TestClient(create_app(store)) as client:
        assert client.post(SEARCH, json={"text": "x"}, headers=bearer(token)).status_code == 200
        listed = client.get("/v1/collections", headers=bearer(token)).json()
        assert [each["name"] for each in listed] == ["words"]
        for path in ("/v1/collections/other", "/metrics", "/openapi.json"):
            answer = client.get(path, headers=bearer(token))
            assert answer.status_code == 403, path
            assert "'words' alone" in answer.json()["detail"]


def test_a_key_for_one_collection_follows_its_jobs_and_no_others(ring, store):
    store.create("other", "toy")
    admin, guest = ring.create("admin", "admin"), ring.create("guest", "read", "words")
    with TestClient(create_app(store)) as client:
        started = {
            name: client.post(f"/v1/collections/{name}/rebuild", headers=bearer(admin))
            for name in ("words", "other")
        }
        places = {name: each.headers["location"] for name, each in started.items()}
        listed = client.get("/v1/jobs", headers=bearer(guest)).json()
        assert [each["collection"] for each in listed] == ["words"]
        assert len(client.get("/v1/jobs", headers=bearer(admin)).json()) == 2
        for path in (places["words"], f"{places['words']}/events"):
            assert client.get(path, headers=bearer(guest)).status_code == 200
        for path in (places["other"], f"{places['other']}/events", "/v1/jobs/none"):
            answer = client.get(path, headers=bearer(guest))
            assert answer.status_code == 404
            assert answer.json()["title"] == "NotFound"
        assert client.delete(places["words"], headers=bearer(guest)).status_code == 403


def test_to_cancel_a_job_needs_what_its_start_needs(ring, store):
    store.create("other", "toy")
    admin, writer = ring.create("admin", "admin"), ring.create("writer", "write", "words")
    reader, go = ring.create("reader", "read"), threading.Event()
    app = create_app(store)
    with TestClient(app) as client:
        app.state.jobs.start("slow", "words", lambda _: go.wait(10))

        def place(name: str, kind: str, token: str) -> str:
            path = f"/v1/collections/{name}/{kind}"
            return client.post(path, json={}, headers=bearer(token)).headers["location"]

        def status(where: str, token: str) -> int:
            return client.delete(where, headers=bearer(token)).status_code

        for kind in ("duplicates", "clusters"):
            path = f"/v1/collections/words/{kind}"
            assert client.post(path, json={}, headers=bearer(reader)).status_code == 403
            where = place("words", kind, writer)
            assert [status(where, token) for token in (reader, writer)] == [403, 200]
        assert status(place("other", "duplicates", admin), writer) == 404
        rebuild = place("words", "rebuild", admin)
        assert [status(rebuild, token) for token in (writer, admin)] == [403, 200]
        go.set()


def test_a_key_for_one_collection_names_no_other(ring, store):
    token = ring.create("owner", "admin", "words")
    with TestClient(create_app(store)) as client:
        path, asked = "/v1/collections/words/re-embed", {"encoder": "toy", "keep": "outside"}
        answer = client.post(path, json=asked, headers=bearer(token))
        assert (answer.status_code, answer.json()["title"]) == (403, "OutOfScope")
        assert "'words' alone" in answer.json()["detail"]
        asked["keep"] = "words"  # which is taken, and the job says so
        assert client.post(path, json=asked, headers=bearer(token)).status_code == 202


def test_a_revoked_key_opens_nothing_at_once_and_the_door_stays_shut(ring, store):
    with TestClient(create_app(store)) as client:
        assert client.get("/v1/collections").status_code == 200
        token = ring.create("phone", "read")
        assert client.get("/v1/collections").status_code == 401
        assert client.get("/v1/collections", headers=bearer(token)).status_code == 200
        ring.revoke("phone")
        assert client.get("/v1/collections", headers=bearer(token)).status_code == 401
        (store.folder / KEYS_FILE).unlink()
        assert client.get("/v1/collections").status_code == 401


def test_the_key_of_the_environment_may_do_all_beside_them(ring, store):
    ring.create("phone", "read")
    with TestClient(create_app(store, api_key="secret")) as client:
        made = client.post(
            "/v1/collections", json={"name": "made", "encoder": "toy"}, headers=bearer("secret")
        )
    assert made.status_code == 201


def test_the_scheme_of_a_key_is_written_in_any_case(ring, store):
    token = ring.create("phone", "read")
    with TestClient(create_app(store)) as client:
        for scheme, status in (("bearer", 200), ("BEARER ", 200), ("Basic", 401), ("bear", 401)):
            headers = {"Authorization": f"{scheme} {token}"}
            assert client.get("/v1/collections", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/anything", "read"),
        ("POST", "/v1/embeddings", "read"),
        ("POST", "/v1/collections/search", "admin"),  # a collection of this name
        ("POST", "/v1/collections/a/items/search", "write"),  # an item of this name
        ("DELETE", "/v1/collections/a/items/b/c", "write"),
        ("PUT", "/v1/collections/a/search", "admin"),
        ("DELETE", "/v1/collections/a", "admin"),
        ("POST", "/v1/collections/a/rebuild", "admin"),
        ("POST", "/v1/collections/a/duplicates", "write"),
        ("DELETE", "/v1/jobs/a", "write"),
        ("DELETE", "/v1/jobs", "admin"),
    ],
)
def test_what_is_not_known_to_need_less_needs_the_most(method, path, scope):
    assert scope_needed(method, path) == scope


def test_only_what_holds_no_data_is_open():
    assert is_open("/page.js")
    assert not is_open("/v1/page.js")
    assert not is_open("/metrics")
    assert not reaches("POST", "/v1/collections", "a")
    assert not reaches("GET", "/v1/collections/ab", "a")
    assert not reaches("GET", "/v1/jobsx", "a")
    assert not reaches("POST", "/v1/jobs", "a")


def test_the_scope_of_every_route_was_thought_of(client):
    """A new route that changes things: name it in `api/keys_scopes.py`, or here as admin's."""
    for_admins = {"", "rebuild", "compact", "re-embed", "calibrate"}
    changing = [
        path
        for path, methods in client.get("/openapi.json").json()["paths"].items()
        if set(methods) - {"get", "head"}
    ]
    assert len(changing) > 5
    for path in changing:
        parts = path.split("/")
        action = (parts[4:5] if collection_of(path) else parts[2:3]) or [""]
        known = ASKING | WRITING | for_admins
        others = ("/v1/collections", "/v1/jobs/{job}")
        assert action[0] in known or path in others, path


def test_the_commands_make_list_and_revoke(store):
    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, ["keys", *words, "--store", str(store.folder)])
        assert done.exit_code == code, done.output
        return done.stdout

    token = run("create", "phone", "--scope", "write", "--collection", "words").strip()
    assert KeyRing(store.folder).holder(token.encode()).scope == "write"
    (listed,) = json.loads(run("list", "--json"))
    assert (listed["name"], listed["collection"]) == ("phone", "words")
    assert "digest" not in listed
    assert "phone" in run("list")
    run("revoke", "phone")
    assert json.loads(run("list", "--json")) == []
    run("create", "x", "--collection", "none", code=EXIT_CODES["NotFound"])
