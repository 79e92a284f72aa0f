"""A signal that comes after OpenVINO's models are released is handled, whatever their order."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import faulthandler, gc, os, signal, sys
import numpy as np
import openvino
from openvino import opset13
from embedstore.encoders.runtimes import open_graph

faulthandler.enable()  # its own stack for signals; CPython handles every signal on such a one
graph = sys.argv[1]
rows = opset13.parameter([1, 64], np.float32)
square = opset13.constant(np.eye(64, dtype=np.float32))
openvino.save_model(openvino.Model([opset13.matmul(rows, square, False, False)], [rows]), graph)
signal.signal(signal.SIGTERM, lambda *_: print("handled", flush=True))
opened = [open_graph("openvino", graph, "fp32") for _ in range(3)]
for run in opened:
    assert run(np.ones((1, 64), np.float32)).sum() == 64.0
del run
while opened:
    del opened[0]
    gc.collect()
    os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="signal stacks are looked after on Linux")
def test_signals_are_handled_after_models_are_released_in_the_order_they_were_made(tmp_path: Path):
    pytest.importorskip("openvino", reason="needs openvino: `pip install 'embedstore[openvino]'`")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "graph.xml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["handled"] * 3
