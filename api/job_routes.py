"""The HTTP routes of long work: start it, see how far it is, follow it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.responses import StreamingResponse

from api import dependencies
from api.dependencies import Encoders, Named, Opened, Running
from api.documented import errors
from api.encoder_names import model_name
from api.job_schemas import Calibrating, Clustering, NearDuplicates, ReEmbedding, Started
from api.jobs import Job, Jobs, Progress, State
from api.keys_scopes import allow, scope_needed, sees
from embedstore import Collection, Store, re_embed
from embedstore.calibration import calibrate
from embedstore.clusters import clusters
from embedstore.corpus import Failure
from embedstore.duplicates import duplicates
from embedstore.types import as_json

LOOK_SECONDS, ALIVE_SECONDS = 0.1, 15.0
NO_REASON = "cannot be encoded; `embedstore re-embed` on the server's machine says why"

router = dependencies.router("jobs")


@router.post("/collections/{name}/rebuild", status_code=202, responses=errors(404, 409))
def rebuild(collection: Named, jobs: Running, response: Response) -> Started:
    """Build the index files from the rows."""
    return _started(
        jobs.start("rebuild", collection.name, lambda _: collection.rebuild()), response
    )


@router.post("/collections/{name}/compact", status_code=202, responses=errors(404, 409))
def compact(collection: Named, jobs: Running, response: Response) -> Started:
    """Remove deleted items from every file."""
    return _started(
        jobs.start("compact", collection.name, lambda _: collection.compact()), response
    )


@router.post("/collections/{name}/re-embed", status_code=202, responses=errors(404, 409))
def move(
    wanted: ReEmbedding,
    collection: Named,
    store: Opened,
    jobs: Running,
    request: Request,
    response: Response,
) -> Started:
    """Move a collection to another encoder; it serves and takes items all the while."""
    allow(request, collection=wanted.keep)
    job = jobs.start(
        "re-embed",
        collection.name,
        lambda tell: _moved(store, collection, wanted, tell),
        stoppable=True,
    )
    return _started(job, response)


@router.post("/collections/{name}/calibrate", status_code=202, responses=errors(404, 409))
def measure(
    wanted: Calibrating, collection: Named, encoders: Encoders, jobs: Running, response: Response
) -> Started:
    """Measure search options with captions or queries, and keep what surely helps."""
    encoders.serve(collection)
    job = jobs.start(
        "calibrate",
        collection.name,
        lambda _: as_json(
            calibrate(collection, wanted.queries, hubs=wanted.hubs, expand=wanted.expand)
        ),
    )
    return _started(job, response)


@router.post("/collections/{name}/duplicates", status_code=202, responses=errors(404, 409))
def find_duplicates(
    wanted: NearDuplicates, collection: Named, jobs: Running, response: Response
) -> Started:
    """Group pictures that are nearly the same; nothing is deleted."""
    job = jobs.start(
        "duplicates",
        collection.name,
        lambda tell: _grouped(collection, wanted, tell),
        stoppable=True,
    )
    return _started(job, response)


@router.post("/collections/{name}/clusters", status_code=202, responses=errors(404, 409))
def part(
    wanted: Clustering, collection: Named, encoders: Encoders, jobs: Running, response: Response
) -> Started:
    """Part a collection's pictures into clusters with names."""
    if wanted.names is not None:
        encoders.serve(collection)
    job = jobs.start(
        "clusters",
        collection.name,
        lambda _: [
            as_json(each)
            for each in clusters(collection, wanted.n, names=wanted.names, central=wanted.central)
        ],
    )
    return _started(job, response)


@router.get("/jobs")
def jobs(jobs: Running, request: Request, state: State | None = None) -> list[Started]:
    """List the jobs of collections that the key reaches, the newest first; or those in a state."""
    seen = [job for job in jobs.all() if sees(request, job.collection)]
    return [_on_wire(job) for job in seen if state in (None, job.state)]


def _seen(job: str, jobs: Running, request: Request) -> Job:
    """Give a job; one of a collection that the key does not reach is not there."""
    return jobs.get(job, lambda found: sees(request, found.collection))


Seen = Annotated[Job, Depends(_seen)]


@router.get("/jobs/{job}", responses=errors(404))
def job(job: Seen) -> Started:
    """Tell how far a job is, and what it gave."""
    return _on_wire(job)


@router.delete("/jobs/{job}", responses=errors(404, 409))
def cancel(job: Seen, jobs: Running, request: Request) -> Started:
    """Cancel a job that waits, or have one that runs stop after its next step if it can.

    What a re-embed has done is kept: started again, it goes on there. It cannot be stopped while it
    builds the index.
    """
    allow(request, scope_needed("POST", f"/v1/collections/{job.collection}/{job.kind}"))
    return _on_wire(jobs.cancel(job.id))


@router.get(
    "/jobs/{job}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}, **errors(404)},
)
def events(job: Seen, jobs: Running) -> StreamingResponse:
    """Follow a job: server-sent events named by its state, until it ends."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_told(job.id, jobs), media_type="text/event-stream", headers=headers)


async def _told(name: str, jobs: Jobs) -> AsyncIterator[str]:
    before, quiet = None, 0.0
    while True:
        job = jobs.get(name)
        if job != before:
            told = json.dumps(_on_wire(job).model_dump())
            yield f"event: {job.state}\ndata: {told}\n\n"
            before, quiet = job, 0.0
        elif quiet >= ALIVE_SECONDS:
            yield ": alive\n\n"
            quiet = 0.0
        if job.ended:
            return
        await asyncio.sleep(LOOK_SECONDS)
        quiet += LOOK_SECONDS


def _moved(
    store: Store, collection: Collection, wanted: ReEmbedding, tell: Progress
) -> dict[str, Any]:
    """Re-embed a collection."""
    before = model_name(collection.info.space)
    report = re_embed(
        store,
        collection.name,
        wanted.encoder,
        keep=wanted.keep,
        allow_missing=wanted.allow_missing,
        skip_without_source=wanted.skip_without_source,
        progress=lambda done, total, _: tell(done, total),
    )
    failed = [{"key": key, "reason": NO_REASON} for key in _keys(report.failed)]
    return as_json(report) | {"before": before, "failed": failed}


def _grouped(collection: Collection, wanted: NearDuplicates, tell: Progress) -> dict[str, Any]:
    """Find duplicates."""
    found = duplicates(
        collection,
        score=wanted.score,
        bits=wanted.bits,
        read=not wanted.quick,
        progress=tell,
    )
    return as_json(found) | {"unreadable": _keys(found.unreadable)}


def _keys(failures: Iterable[Failure]) -> list[str]:
    """Give what failed; why it did may tell where it lies on this machine."""
    return [each.key for each in failures]


def _started(job: Job, response: Response) -> Started:
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return _on_wire(job)


def _on_wire(job: Job) -> Started:
    return Started(**asdict(job))
