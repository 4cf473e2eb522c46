"""A module run on given arrays: what is compared with the reference's hand-written forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tests.reference.autograd import by_torch


def by_call(
    module: torch.nn.Module,
    inputs: dict[str, np.ndarray],
    params: dict[str, np.ndarray],
    cotangents: dict[str, np.ndarray],
    **options: Any,
) -> dict[str, np.ndarray]:
    """The outputs that have cotangents, in their order, and the gradients by inputs and parameters, by name.

    `params` must be the module's, no more and no less.
    """

    def run(**tensors: torch.Tensor) -> dict[str, torch.Tensor]:
        state = {name: tensors[name.replace(".", "__")] for name in params}
        arguments = tuple(tensors[name] for name in inputs)
        output = torch.func.functional_call(module, state, arguments, options, strict=True)
        output = output if isinstance(output, tuple) else (output,)
        return dict(zip(cotangents, output, strict=False))

    assert not set(inputs) & set(params)
    return by_torch(run, {**inputs, **params}, cotangents)


def double(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """The module in float64 with everything random, norms and biases too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in module.double().parameters():
            p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64) / 2)
    return module


def arrays(module: torch.nn.Module) -> dict[str, np.ndarray]:
    """The module's parameters by name."""
    return {name: p.detach().numpy().copy() for name, p in module.named_parameters()}
