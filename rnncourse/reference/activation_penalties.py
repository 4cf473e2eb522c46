r"""Penalties on what a recurrent layer computes: large outputs, abrupt changes, a distribution far from the normal.

Each is a mean without a coefficient; multiply loss and gradient by one and add them to the task's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array
from .cross_entropy import positions_mask


class PenaltyCache(NamedTuple):
    """What the backward passes of AR and TAR need: what is squared, zero where it does not count, and N H."""

    value: np.ndarray
    count: int


def ar_forward(output: np.ndarray, mask: np.ndarray | None = None) -> tuple[float, PenaltyCache]:
    r"""Activation regularisation, the mean square of the outputs.

    .. math::
        L = \frac{1}{N H} \sum_{t,b} m_{tb} \lVert h_{tb} \rVert^2, \qquad N = \sum_{t,b} m_{tb}

    Merity et al. apply it to the last layer's output after dropout.

    Args:
        output: h, of shape (T, B, H).
        mask: booleans of shape (T, B); False leaves a position (padding) out. None: all count.

    Returns:
        The penalty, and the cache for `ar_backward`.

    Raises:
        TypeError: output not floating point, mask not boolean.
        ValueError: a wrong shape, NaN or infinity, a mask without a True.

    Source: Merity, McCann and Socher (2017); chapter 18.
    """
    mask = _check(output, mask)
    value = np.where(mask[:, :, None], output, 0)
    count = int(mask.sum()) * output.shape[2]
    return float(np.square(value, dtype=np.float64).sum() / count), PenaltyCache(value, count)


def ar_backward(cache: PenaltyCache) -> np.ndarray:
    r"""The penalty's derivative by the output: :math:`dh_{tb} = \frac{2}{N H}\, m_{tb}\, h_{tb}`.

    Args:
        cache: what `ar_forward` returned.

    Returns:
        Of shape (T, B, H).

    Source: Merity, McCann and Socher (2017); chapter 18.
    """
    return 2 / cache.count * cache.value


def tar_forward(output: np.ndarray, mask: np.ndarray | None = None) -> tuple[float, PenaltyCache]:
    r"""Temporal activation regularisation, the mean square of the changes from one output to the next.

    .. math::
        L = \frac{1}{N H} \sum_{t < T,\, b} m_{tb}\, m_{t+1,b} \lVert h_{t+1,b} - h_{tb} \rVert^2, \qquad
        N = \sum_{t < T,\, b} m_{tb}\, m_{t+1,b}

    Without any two successive positions that count, as where T = 1, there is no change: the penalty is 0.

    Args:
        output: h, of shape (T, B, H).
        mask: booleans of shape (T, B); False leaves a position (padding) out. None: all count.

    Returns:
        The penalty, and the cache for `tar_backward`.

    Raises:
        TypeError: output not floating point, mask not boolean.
        ValueError: a wrong shape, NaN or infinity, a mask without a True.

    Source: Merity, McCann and Socher (2017); chapter 18.
    """
    mask = _check(output, mask)
    both = mask[1:] & mask[:-1]
    value = np.where(both[:, :, None], output[1:] - output[:-1], 0)
    count = max(int(both.sum()), 1) * output.shape[2]
    return float(np.square(value, dtype=np.float64).sum() / count), PenaltyCache(value, count)


def tar_backward(cache: PenaltyCache) -> np.ndarray:
    r"""The penalty's derivative by the output; each change pulls at both its ends.

    .. math::
        \delta_{tb} = m_{tb}\, m_{t+1,b}\, (h_{t+1,b} - h_{tb}), \qquad
        dh_{tb} = \frac{2}{N H} (\delta_{t-1,b} - \delta_{tb}), \qquad \delta_0 = \delta_T = 0

    Args:
        cache: what `tar_forward` returned.

    Returns:
        Of shape (T, B, H).

    Source: Merity, McCann and Socher (2017); chapter 18.
    """
    delta = 2 / cache.count * cache.value
    d_output = np.zeros((len(delta) + 1, *delta.shape[1:]), delta.dtype)
    d_output[1:] += delta
    d_output[:-1] -= delta
    return d_output


class StateKLCache(NamedTuple):
    """What `state_kl_backward` needs."""

    a: np.ndarray
    mask: np.ndarray
    mu: np.ndarray
    variance: np.ndarray


def state_kl_forward(a: np.ndarray, mask: np.ndarray | None = None) -> tuple[float, StateKLCache]:
    r"""How far each unit's pre-activations are from a standard normal: a KL divergence of their first two moments.

    .. math::
        \mu_j = \frac{1}{N} \sum_{t,b} m_{tb}\, a_{tbj}, \qquad
        \sigma_j^2 = \frac{1}{N} \sum_{t,b} m_{tb}\, (a_{tbj} - \mu_j)^2, \qquad N = \sum_{t,b} m_{tb} \\
        L = \frac{1}{H} \sum_j \mathrm{KL}\bigl( \mathcal{N}(\mu_j, \sigma_j^2) \,\|\, \mathcal{N}(0, 1) \bigr)
        = \frac{1}{2H} \sum_j \bigl( \sigma_j^2 + \mu_j^2 - 1 - \ln \sigma_j^2 \bigr)

    The variance is the biased one, over N and not N - 1. Moments are each unit's own, over all positions of the batch
    that count; units' correlations are not seen. It takes pre-activations, since the variance of a tanh's output is
    below 1.

    Args:
        a: pre-activations, of shape (T, B, H).
        mask: booleans of shape (T, B); False leaves a position (padding) out. None: all count.

    Returns:
        The mean over units in nats, and the cache for `state_kl_backward`.

    Raises:
        TypeError: a not floating point, mask not boolean.
        ValueError: a wrong shape, NaN or infinity, a mask without a True, a unit whose variance is zero.

    Source: Kullback and Leibler (1951) for the divergence; chapter 18.

    >>> state_kl_forward(np.array([[[-1.0]], [[1.0]]]))[0]  # mean 0, variance 1
    0.0
    """
    mask = _check(a, mask, "a")
    kept = a[mask].astype(np.float64)
    spread = np.ptp(kept, axis=0)  # exactly zero where nothing varies, which the variance may miss by rounding
    if not spread.all():
        j = int(spread.argmin())
        raise ValueError(f"a must vary within each unit, got {kept[0, j]} at all {len(kept)} positions of unit {j}")
    mu, variance = kept.mean(0), kept.var(0)
    loss = float((variance + mu**2 - 1 - np.log(variance)).mean() / 2)
    return loss, StateKLCache(a, mask, mu, variance)


def state_kl_backward(cache: StateKLCache) -> np.ndarray:
    r"""The loss's derivative by the pre-activations.

    .. math::
        d\mu_j = \frac{\mu_j}{H}, \qquad d\sigma_j^2 = \frac{1}{2H} \Bigl( 1 - \frac{1}{\sigma_j^2} \Bigr), \qquad
        da_{tbj} = \frac{m_{tb}}{N} \bigl( d\mu_j + 2 (a_{tbj} - \mu_j)\, d\sigma_j^2 \bigr)

    The mean inside the variance adds nothing: deviations from it sum to zero.

    Args:
        cache: what `state_kl_forward` returned.

    Returns:
        Of shape (T, B, H).

    Source: chapter 18.
    """
    a, mask, mu, variance = cache
    H = a.shape[2]
    d_mu, d_variance = mu / H, (1 - 1 / variance) / (2 * H)
    da = mask[:, :, None] / mask.sum() * (d_mu + 2 * (a - mu) * d_variance)
    return da.astype(a.dtype)


def _check(output: np.ndarray, mask: np.ndarray | None, name: str = "output") -> np.ndarray:
    """Raise unless output and mask fit together; return the mask, all True where None."""
    check_array(name, output, ("T", "B", "H"))
    T, B, H = output.shape
    if H == 0:
        raise ValueError(f"{name} must have H >= 1, got shape {output.shape}")
    return positions_mask(mask, T, B)
