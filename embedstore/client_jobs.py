"""Long work that a server does: started, waited for, its result or its error given."""

import time
from collections.abc import Callable
from typing import Any

from embedstore.client_line import Line, error_of
from embedstore.errors import Unavailable

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0

Progress = Callable[[int, int], None]


def done(line: Line, path: str, wanted: object = None, progress: Progress | None = None) -> Any:
    """Start a job and wait until it ends.

    Args:
        line: To the server.
        path: That starts it.
        wanted: What is sent to start it.
        progress: Called with steps done, and steps in all; 0 where nobody knows.

    Returns:
        What it gave.

    Raises:
        EmbedStoreError: Why it failed, of the same kind as on the server.
        Unavailable: It was cancelled.
    """
    job, pause = line.ask("POST", path, wanted), FIRST_PAUSE
    while job["finished"] is None:
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
        job = line.ask("GET", f"/jobs/{job['id']}")
        if progress is not None:
            progress(job["done"], job["total"])
    if job["state"] == "failed":
        raise error_of(str(job["error_kind"]), str(job["error"]), 500)
    if job["state"] == "cancelled":
        raise Unavailable(
            f"job {job['id']} was cancelled: somebody asked for that, or the server stops; "
            "start it again, it goes on where it can"
        )
    return job["result"]
