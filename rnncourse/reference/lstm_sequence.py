r"""The LSTM over whole sequences, forward and backward by hand, at speed: `lstm_cell` under the scan, rearranged.

Hochreiter and Schmidhuber (1997), with the forget gate of Gers, Schmidhuber and Cummins (2000) and, where asked for,
the projected state of Sak, Senior and Beaufays (2014). Derived in chapter 11; a test binds it to `lstm_cell`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_sequence, cotangent
from ._gates import blocks
from .lstm import check_lstm
from .masks import length_mask
from .scan import Params, State


class LSTMCache(NamedTuple):
    """What `lstm_backward` needs.

    `h[t]` and `c[t]` are the states before step t, `h[t + 1]` and `c[t + 1]` those after. `i, f, g, o = gates[t]`, each
    of shape (B, H); after a sequence's end they mean nothing.
    """

    x: np.ndarray
    h: np.ndarray
    c: np.ndarray
    gates: np.ndarray
    tanh_c: np.ndarray
    params: Params
    mask: np.ndarray | None


def lstm_forward(
    x: np.ndarray, state: State, params: Params, *, lengths: np.ndarray | None = None
) -> tuple[np.ndarray, State, LSTMCache]:
    r"""Run an LSTM over a batch of sequences: `lstm_cell` under the scan, faster.

    One product serves the inputs of all steps, and one exponential serves all gates:

    .. math:: \sigma(a) = \frac{1}{1 + e^{-a}}, \qquad \tanh(a) = 2 \sigma(2a) - 1.

    Conventions, names and shapes are those of `torch.nn.LSTM`
    with `batch_first=False` and one layer: gates in the order i, f, g, o.

    Args:
        x: inputs, of shape (T, B, I).
        state: (h_0, c_0), the states before the first step, of shapes (B, P) and (B, H); P = H without projection.
        params: `weight_ih_l0` of shape (4H, I), `weight_hh_l0` of shape (4H, P), `bias_ih_l0` and `bias_hh_l0` of
            shape (4H,); for a projection also `weight_hr_l0` of shape (P, H).
        lengths: integers of shape (B,), each in 1 … T: how many steps each sequence has. After its end a sequence's
            output is zero and its state stays as it was. None: all have T steps.

    Returns:
        `output`, of shape (T, B, P): h_1 … h_T (read-only, since the backward pass needs it);
        `(h_n, c_n)`, each sequence's last states (read-only too); `cache` for `lstm_backward`. It holds no copies:
        change neither x nor params before the backward pass.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, a length out of range, NaN or infinity.

    Source: Hochreiter and Schmidhuber (1997), Gers et al. (2000), Sak et al. (2014); chapter 11.

    >>> from rnncourse.reference import init_lstm
    >>> rng = np.random.default_rng(0)
    >>> state = np.zeros((4, 3)), np.zeros((4, 3))
    >>> output, (h_n, c_n), cache = lstm_forward(rng.normal(size=(5, 4, 2)), state, init_lstm(rng, 2, 3))
    >>> output.shape, h_n.shape, c_n.shape, cache.gates.shape
    ((5, 4, 3), (4, 3), (4, 3), (5, 4, 4, 3))
    """
    check_sequence(x)
    check_lstm(x, state, params)
    T, B, I = x.shape
    (h_0, c_0), W_hr = state, params.get("weight_hr_l0")
    P, H = h_0.shape[1], c_0.shape[1]
    mask = None if lengths is None else length_mask(lengths, T, B)

    # g = 2 sigma(2a) - 1: the exponents' signs and the 2 go into the weights.
    s = np.repeat(np.array([-1, -1, -2, -1], x.dtype), H)[:, None]
    W_ih, W_hh_T = s * params["weight_ih_l0"], np.ascontiguousarray((s * params["weight_hh_l0"]).T)
    b = s[:, 0] * (params["bias_ih_l0"] + params["bias_hh_l0"])

    Wx = x.reshape(T * B, I) @ W_ih.T
    Wx += b
    Wx = Wx.reshape(T, B, 4, H)
    gates = np.empty((T, 4, B, H), x.dtype)  # each gate of a step in one piece is the fastest to go through
    h, c, tanh_c = np.empty((T + 1, B, P), x.dtype), np.empty((T + 1, B, H), x.dtype), np.empty((T, B, H), x.dtype)
    h[0], c[0] = h_0, c_0
    with np.errstate(over="ignore", under="ignore"):  # exp(-a) = inf is a closed gate: 1 / (1 + inf) = 0
        for t in range(T):
            a = gates[t]
            np.add(Wx[t], (h[t] @ W_hh_T).reshape(B, 4, H), out=a.transpose(1, 0, 2))
            np.exp(a, out=a)
            a += 1
            np.reciprocal(a, out=a)
            i, f, g, o = a
            g *= 2
            g -= 1
            c_t = np.multiply(f, c[t], out=c[t + 1])
            c_t += i * g
            np.tanh(c_t, out=tanh_c[t])
            if W_hr is None:
                np.multiply(o, tanh_c[t], out=h[t + 1])
            else:
                np.matmul(o * tanh_c[t], W_hr.T, out=h[t + 1])
            if mask is not None:
                h[t + 1] = np.where(mask[t], h[t + 1], h[t])
                c[t + 1] = np.where(mask[t], c[t + 1], c[t])

    for kept in (h, c, gates, tanh_c):
        kept.flags.writeable = False
    output = h[1:] if mask is None else h[1:] * mask
    return output, (h[T], c[T]), LSTMCache(x, h, c, gates, tanh_c, params, mask)


def lstm_backward(
    d_output: np.ndarray | None, d_state: State | None, cache: LSTMCache
) -> tuple[np.ndarray, State, dict[str, np.ndarray]]:
    r"""Backpropagation through time for `lstm_forward`.

    With dv short for the loss's total derivative by v, from t = T down to 1, starting at the derivatives by the last
    states:

    .. math::
        dh_t &\mathrel{+}= d\mathrm{output}_t, \qquad dm_t = W_{hr}^\top dh_t, \qquad
        dc_t \mathrel{+}= dm_t \odot o_t \odot (1 - \tanh^2 c_t) \\
        da_{i,t} &= dc_t \odot g_t \odot i_t \odot (1 - i_t), \qquad
        da_{f,t} = dc_t \odot c_{t-1} \odot f_t \odot (1 - f_t) \\
        da_{g,t} &= dc_t \odot i_t \odot (1 - g_t^2), \qquad
        da_{o,t} = dm_t \odot \tanh c_t \odot o_t \odot (1 - o_t) \\
        dc_{t-1} &= dc_t \odot f_t, \qquad dh_{t-1} = W_{hh}^\top da_t

    and over all steps :math:`dW_{ih} = \sum_t da_t x_t^\top`, :math:`dW_{hh} = \sum_t da_t h_{t-1}^\top`,
    :math:`db_{ih} = db_{hh} = \sum_t da_t`, :math:`dW_{hr} = \sum_t dh_t m_t^\top`, :math:`dx_t = W_{ih}^\top da_t`.
    The factors beside dc and dm depend on the forward pass alone: they are computed ahead, a block of steps at a time.

    Args:
        d_output: the loss's derivative by `output`, of shape (T, B, P). None: zero.
        d_state: its derivatives by (h_n, c_n), in addition to what comes through `output`. None: zero.
        cache: what `lstm_forward` returned.

    Returns:
        `dx` of shape (T, B, I); `(dh_0, dc_0)` of shapes (B, P) and (B, H); `grads` under the keys of `params`.

    Raises:
        TypeError: an argument of another type, or another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: Graves and Schmidhuber (2005): the whole gradient, which the first papers cut off at the gates; chapter 11.
    """
    x, h, c, gates, tanh_c, params, mask = cache
    (T, B, I), P, H = x.shape, h.shape[2], c.shape[2]
    if d_state is None:
        d_state = (None, None)
    if not isinstance(d_state, tuple) or len(d_state) != 2:
        raise TypeError(f"d_state must be a tuple of 2 arrays, (dh_n, dc_n), got {type(d_state).__name__}")
    d_output = cotangent("d_output", d_output, (T, B, P), x)
    dh = cotangent("d_state[0]", d_state[0], (B, P), x)
    dc = cotangent("d_state[1]", d_state[1], (B, H), x)
    W_ih, W_hh, W_hr = params["weight_ih_l0"], params["weight_hh_l0"], params.get("weight_hr_l0")

    f, o = gates[:, 1], gates[:, 3]
    if mask is not None:  # a sequence that has ended hands dh and dc on unchanged
        d_output = d_output * mask
        f = np.where(mask, f, 1)
    da = np.empty((T, B, 4, H), x.dtype)
    da_by_gate = da.transpose(0, 2, 1, 3)  # a view
    dh_all = None if W_hr is None else np.empty((T, B, P), x.dtype)
    for steps in blocks(T, B * H):
        da_by, dc_by_dm = _factors(gates[steps], c[steps], tanh_c[steps])
        if mask is not None:
            da_by *= mask[steps, None]
            dc_by_dm *= mask[steps]
        for t in reversed(range(steps.start, steps.stop)):
            k = t - steps.start
            dh = dh + d_output[t]
            dm = dh if W_hr is None else dh @ W_hr
            dc = dc + dm * dc_by_dm[k]
            np.multiply(da_by[k, :3], dc, out=da_by_gate[t, :3])
            np.multiply(da_by[k, 3], dm, out=da_by_gate[t, 3])
            dc *= f[t]
            if W_hr is not None:
                dh_all[t] = dh
            dh_before = da[t].reshape(B, 4 * H) @ W_hh
            dh = dh_before if mask is None else np.where(mask[t], dh_before, dh)

    # Sums over time and batch: one product each, after the loop.
    da = da.reshape(T * B, 4 * H)
    db = da.sum(0)
    grads = {
        "weight_ih_l0": da.T @ x.reshape(T * B, I),
        "weight_hh_l0": da.T @ h[:-1].reshape(T * B, P),
        "bias_ih_l0": db,
        "bias_hh_l0": db.copy(),
    }
    if W_hr is not None:
        if mask is not None:
            dh_all *= mask
        grads["weight_hr_l0"] = dh_all.reshape(T * B, P).T @ (o * tanh_c).reshape(T * B, H)
    return (da @ W_ih).reshape(T, B, I), (dh, dc), grads


def _factors(gates: np.ndarray, c_before: np.ndarray, tanh_c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What dc (for i, f, g) and dm (for o) are multiplied by to give da, and what dm is to give its part of dc."""
    i, _, g, o = gates.transpose(1, 0, 2, 3)
    da_by = 1 - gates
    da_by *= gates
    np.subtract(1, g * g, out=da_by[:, 2])
    da_by[:, 0] *= g
    da_by[:, 1] *= c_before
    da_by[:, 2] *= i
    da_by[:, 3] *= tanh_c
    return da_by, o * (1 - tanh_c * tanh_c)
