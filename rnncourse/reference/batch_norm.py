"""Batch normalisation of sequences: each feature brought to mean 0 and variance 1 over the batch, then scaled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_choice, check_number
from .masks import length_mask


class RunningStatistics(NamedTuple):
    """Running averages of a feature's mean and variance.

    Attributes:
        mean: of shape (H,), or (T_max, H) with one row a step.
        var: of the same shape.

    Source: Ioffe and Szegedy (2015); chapter 17.
    """

    mean: np.ndarray
    var: np.ndarray


class BatchNormCache(NamedTuple):
    """What `batch_norm_backward` needs; `n` counts what each mean was taken over, and is None in evaluation."""

    x_hat: np.ndarray
    r: np.ndarray
    n: np.ndarray | None
    mask: np.ndarray
    axes: tuple[int, ...]
    weight: np.ndarray


def batch_norm_forward(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    running: RunningStatistics,
    *,
    training: bool,
    per_step: bool = False,
    lengths: np.ndarray | None = None,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[np.ndarray, RunningStatistics, BatchNormCache]:
    r"""Normalise each feature over a batch of sequences, then scale and shift.

    .. math::
        \mu = \frac{1}{n} \sum x, \qquad \sigma^2 = \frac{1}{n} \sum (x - \mu)^2, \qquad
        \hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad y = w \odot \hat x + b

    The sums run over the batch and over time (shared statistics: Laurent et al.), or over the batch alone at each step
    (per-step statistics: Cooijmans et al.). In training mu and sigma come from this batch, and the running averages
    move towards them; in evaluation they are the running averages, and those stay:

    .. math::
        \bar\mu \leftarrow (1 - m) \bar\mu + m \mu, \qquad
        \bar\sigma^2 \leftarrow (1 - m) \bar\sigma^2 + m \frac{n}{n - 1} \sigma^2

    Formula and numbers of `torch.nn.BatchNorm1d`, which also divides by n in y and by n - 1 in the running variance.

    Args:
        x: of shape (T, B, H).
        weight: w, of shape (H,); 1 at first (Cooijmans et al. start at 0.1).
        bias: b, of shape (H,); 0 at first.
        running: the averages so far: mean and var, of shape (H,), or (T_max, H) with `per_step`; 0 and 1 at first.
        training: whether this batch's statistics are used (True) or the running ones (False).
        per_step: whether each step has its own statistics. In evaluation the steps from T_max on use the last row's; in
            training T must not exceed T_max.
        lengths: integers of shape (B,), each in 1 … T: how many steps each sequence has. What comes after its end
            counts in no statistic, and its y is zero. None: all have T steps.
        momentum: m, in [0, 1]: the share of the new batch.
        eps: epsilon, above 0.

    Returns:
        y, of shape (T, B, H); the running statistics after this batch, a new pair; the cache for `batch_norm_backward`.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, a length or number out of range, NaN or infinity, a negative variance, or in training
            a statistic over a single value: nothing is left of it after normalising.

    Source: Ioffe and Szegedy (2015), Laurent et al. (2016), Cooijmans et al. (2017); chapter 17.
    """
    check_array("x", x, ("T", "B", "H"))
    T, B, H = x.shape
    if min(x.shape) == 0:
        raise ValueError(f"x must have T >= 1, B >= 1 and H >= 1, got shape {x.shape}")
    check_array("weight", weight, (H,), like=x)
    check_array("bias", bias, (H,), like=x)
    check_choice("training", training, (True, False))
    check_choice("per_step", per_step, (True, False))
    _check_running(running, x, training, per_step)
    # A NumPy float64 would turn float32 arrays into float64; a Python float does not.
    momentum = float(check_number("momentum", momentum, at_least=0, at_most=1))
    eps = float(check_number("eps", eps, above=0))
    mask = np.ones((T, B, 1), bool) if lengths is None else length_mask(lengths, T, B)

    axes = (1,) if per_step else (0, 1)
    if training:
        n = mask.sum(axes, keepdims=True)
        if (n == 1).any():
            where = f" at step {int(np.argwhere(n == 1)[0, 0])}" if per_step else ""
            raise ValueError(f"x must have at least 2 values of each feature to take a variance over, got 1{where}")
        # A step that no sequence reaches has no statistics: 0 / 1 there, and its running averages stay.
        reached, n = n > 0, np.maximum(n, 1).astype(x.dtype)
        mean = (x * mask).sum(axes, keepdims=True) / n
        centred = (x - mean) * mask
        var = (centred * centred).sum(axes, keepdims=True) / n
        running = _moved(running, mean, var * (n / np.maximum(n - 1, 1)), reached, momentum)
    else:
        n = None
        mean, var = (s[np.minimum(np.arange(T), len(s) - 1), None] if per_step else s for s in running)
        centred = x - mean
    r = 1 / np.sqrt(var + eps)
    x_hat = centred * r
    return (weight * x_hat + bias) * mask, running, BatchNormCache(x_hat, r, n, mask, axes, weight)


def batch_norm_backward(dy: np.ndarray, cache: BatchNormCache) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    r"""Backward pass of `batch_norm_forward`.

    .. math::
        db = \sum dy, \qquad dw = \sum dy \odot \hat x, \qquad d\hat x = w \odot dy, \qquad
        dx = \frac{1}{\sqrt{\sigma^2 + \epsilon}}
        \Bigl( d\hat x - \frac{1}{n} \sum d\hat x - \hat x \, \frac{1}{n} \sum d\hat x \odot \hat x \Bigr)

    In evaluation mean and variance are constants, and the last two terms are absent. The running statistics are not
    differentiated.

    Args:
        dy: the loss's derivative by y, of shape (T, B, H).
        cache: what `batch_norm_forward` returned.

    Returns:
        dx, of shape (T, B, H), and a dict with `weight` (H,) and `bias` (H,).

    Raises:
        TypeError: another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: Ioffe and Szegedy (2015); chapter 17.
    """
    x_hat, r, n, mask, axes, weight = cache
    check_array("dy", dy, x_hat.shape, like=weight)
    dy = dy * mask
    grads = {"weight": (dy * x_hat).sum((0, 1)), "bias": dy.sum((0, 1))}
    dx_hat = dy * weight
    if n is None:
        return dx_hat * r, grads
    along = (dx_hat * x_hat).sum(axes, keepdims=True) / n
    return (dx_hat - dx_hat.sum(axes, keepdims=True) / n - x_hat * along) * r * mask, grads


def _moved(
    running: RunningStatistics, mean: np.ndarray, var: np.ndarray, reached: np.ndarray, momentum: float
) -> RunningStatistics:
    """The running statistics, moved towards a batch's wherever it reached."""
    moved = []
    for old, new in zip(running, (mean, var), strict=True):
        rows, new, on = old.reshape(-1, old.shape[-1]).copy(), new[:, 0], reached[:, 0]
        rows[: len(new)] = np.where(on, (1 - momentum) * rows[: len(new)] + momentum * new, rows[: len(new)])
        moved.append(rows.reshape(old.shape))
    return RunningStatistics(*moved)


def _check_running(running: RunningStatistics, x: np.ndarray, training: bool, per_step: bool) -> None:
    """Raise unless `running` has the shape that `per_step` wants, variances of at least 0, and steps enough."""
    if not isinstance(running, tuple) or len(running) != 2:
        raise TypeError(f"running must be RunningStatistics(mean, var), got {type(running).__name__}")
    T, _, H = x.shape
    check_array("running.mean", running[0], ("T_max", H) if per_step else (H,), like=x)
    check_array("running.var", running[1], running[0].shape, like=x)
    if (running[1] < 0).any():
        raise ValueError(f"running.var must be at least 0, got {running[1].min()}")
    if per_step and not len(running[0]) >= (T if training else 1):
        raise ValueError(f"running must have at least T={T} rows to train on x, got {len(running[0])}")
