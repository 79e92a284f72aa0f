"""Float32 graphs into 8 bits: fewer bytes, and products that the CPU sums faster."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedstore.encoders.runtime_file import Runtime
from embedstore.encoders.runtimes import extra

_PRODUCTS = ("MatMul", "Gemm")
_CONVOLUTIONAL = ("Conv", "Add", "MatMul", "Gemm", "ReduceMean", "Clip")
_LEAST_TABLE = 4096  # rows of an embedding that is worth packing
_BATCH = 8


def quantise(path: Path, runtime: Runtime, pictures: Sequence[NDArray[np.uint8]]) -> bool:
    """Rewrite a graph in place.

    A tower of convolutions takes fixed scales, found on pictures: Jacob et al.,
    https://arxiv.org/abs/1712.05877, one scale a channel of the weights. A Transformer's few huge
    activations would drown the rest at fixed scales (MiniLM lost 2.5 points of recall), so ONNX
    Runtime finds the scale of each text or picture as it comes, and OpenVINO keeps bfloat16 there.

    Args:
        path: The graph.
        runtime: What will compute it.
        pictures: Examples for the scales of an image tower.

    Returns:
        Whether scales are found at run time: rows must then run one by one, for they would share
        the scale of their batch.
    """
    onnx = extra("onnx", runtime)
    tools = extra("onnxruntime.quantization", "onnx")
    found = Counter(node.op_type for node in onnx.load(path).graph.node)
    tools.quant_pre_process(path, path, skip_symbolic_shape=True)
    if found["Conv"] > found["MatMul"]:
        tools.quantize_static(
            path,
            path,
            _examples(tools, path, pictures),
            quant_format=tools.QuantFormat.QDQ,
            per_channel=True,
            activation_type=tools.QuantType.QUInt8,
            weight_type=tools.QuantType.QInt8,
            op_types_to_quantize=list(_CONVOLUTIONAL),
        )
        return False
    if runtime == "onnx":
        tools.quantize_dynamic(
            path,
            path,
            per_channel=True,
            reduce_range=True,  # CPUs without VNNI sum pairs of products in 16 bits, which overflow
            weight_type=tools.QuantType.QInt8,
            op_types_to_quantize=list(_PRODUCTS),
        )
    pack_tables(path, runtime)
    return runtime == "onnx"


def pack_tables(path: Path, runtime: Runtime) -> None:
    """Store each large embedding as 8 bits with a scale a row, which loses next to nothing."""
    onnx = extra("onnx", runtime)
    model = onnx.load(path)
    graph = model.graph
    weights = {each.name: each for each in graph.initializer}
    nodes: list[Any] = []
    for node in graph.node:
        held = weights.get(node.input[0]) if node.op_type == "Gather" else None
        if held is None or len(held.dims) != 2 or held.dims[0] < _LEAST_TABLE:
            nodes.append(node)
            continue
        table = onnx.numpy_helper.to_array(held)  # (words, width)
        scale = np.maximum(np.abs(table).max(1, keepdims=True), 1e-8) / 127.0  # (words, 1)
        codes = np.round(table / scale).astype(np.int8)
        graph.initializer.remove(held)
        named = f"{held.name}_codes", f"{held.name}_scale"
        for name, array in zip(named, (codes, scale.astype(np.float32)), strict=True):
            graph.initializer.append(onnx.numpy_helper.from_array(array, name))
        nodes += _gathered(onnx, node, *named)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, path)


def _gathered(onnx: Any, node: Any, codes: str, scale: str) -> list[Any]:
    out, ids = node.output[0], node.input[1]
    make = onnx.helper.make_node
    return [
        make("Gather", [codes, ids], [f"{out}_codes"], name=f"{out}_gather"),
        make("Cast", [f"{out}_codes"], [f"{out}_float"], name=f"{out}_cast", to=1),
        make("Gather", [scale, ids], [f"{out}_scale"], name=f"{out}_scales"),
        make("Mul", [f"{out}_float", f"{out}_scale"], [out], name=f"{out}_unpack"),
    ]


def _examples(tools: Any, path: Path, pictures: Sequence[NDArray[np.uint8]]) -> Any:
    name = extra("onnx", "onnx").load(path).graph.input[0].name

    def batches() -> Iterator[dict[str, Any]]:
        for start in range(0, len(pictures), _BATCH):
            yield {name: np.stack(pictures[start : start + _BATCH])}

    class Examples(tools.CalibrationDataReader):  # type: ignore[misc]
        """Batches of pictures, as the tools ask for them."""

        def __init__(self) -> None:
            self._left = batches()

        def get_next(self) -> dict[str, Any] | None:
            """Give the next batch, None after the last."""
            return next(self._left, None)

    return Examples()
