"""Two processes over gloo, each with half of a batch, learn what one learns from the whole.

This file is also the program of each process: `python test_data_parallel.py RANK FOLDER`.
"""

import json
import math
import os
import subprocess
import sys
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import distributed, nn
from torch.nn.functional import normalize
from torch.nn.parallel import DistributedDataParallel

from embedstore.errors import Invalid
from embedstore.training.gathered import gathered
from embedstore.training.gradient_cache import cached_step
from embedstore.training.objective import Objective, positives_of

PROCESSES, ROWS, SECONDS = 2, 8, 90
# Rows that fit each other stand in different processes, too.
PHOTOS, CAPTIONS = torch.tensor([0, 1, 2, 3, 0, 4, 5, 6]), torch.tensor([0, 1, 2, 3, 4, 1, 5, 6])
OBJECTIVES = {
    "multi_positive": Objective(hard_negatives=0.3, distill=0.5),
    "sigmoid": Objective("sigmoid"),
}
CASES = [(name, chunk) for name in OBJECTIVES for chunk in (0, 1, 3)]


class Towers(nn.Module):
    """The face of a `Dual` that a step sees."""

    def __init__(self, learns_bias):
        super().__init__()
        self.image = nn.Sequential(nn.Linear(12, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 8))
        self.words = nn.Embedding(11, 8)
        self.text = nn.Linear(8, 8)
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.bias = nn.Parameter(torch.tensor(-3.0), requires_grad=learns_bias)

    def forward(self, lowered, ids):
        return (
            None if lowered is None else normalize(self.image(lowered), dim=1),
            None if ids is None else normalize(self.text(self.words(ids).mean(1)), dim=1),
        )


def learnt(name, chunk, part, parallel=False):
    """Give the loss and the gradients after two steps, which are added up."""
    torch.manual_seed(0)
    towers = Towers(learns_bias=name == "sigmoid")
    lowered, ids = torch.randn(ROWS, 12), torch.randint(0, 11, (ROWS, 4))
    teacher = normalize(torch.randn(ROWS, 5), dim=1), normalize(torch.randn(ROWS, 5), dim=1)
    model = DistributedDataParallel(towers) if parallel else towers

    def loss_of_rows(*rows):
        mine = [*rows, PHOTOS[part], CAPTIONS[part], *(row[part] for row in teacher)]
        images, texts, photos, captions, *taught = gathered(*mine)
        positives = positives_of(photos, captions)
        objective, scale = OBJECTIVES[name], towers.log_scale
        return objective(images, texts, scale, towers.bias, positives, *taught)

    for waits in (True, False):
        with model.no_sync() if waits and parallel else nullcontext():
            loss = cached_step(model, lowered[part], ids[part], loss_of_rows, chunk)
    slopes = {key: w.grad for key, w in towers.named_parameters() if w.grad is not None}
    return {"loss": loss, **slopes}


def run_as(rank, folder):
    """Do what one process does, and write down what it learnt."""
    distributed.init_process_group(
        "gloo",
        init_method=(folder / "meeting").as_uri(),
        rank=rank,
        world_size=PROCESSES,
        timeout=timedelta(seconds=SECONDS // 2),
    )
    share = ROWS // PROCESSES
    part = slice(rank * share, (rank + 1) * share)
    for name, chunk in CASES:
        save_file(learnt(name, chunk, part, parallel=True), folder / f"{name}-{chunk}-{rank}")
    try:
        gathered(torch.ones(3 + rank, 2))
    except Invalid as error:
        (folder / f"refusal-{rank}.json").write_text(json.dumps(str(error)))
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What two processes wrote."""
    folder = tmp_path_factory.mktemp("processes")
    root = str(Path(__file__).parents[2])
    environment = os.environ | {
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, str(rank), str(folder)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(PROCESSES)
    ]
    try:
        for process in processes:
            output, _ = process.communicate(timeout=SECONDS)
            assert process.returncode == 0, output
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return folder


@pytest.mark.parametrize("rank", range(PROCESSES))
@pytest.mark.parametrize(("name", "chunk"), CASES)
def test_two_processes_learn_as_one(folder, name, chunk, rank):
    found = load_file(folder / f"{name}-{chunk}-{rank}")
    expected = learnt(name, 0, slice(None))
    assert found.keys() == expected.keys()
    assert "log_scale" in found
    assert ("bias" in found) == (name == "sigmoid")
    for key, value in expected.items():
        assert torch.allclose(found[key], value, atol=1e-5), key


@pytest.mark.parametrize("rank", range(PROCESSES))
def test_unequal_batches_are_refused_everywhere(folder, rank):
    message = json.loads((folder / f"refusal-{rank}.json").read_text())
    assert message.startswith("the processes have batches of 3, 4 rows; each needs the same number")


def test_alone_rows_stay_what_they_are():
    rows, ids = torch.ones(2, 3, requires_grad=True), torch.arange(2)
    same = gathered(rows, ids)
    assert same[0] is rows
    assert same[1] is ids


if __name__ == "__main__":
    torch.set_num_threads(1)
    run_as(int(sys.argv[1]), Path(sys.argv[2]))
