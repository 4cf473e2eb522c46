"""The training loop: truncated backpropagation through time, the state carried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from .clipping import clip_grad_norm_
from .language_model import RNNLanguageModel
from .optimizers import Optimizer


class TrainingStep(NamedTuple):
    """What one step of `tbptt` reports."""

    loss: float
    grad_norm: float
    h_n: np.ndarray


def tbptt(
    model: RNNLanguageModel,
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    optimizer: Optimizer,
    *,
    max_norm: float,
    h_0: np.ndarray | None = None,
) -> Iterator[TrainingStep]:
    r"""Train on windows that continue one another; a generator: you may look, or change the rate, between steps.

    .. math::
        \theta \leftarrow \mathrm{step}\bigl(\theta, \mathrm{clip}(\nabla_\theta L_k(\theta, h^{(k)}))\bigr), \qquad
        h^{(k+1)} = h^{(k)}_T

    for window k, with :math:`h^{(k)}` held constant in the gradient.

    The state's *value* goes from each window into the next one; its gradient does not: that is the truncation.

    Args:
        model: changed in place, through `optimizer`.
        batches: pairs (ids, targets), each of shape (T, B), window k + 1 continuing window k in every column.
        optimizer: holds `model.params`.
        max_norm: gradients are clipped to this norm.
        h_0: state before the first window, of shape (B, H). None: zeros.

    Raises:
        ValueError: the optimizer holds other arrays than `model.params`: it would train something else.

    Yields:
        After each update: the loss before it (nats a symbol), the gradient's norm before clipping, the last state.

    Source: Williams and Peng (1990); Mikolov et al. (2010); chapter 04.
    """
    if optimizer.params is not model.params:
        raise ValueError("optimizer must hold model.params, got other arrays: make it anew with the model")
    h = h_0
    for ids, targets in batches:
        if h is None:
            h = model.initial_state(ids.shape[1])
        loss, grads, h = model.loss_and_grads(ids, targets, h)
        norm = clip_grad_norm_(grads, max_norm)
        optimizer.step(grads)
        yield TrainingStep(loss, norm, h)
