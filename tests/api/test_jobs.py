"""Long work at the door: started, followed, finished before the service ends."""

import json
import threading
import time
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.app import create_app
from api.jobs import MOST_REMEMBERED, MOST_WAITING, Jobs
from embedstore import Item, encoders
from embedstore.errors import Corrupt, Invalid, NotFound, Overloaded

WORDS = "/v1/collections/words"


def followed(client, started):
    assert started.status_code == 202, started.text
    where = started.headers["location"]
    told = client.get(f"{where}/events")
    assert told.headers["content-type"].startswith("text/event-stream")
    last = told.text.strip().split("\n\n")[-1]
    assert json.loads(last.split("data: ")[1]) == client.get(where).json()
    return client.get(where).json()


@pytest.mark.parametrize(
    ("path", "body"),
    [("rebuild", None), ("compact", None), ("duplicates", {"quick": True}), ("clusters", {})],
)
def test_long_work_is_a_job(client, path, body):
    done = followed(client, client.post(f"{WORDS}/{path}", json=body))
    assert (done["state"], done["kind"], done["error"]) == ("done", path, None)
    assert client.get("/v1/jobs").json()[0] == done
    assert client.get("/v1/jobs", params={"state": "done"}).json()[0] == done
    assert client.get("/v1/jobs", params={"state": "running"}).json() == []
    assert client.get("/v1/jobs", params={"state": "lost"}).status_code == 422


def test_a_collection_is_re_embedded_and_tells_how_far_it_is(client):
    done = followed(client, client.post(f"{WORDS}/re-embed", json={"encoder": "toy"}))
    assert done["result"]["needless"] is True
    done = followed(client, client.post(f"{WORDS}/re-embed", json={"encoder": "mini"}))
    assert done["result"]["switched"] is True, done
    assert done["done"] == done["total"] == 2
    assert client.post(f"{WORDS}/search", json={"text": "x"}).status_code == 200


def test_what_a_job_gives_tells_no_path_of_the_machine(client, store, tmp_path):
    own = encoders.load("toy")
    own.space = replace(own.space, encoder=f"local-dir:{tmp_path}", weights="others")
    picture = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(picture)
    store.create("photos", own).add([Item("a", picture), Item("b", texts=("a door",))])
    picture.unlink()
    found = [
        followed(client, client.post(f"/v1/collections/photos/{path}", json=body))["result"]
        for path, body in (("duplicates", {}), ("re-embed", {"encoder": "toy"}))
    ]
    assert found[0]["unreadable"] == ["a"]
    assert [each["key"] for each in found[1]["failed"]] == ["a"]
    assert "/" not in json.dumps(found)


def test_a_failed_job_says_why_in_one_line(client):
    failed = followed(client, client.post(f"{WORDS}/calibrate", json={"queries": ["few"]}))
    assert failed["state"] == "failed"
    assert failed["error"]
    assert "\n" not in failed["error"]


def test_what_cannot_be_done_is_refused(client):
    assert client.post("/v1/collections/none/rebuild").status_code == 404
    assert client.get("/v1/jobs/none").status_code == 404
    assert client.get("/v1/jobs/none/events").status_code == 404
    asked = {"encoder": "local-dir:/etc"}
    assert client.post(f"{WORDS}/re-embed", json=asked).status_code == 422


def test_accepted_jobs_are_finished_before_the_service_ends(store):
    app, go, ended = create_app(store), threading.Event(), []
    with TestClient(app):
        app.state.jobs.start("slow", "words", lambda _: go.wait(10))
        app.state.jobs.start("next", "words", lambda _: ended.append("next"))
        threading.Timer(0.1, go.set).start()
    assert ended == ["next"]


def test_errors_tell_nothing_of_the_inside_and_too_much_is_refused():
    jobs, go = Jobs(), threading.Event()

    def fails(error: Exception):
        def work(_: object) -> None:
            raise error

        return work

    slow = jobs.start("slow", "words", lambda _: go.wait(10))
    while jobs.get(slow.id).state == "waiting":
        time.sleep(0.001)
    failing = [Corrupt("/secret/file is damaged"), OSError("/secret"), Invalid("line\nline")]
    started = [jobs.start("x", "words", fails(error)) for error in failing]
    for _ in range(MOST_WAITING - len(failing)):
        jobs.start("x", "words", lambda _: None)
    with pytest.raises(Overloaded, match="jobs wait already"):
        jobs.start("one", "too many", lambda _: None)
    go.set()
    jobs.close()
    told = [jobs.get(each.id).error for each in started]
    assert "secret" not in str(told)
    assert told[2] == "line"


def test_old_jobs_are_forgotten():
    jobs = Jobs()
    first = jobs.start("x", "words", lambda _: None)
    ended = threading.Event()
    for _ in range(MOST_REMEMBERED):
        ended.clear()
        jobs.start("x", "words", lambda _: ended.set())
        ended.wait(10)
    with pytest.raises(NotFound):
        jobs.get(first.id)
    assert len(jobs.all()) <= MOST_REMEMBERED
    jobs.close()
