"""What a client is told of work that a server does."""

import pytest

from embedstore.client_jobs import done
from embedstore.errors import Unavailable


class Line:
    """To a server whose job ends as it is told to."""

    def __init__(self, **ended):
        self.ended = ended

    def ask(self, method, path, wanted=None):
        begun = {"id": "j1", "finished": None, "state": "queued"}
        return begun if method == "POST" else {**begun, "done": 1, "total": 2, **self.ended}


def test_a_job_that_is_done_gives_its_result_and_tells_how_far_it_is():
    told = []
    line = Line(finished="now", state="done", result=[1])
    assert done(line, "/rebuild", progress=lambda *steps: told.append(steps)) == [1]
    assert told == [(1, 2)]


def test_a_cancelled_job_is_no_result():
    line = Line(finished="now", state="cancelled", result=None)
    with pytest.raises(Unavailable, match="job j1 was cancelled"):
        done(line, "/rebuild")
