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
from embedstore.errors import Conflict, Corrupt, Invalid, NotFound, Overloaded

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


@pytest.fixture
def busy():
    """Jobs of which one runs, until it is let go or asked to stop at its next step."""
    jobs, go = Jobs(), threading.Event()

    def start(stoppable: bool):
        def work(tell):
            while not go.wait(0.001):
                tell(1, 2)

        job = jobs.start("re-embed", "words", work, stoppable=stoppable)
        while jobs.get(job.id).state == "waiting":
            time.sleep(0.001)
        return job

    yield jobs, start
    go.set()
    jobs.close(10)


def ended(jobs, job):
    while not jobs.get(job.id).ended:
        time.sleep(0.001)
    return jobs.get(job.id)


def test_a_job_that_waits_is_cancelled_and_one_that_runs_where_it_can_stop(busy):
    jobs, start = busy
    running, waiting = start(True), jobs.start("rebuild", "words", lambda _: pytest.fail("ran"))
    assert jobs.cancel(waiting.id).state == "cancelled"
    assert jobs.cancel(running.id).state == "running"
    assert ended(jobs, running).state == "cancelled"
    assert "start it again" in jobs.get(running.id).error
    with pytest.raises(Conflict, match="is cancelled already"):
        jobs.cancel(waiting.id)
    with pytest.raises(NotFound):
        jobs.cancel("none")
    stubborn = start(False)
    with pytest.raises(Conflict, match="is running and cannot be stopped half way"):
        jobs.cancel(stubborn.id)
    assert jobs.get(stubborn.id).state == "running"


@pytest.mark.parametrize("stoppable", [True, False])
def test_the_end_cancels_what_waits_and_waits_no_longer_than_it_may(busy, stoppable):
    jobs, start = busy
    running, waiting = start(stoppable), jobs.start("rebuild", "words", lambda _: None)
    began = time.monotonic()
    jobs.close(0.3 if not stoppable else 20)
    assert time.monotonic() - began < 10
    assert jobs.get(waiting.id).state == "cancelled"
    assert [job.id for job in jobs.underway()] == ([] if stoppable else [running.id])
    with pytest.raises(Overloaded, match="is stopping"):
        jobs.start("rebuild", "words", lambda _: None)


def test_what_runs_when_the_service_ends_is_waited_for(store):
    app, go, done = create_app(store), threading.Event(), []
    with TestClient(app):
        app.state.jobs.start("slow", "words", lambda _: done.append(go.wait(10)))
        while app.state.jobs.all()[0].state == "waiting":
            time.sleep(0.001)
        threading.Timer(0.1, go.set).start()
    assert done == [True]


def test_a_job_is_cancelled_at_the_door_and_its_followers_are_told(client):
    jobs, go = client.app.state.jobs, threading.Event()
    jobs.start("slow", "words", lambda _: go.wait(10))
    started = client.post(f"{WORDS}/rebuild")
    where = started.headers["location"]
    assert client.delete(where).json()["state"] == "cancelled"
    assert followed(client, started)["state"] == "cancelled"
    assert client.get("/v1/jobs", params={"state": "cancelled"}).json()[0]["id"] in where
    assert client.delete(where).status_code == 409
    assert client.delete("/v1/jobs/none").status_code == 404
    go.set()


def test_a_re_embed_that_was_stopped_goes_on_where_it_was(client, store):
    words = store.collection("words")
    words.add([Item(f"more {number}", texts=(f"door {number}",)) for number in range(200)])
    jobs, path = client.app.state.jobs, f"{WORDS}/re-embed"
    change = jobs._change

    def stops(name, **changes):
        change(name, **changes)
        if changes.get("done"):
            client.delete(f"/v1/jobs/{name}")

    jobs._change = stops
    stopped = followed(client, client.post(path, json={"encoder": "mini"}))
    assert (stopped["state"], stopped["result"]) == ("cancelled", None)
    assert 0 < stopped["done"] < 202
    jobs._change = change
    done = followed(client, client.post(path, json={"encoder": "mini"}))["result"]
    assert done["switched"]
    assert done["copied"] == 202 - stopped["done"]


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
    told = [ended(jobs, each).error for each in started]
    jobs.close(10)
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
    jobs.close(10)
