"""Values and gradients of a torch function: the oracle of what is written by hand."""

from __future__ import annotations

import numpy as np
import torch


def by_torch(f, leaves, cotangents):
    """Values of `f(**leaves)` and, under the names of the leaves, the gradients of the sum of value times cotangent.

    Args:
        f: takes tensors by name (a dot in a name as two underscores) and returns a dict of tensors.
        leaves: arrays by name.
        cotangents: arrays by name of a value; a value without one is returned but not differentiated.
    """
    tensors = {name: torch.tensor(a, requires_grad=True) for name, a in leaves.items()}
    values = f(**{name.replace(".", "__"): t for name, t in tensors.items()})
    loss = sum((values[name] * torch.from_numpy(np.asarray(d))).sum() for name, d in cotangents.items())
    grads = torch.autograd.grad(loss, list(tensors.values()), allow_unused=True)
    found = {n: t.detach().numpy() for n, t in values.items()}
    return found | {
        n: (torch.zeros_like(t) if g is None else g).numpy() for (n, t), g in zip(tensors.items(), grads, strict=True)
    }
