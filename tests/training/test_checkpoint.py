"""A checkpoint is whole or is not there; damage, full disks and other models are told."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from embedstore.errors import Corrupt, Invalid, StorageFull
from embedstore.training.checkpoint import RunState, fill, latest, save
from embedstore.training.optimizer_state import optimizer_state, restore_optimizer


def state(step: int, size: int = 1000) -> RunState:
    return RunState(step, {"model/w": torch.full((size,), float(step))}, {"best": step / 7})


def same(one: RunState, other: RunState) -> bool:
    names = one.tensors.keys()
    return (one.step, one.numbers, names) == (
        other.step,
        other.numbers,
        other.tensors.keys(),
    ) and all(torch.equal(one.tensors[name], other.tensors[name]) for name in names)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.int64])
def test_what_is_saved_comes_back_bit_for_bit(tmp_path, dtype):
    tensors = {
        "a": torch.randn(3, 4).to(dtype).T,
        "empty": torch.zeros(0),
        "scalar": torch.ones(()),
    }
    written = RunState(7, {**tensors, "tied": tensors["a"]}, {"best": 0.1, "why": "é"})
    save(tmp_path / "new" / "checkpoints", written)
    assert same(latest(tmp_path / "new" / "checkpoints"), written)


def test_an_empty_or_missing_folder_has_no_checkpoint(tmp_path):
    assert latest(tmp_path) is None
    assert latest(tmp_path / "missing") is None


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(st.integers(0, 12), min_size=1, max_size=8))
def test_the_last_one_saved_is_the_latest_and_at_most_two_stay(steps, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    for step in steps:
        save(folder, state(step))
        assert latest(folder).step == step
        assert len(list(folder.glob("*.json"))) == len(list(folder.glob("*.safetensors"))) <= 2
    assert len(list(folder.iterdir())) <= 4


def spoil(path, how):
    content = bytearray(path.read_bytes())
    if how == "missing":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 4
        path.write_bytes(content)


@pytest.mark.parametrize("suffix", [".json", ".safetensors"])
@pytest.mark.parametrize("how", ["missing", "truncated", "flipped"])
def test_a_damaged_newest_gives_way_to_the_one_before(tmp_path, how, suffix, caplog):
    save(tmp_path, state(1))
    save(tmp_path, state(2))
    spoil(next(tmp_path.glob(f"step-000000002*{suffix}")), how)
    assert same(latest(tmp_path), state(1))
    if (how, suffix) != ("missing", ".json"):
        assert "step-000000002.json is damaged" in caplog.text
    spoil(next(tmp_path.glob("step-000000001-*.safetensors")), how)
    if (how, suffix) != ("missing", ".json"):
        with pytest.raises(Corrupt, match=r"none of its 2 checkpoints is whole.*--no-resume"):
            latest(tmp_path)


def test_a_file_name_in_the_json_cannot_lead_out_of_the_folder(tmp_path):
    save(tmp_path / "other", state(1))
    save(tmp_path / "run", state(2))
    path = tmp_path / "run" / "step-000000002.json"
    body = json.loads(path.read_text())
    body["file"] = f"../other/{next((tmp_path / 'other').glob('*.safetensors')).name}"
    path.write_text(json.dumps(body))
    with pytest.raises(Corrupt):
        latest(tmp_path / "run")


_WRITER = """
import sys, torch
from pathlib import Path
from embedstore.training.checkpoint import RunState, latest, save
folder = Path(sys.argv[1])
found = latest(folder)
step = found.step if found else 0
while True:
    step += 1
    weights = torch.full((300_000,), float(step))
    save(folder, RunState(step, {"w": weights}, {"step": step}))
    print(step, flush=True)
"""


def test_kill_9_at_any_moment_never_loses_the_last_good_one(tmp_path):
    dice, acknowledged, rounds = random.Random(0), 0, 0
    ends = time.monotonic() + 12
    while rounds < 2 or (time.monotonic() < ends and rounds < 5):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        said = [writer.stdout.readline()]  # it is at work
        time.sleep(dice.uniform(0, 0.1))
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.read().splitlines(keepends=True)
        writer.wait()
        writer.stdout.close()
        acknowledged = max(int(line) for line in said if line.endswith("\n"))
        found = latest(tmp_path)
        assert found.step in (acknowledged, acknowledged + 1)
        assert found.numbers == {"step": found.step}
        assert torch.equal(found.tensors["w"], torch.full((300_000,), float(found.step)))
        rounds += 1
    save(tmp_path, state(acknowledged + 5))
    assert len(list(tmp_path.iterdir())) == 4, "what killed writers left behind is removed"


def test_a_full_disk_is_one_line_and_keeps_the_last_good_one(small_disk):
    folder = small_disk("3m") / "run" / "checkpoints"
    save(folder, state(1))
    with pytest.raises(StorageFull) as told:
        save(folder, state(2, size=2_000_000))
    message = str(told.value)
    assert "\n" not in message
    assert f"{folder} (No space left on device)" in message
    assert "8,000,000 bytes" in message
    assert same(latest(folder), state(1))
    assert len(list(folder.iterdir())) == 2
    save(folder, state(3))
    assert latest(folder).step == 3


@pytest.mark.parametrize("call", ["fsync", "open"])
def test_a_disk_that_fails_late_is_one_line_too(tmp_path, monkeypatch, call):
    save(tmp_path, state(1))

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(StorageFull, match=r"step 2 cannot be written.*No space left"):
        save(tmp_path, state(2))
    monkeypatch.undo()
    assert same(latest(tmp_path), state(1))


def test_an_unwritable_folder_is_named():
    with pytest.raises(StorageFull, match="/proc/nothing/here"):
        save(Path("/proc/nothing/here"), state(1))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda saved: saved.pop("0.weight"),
            r"it has no 0\.weight, expected one of shape \(3, 2\)",
        ),
        (
            lambda saved: saved.update({"0.bias": torch.zeros(9)}),
            r"0\.bias has the shape \(9,\), expected \(3,\)",
        ),
        (lambda saved: saved.update(more=torch.zeros(1)), "it has more, which the model does not"),
    ],
)
def test_a_checkpoint_of_another_architecture_names_the_first_difference(change, told):
    model = nn.Sequential(nn.Linear(2, 3))
    saved = {name: one.clone() + 1 for name, one in model.state_dict().items()}
    fill(model.state_dict(), saved, "the checkpoint")
    assert torch.equal(model[0].weight, saved["0.weight"])
    change(saved)
    with pytest.raises(Invalid, match=told):
        fill(model.state_dict(), saved, "the checkpoint")


def made(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 5), nn.Dropout(0.5), nn.Linear(5, 1))
    groups = [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[2].parameters()}]
    return model, torch.optim.AdamW(groups, lr=0.01)


def learn(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(8, 4)).square().mean().backward()
        optimizer.step()


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path):
    model, optimizer = made(0)
    learn(model, optimizer, 3)
    tensors, numbers = optimizer_state(optimizer)
    weights = model.state_dict()
    save(tmp_path, RunState(3, {**weights, **tensors}, {"optimizer": numbers}))
    torch.manual_seed(3)
    learn(model, optimizer, 4)

    resumed, other = made(1)
    found = latest(tmp_path)
    fill(resumed.state_dict(), {name: found.tensors[name] for name in weights}, "the checkpoint")
    restore_optimizer(other, found.tensors, found.numbers["optimizer"])
    torch.manual_seed(3)
    learn(resumed, other, 4)
    for name, one in model.state_dict().items():
        assert torch.equal(one, resumed.state_dict()[name]), name


def test_an_optimizer_of_other_parameters_is_refused():
    model, optimizer = made(0)
    learn(model, optimizer, 1)
    tensors, numbers = optimizer_state(optimizer)
    for other, told in (
        (torch.optim.AdamW(nn.Linear(3, 3).parameters()), "parameter 0 has the shape"),
        (torch.optim.AdamW(model.parameters()), "other parameters"),
    ):
        with pytest.raises(Invalid, match=told):
            restore_optimizer(other, tensors, numbers)
