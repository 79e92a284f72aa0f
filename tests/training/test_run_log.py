"""The log of a run: every step once, whatever happened between."""

import io
import json
import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboardX.proto.event_pb2 import Event, SessionLog

from embedstore.errors import MissingExtra, StorageFull, Unavailable
from embedstore.training import progress
from embedstore.training.run_log import METRICS, RunLog, metrics

FIGURES = {"loss": 0.5, "temperature": 0.02, "learning_rate": 1e-4, "images_per_second": 512.0}


def lines(folder):
    return [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]


def events(folder):
    """Read event files by the rule of TFRecord: length, its checksum, bytes, their checksum."""
    found = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 8], "little")
            found.append(Event.FromString(data[at + 12 : at + 12 + length]))
            at += 16 + length
    return found


def test_every_step_and_validation_is_a_line_and_an_event(tmp_path):
    with RunLog(tmp_path / "new" / "run", 2) as log:
        log.step(1, **FIGURES)
        log.step(2, loss=0.25)
        log.validation(2, 1.0, {"text_to_image@1": 0.3})
    folder = tmp_path / "new" / "run"
    assert lines(folder) == [
        {"step": 1, **FIGURES},
        {"step": 2, "loss": 0.25},
        {"step": 2, "epoch": 1.0, "val": {"text_to_image@1": 0.3}},
    ]
    told = [
        (each.step, value.tag, value.simple_value)
        for each in events(folder)
        for value in each.summary.value
    ]
    assert (1, "loss", 0.5) in told
    assert (2, "loss", 0.25) in told
    assert (2, "val/text_to_image@1", pytest.approx(0.3)) in told


@settings(max_examples=15, deadline=None)
@given(runs=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=4))
def test_steps_never_repeat_however_often_a_run_is_resumed(runs, tmp_path_factory):
    folder, reached = tmp_path_factory.mktemp("run"), 0
    for back, ahead in runs:
        start = max(reached - back, 0)
        with RunLog(folder, 99, resumed_at=start) as log:
            for step in range(start + 1, start + ahead + 1):
                log.step(step, loss=1.0)
        reached = start + ahead
        assert [line["step"] for line in lines(folder)] == list(range(1, reached + 1))


def test_a_line_that_a_crash_cut_short_is_removed(tmp_path):
    with RunLog(tmp_path, 9) as log:
        log.step(1, loss=1.0)
    with (tmp_path / METRICS).open("a") as file:
        file.write('{"step": 2, "lo')
    with RunLog(tmp_path, 9, resumed_at=2) as log:
        log.step(3, loss=0.5)
    assert [line["step"] for line in lines(tmp_path)] == [1, 3]
    assert [line["step"] for line in metrics(tmp_path / METRICS)] == [1, 3]
    assert list(metrics(tmp_path / "missing")) == []


def test_tensorboard_is_told_where_a_resumed_run_starts_and_a_new_one_starts_clean(tmp_path):
    for resumed_at in (0, 4):
        RunLog(tmp_path, 9, resumed_at=resumed_at).close()
    starts = [each.step for each in events(tmp_path) if each.session_log.status == SessionLog.START]
    assert sorted(starts) == [1, 5]
    RunLog(tmp_path, 9).close()
    assert len(list(tmp_path.glob("events*"))) == 1


def test_what_is_no_number_is_null_in_json(tmp_path):
    with RunLog(tmp_path, 1) as log:
        log.step(1, loss=float("nan"), gradient_norm=float("inf"))
    assert lines(tmp_path) == [{"step": 1, "loss": None, "gradient_norm": None}]


def test_a_line_now_and_then_where_there_is_no_terminal(tmp_path, capsys, monkeypatch):
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    bar = progress.Progress(100, 0)
    for step in range(1, 8):
        bar.step(step, FIGURES)
    bar.step(100, {"loss": 0.1})
    bar.close()
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "step 3/100  loss 0.500  temperature 0.02  rate 1.0e-04  512 images/s  6 min left",
        "step 6/100  loss 0.500  temperature 0.02  rate 1.0e-04  512 images/s  6 min left",
        "step 100/100  loss 0.100  0 s left",
    ]


def test_a_bar_on_a_terminal(tmp_path, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with RunLog(tmp_path, 10, resumed_at=3) as log:
        log.step(5, **FIGURES)
        log.validation(5, 1, {"x[1]@1": 0.5, "x[1]@5": 0.75, "y@1": 0.25})
    shown = sys.stderr.getvalue()
    assert "5/10" in shown
    assert "val  x[1]@1/5 0.500/0.750  y@1 0.250" in shown


class Fake(types.ModuleType):
    """What of wandb is used."""

    def __init__(self):
        super().__init__("wandb")
        self.inits, self.logged, self.finished = [], [], 0

    def init(self, **options):
        self.inits.append(options)
        return self

    def log(self, figures, step):
        self.logged.append((step, figures))

    def finish(self):
        self.finished += 1


def test_weights_and_biases_where_it_is_asked_for(tmp_path, monkeypatch):
    fake = Fake()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    for resumed_at in (0, 1, 0):
        with RunLog(
            tmp_path / "dogs", 2, wandb=True, resumed_at=resumed_at, about={"seed": 3}
        ) as log:
            log.step(resumed_at + 1, loss=1.0)
    log.close()
    first, resumed, anew = fake.inits
    assert first["name"] == "dogs"
    assert first["config"] == {"seed": 3}
    assert first["id"] == resumed["id"] != anew["id"]
    assert fake.logged == [(1, {"loss": 1.0}), (2, {"loss": 1.0}), (1, {"loss": 1.0})]
    assert fake.finished >= 3


def test_weights_and_biases_that_does_not_start_is_one_line(tmp_path, monkeypatch):
    fake = Fake()
    fake.init = lambda **_: 1 / 0
    monkeypatch.setitem(sys.modules, "wandb", fake)
    with pytest.raises(Unavailable, match="wandb login"):
        RunLog(tmp_path, 1, wandb=True)


def test_without_its_package_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtra, match=r"embedstore\[wandb\]"):
        RunLog(tmp_path, 1, wandb=True)


def test_an_unwritable_folder_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFull, match="file/run") as told:
        RunLog(tmp_path / "file" / "run", 1)
    assert "\n" not in str(told.value)


def test_a_full_disk_is_one_line_and_does_not_wait_for_ever(small_disk):
    place = small_disk("256k")
    log = RunLog(place, 10_000)
    with pytest.raises(StorageFull, match="No space left on device"):  # noqa: PT012 - in some step
        for step in range(1, 10_000):
            log.step(step, **FIGURES)
    with pytest.raises(StorageFull):
        log.validation(1, 1.0, {})
    with pytest.raises(ValueError, match="what matters"), log:
        raise ValueError("what matters")
    assert [line["step"] for line in metrics(place / METRICS)][:2] == [1, 2]
