"""Keras's recurrent layers on its torch backend, run with the weights that a converter gives."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
import torch

from tests.reference.networks import Network, by_name

os.environ["KERAS_BACKEND"] = "torch"  # read once, when Keras is imported
keras = pytest.importorskip("keras", reason="Keras is not installed: pip install 'rnncourse[dev]'")

# Keras's torch backend turns float64 into float32 within its products, whatever the layer's dtype. Its table of
# promotions says so (with TensorFlow the entry is float64): with that changed, a float64 layer computes in float64.
dtypes = pytest.importorskip("keras.src.backend.common.dtypes")
_LAYERS = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Keras compute in float64 where a layer has that dtype."""
    monkeypatch.setitem(dtypes.BIT64_TO_BIT32_DTYPE, "float64", "float64")


def build(network: Network, **options: Any) -> list[Any]:
    """Keras layers of the network's size with Keras's first weights; `options` are those of Keras."""
    _, _, I, H, L, D = network.size
    dtype = network.x.dtype.name
    layers = []
    for l in range(L):
        layer = getattr(keras.layers, _LAYERS[network.kind])(
            H, return_sequences=True, return_state=True, zero_output_for_mask=True, dtype=dtype, **options
        )
        if D == 2:
            layer = keras.layers.Bidirectional(layer, dtype=dtype)
        layer.build((None, None, I if l == 0 else D * H))
        layers.append(layer)
    return layers


def run(network: Network, layers: list[Any]) -> tuple[dict[str, np.ndarray], list[list[np.ndarray]]]:
    """As `networks.ours`, but the gradients by the weights apart: one list a layer, as Keras orders them."""
    T = network.x.shape[0]
    x = torch.tensor(network.x, requires_grad=True)
    first = [[tuple(torch.tensor(s, requires_grad=True) for s in state) for state in layer] for layer in network.states]
    mask = None
    if network.lengths is not None:
        mask = torch.from_numpy(np.arange(T)[None] < network.lengths[:, None])
    output, last = x.swapaxes(0, 1), []
    for layer, states in zip(layers, first, strict=True):
        for variable in layer.trainable_variables:
            variable.value.grad = None
        output, *found = layer(output, initial_state=[s for state in states for s in state], mask=mask)
        count = len(states[0])
        last.append([tuple(found[at : at + count]) for at in range(0, len(found), count)])
    output = output.swapaxes(0, 1)

    loss = (output * torch.from_numpy(network.d_output)).sum()
    lasts, d_lasts = by_name("last", last), by_name("last", network.d_states)
    loss = loss + sum((lasts[name] * torch.from_numpy(d)).sum() for name, d in d_lasts.items())
    loss.backward()
    values = {"output": output, **lasts}
    grads = {"dx": x, **by_name("d_first", first)}
    return (
        {name: value.detach().numpy() for name, value in values.items()}
        | {name: leaf.grad.numpy() for name, leaf in grads.items()},
        [[variable.value.grad.numpy() for variable in layer.trainable_variables] for layer in layers],
    )
