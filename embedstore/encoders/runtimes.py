"""The programs that compute an exported graph on the CPU, each behind one function."""

import importlib
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedstore.encoders.runtime_file import Precision, Runtime
from embedstore.encoders.signal_stack import kept_signal_stack
from embedstore.errors import MissingExtra
from embedstore.types import Vectors

Run = Callable[[NDArray[Any]], Vectors]
PACKAGES: dict[Runtime, str] = {"onnx": "onnxruntime", "openvino": "openvino"}


def installed(runtime: Runtime) -> bool:
    """Say whether the package that computes graphs is there."""
    return find_spec(PACKAGES[runtime]) is not None


def extra(package: str, runtime: Runtime) -> Any:
    """Import a package of an optional extra.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingExtra(
            f"the runtime {runtime} needs the package {package}, which cannot be imported "
            f"({error}); run `pip install 'embedstore[{runtime}]'`"
        ) from error


def open_graph(runtime: Runtime, path: Path, precision: Precision, threads: int = 0) -> Run:
    """Open a graph with one input and one output.

    Args:
        runtime: What computes it.
        path: The ONNX file.
        precision: What the arithmetic may use.
        threads: At most; 0 for one a core.

    Returns:
        A function from the input's array to the output's, safe to call from any thread.

    Raises:
        MissingExtra: The runtime is not installed.
        RuntimeError: The file is no graph.
    """
    return (_onnx if runtime == "onnx" else _openvino)(path, precision, threads)


def _onnx(path: Path, precision: Precision, threads: int) -> Run:  # noqa: ARG001
    ort = extra("onnxruntime", "onnx")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(values: NDArray[Any]) -> Vectors:
        rows: Vectors = session.run(None, {name: values})[0]
        return rows

    return run


def _openvino(path: Path, precision: Precision, threads: int) -> Run:
    core = extra("openvino", "openvino").Core()
    hints = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32" if precision == "fp32" else "bf16",
        "PERFORMANCE_HINT": "LATENCY",
    }
    with kept_signal_stack():
        request = core.compile_model(core.read_model(path), "CPU", hints).create_infer_request()
    lock = threading.Lock()  # a request computes one thing at a time

    def run(values: NDArray[Any]) -> Vectors:
        with lock:
            return np.array(request.infer({0: values})[0], np.float32)

    return run
