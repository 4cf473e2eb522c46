"""Graphs of ONNX's recurrent operators, built from what a converter gives and run by onnxruntime, or by ONNX itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnncourse.reference import ONNXLayer
from tests.reference.networks import Network, by_name

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install 'rnncourse[dev]'")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'rnncourse[dev]'")

_OPSET, _IR = 22, 10


def run(network: Network, layers: list[ONNXLayer], *, by: str = "onnxruntime") -> dict[str, np.ndarray]:
    """Output and last states of a stack of nodes, under the names of `networks.ours`.

    Args:
        network: inputs, first states and lengths.
        layers: one node a layer.
        by: "onnxruntime", which has these operators in float32 alone, or "onnx", ONNX's own evaluator in NumPy, which
            has a single direction.
    """
    T, B, _, H, _, D = network.size
    model = graph(network, layers)
    feeds = {"X": network.x}
    if network.lengths is not None:
        feeds["lengths"] = network.lengths.astype(np.int32)
    for l, layer in enumerate(network.states):
        for k, letter in enumerate("hc"[: len(layer[0])]):
            feeds[f"{letter}_0_{l}"] = np.stack([state[k] for state in layer])
    if by == "onnxruntime":
        output, *last = execute(model, feeds)
    else:
        from onnx.reference import ReferenceEvaluator

        output, *last = ReferenceEvaluator(model).run(None, feeds)
    assert output.shape == (T, B, D * H)
    count = len(network.states[0][0])
    by_layer = [last[at : at + count] for at in range(0, len(last), count)]
    states = [[tuple(array[d] for array in arrays) for d in range(D)] for arrays in by_layer]
    return {"output": output, **by_name("last", states)}


def execute(model: Any, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    """All outputs of a model, by onnxruntime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def model_of(nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: list[Any]) -> Any:
    """A model that ONNX's checker accepts."""
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "network", inputs, outputs, constants),
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
    )
    onnx.checker.check_model(model)
    return model


def graph(network: Network, layers: list[ONNXLayer]) -> Any:
    """The model: each layer's Y, of shape (T, D, B, H), becomes the next one's X, of shape (T, B, D H)."""
    helper = onnx.helper
    kind = helper.np_dtype_to_tensor_dtype(network.x.dtype)
    nodes, constants, below = [], [onnx.numpy_helper.from_array(np.array([0, 0, -1]), "joined")], "X"
    inputs = [helper.make_tensor_value_info("X", kind, network.x.shape)]
    if network.lengths is not None:
        inputs.append(helper.make_tensor_value_info("lengths", onnx.TensorProto.INT32, network.lengths.shape))
    outputs = []
    for l, (operator, attributes, weights) in enumerate(layers):
        constants += [onnx.numpy_helper.from_array(array, f"{name}_{l}") for name, array in weights.items()]
        letters = "hc"[: len(network.states[l][0])]
        shape = (len(network.states[l]), *network.states[l][0][0].shape)
        inputs += [helper.make_tensor_value_info(f"{letter}_0_{l}", kind, shape) for letter in letters]
        names = [f"{name}_{l}" if name in weights else "" for name in "WRB"]
        names += ["lengths" if network.lengths is not None else ""]
        names += [f"{letter}_0_{l}" for letter in letters] + ([f"P_{l}"] if "P" in weights else [])
        last = [f"Y_{letter}_{l}" for letter in letters]
        nodes += [
            helper.make_node(operator, [below, *names], [f"Y_{l}", *last], **attributes),
            helper.make_node("Transpose", [f"Y_{l}"], [f"YT_{l}"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"YT_{l}", "joined"], [f"X_{l + 1}"]),
        ]
        below = f"X_{l + 1}"
        outputs += [helper.make_tensor_value_info(name, kind, shape) for name in last]
    outputs.insert(0, helper.make_tensor_value_info(below, kind, network.d_output.shape))
    return model_of(nodes, inputs, outputs, constants)


def weights_of(model: Any) -> list[ONNXLayer]:
    """The recurrent nodes of a model as `from_onnx` takes them, read with ONNX's helpers."""
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return [
        ONNXLayer(
            node.op_type,
            {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute},
            {name: constants[key] for name, key in zip("XWRBlhcP", node.input, strict=False) if name in "WRBP" and key},
        )
        for node in model.graph.node
        if node.op_type in ("RNN", "LSTM", "GRU")
    ]
