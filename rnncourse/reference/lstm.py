r"""Long short-term memory, forward and backward by hand: one step as a cell, and the whole sequence at speed.

Hochreiter and Schmidhuber (1997), with the forget gate of Gers, Schmidhuber and Cummins (2000) and, where asked for,
the projected state of Sak, Senior and Beaufays (2014). Derived in chapter 11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from .._checks import check_array, check_number, check_params, check_sequence, cotangent
from ._gates import blocks, sigmoid
from .initialisers import pytorch_uniform
from .masks import length_mask
from .scan import Cell, Params, State, check_state


def lstm_cell() -> Cell:
    r"""One step of the LSTM, for `scan_forward`; its state is (h, c).

    .. math::
        i_t &= \sigma(W_{ii} x_t + b_{ii} + W_{hi} h_{t-1} + b_{hi}), \qquad
        f_t = \sigma(W_{if} x_t + b_{if} + W_{hf} h_{t-1} + b_{hf}) \\
        g_t &= \tanh(W_{ig} x_t + b_{ig} + W_{hg} h_{t-1} + b_{hg}), \qquad
        o_t = \sigma(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho}) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot g_t, \qquad
        m_t = o_t \odot \tanh c_t, \qquad h_t = W_{hr} m_t

    Without `weight_hr_l0` there is no projection: :math:`h_t = m_t`. The output is :math:`h_t`.

    Returns:
        The cell; its parameters are those of `lstm_forward`.

    Source: Hochreiter and Schmidhuber (1997), Gers et al. (2000), Sak et al. (2014); chapter 11.
    """

    def forward(x_t: np.ndarray, state: State, params: Params) -> tuple[np.ndarray, State, tuple]:
        h, c = state
        a = x_t @ params["weight_ih_l0"].T + params["bias_ih_l0"] + h @ params["weight_hh_l0"].T + params["bias_hh_l0"]
        a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)
        i = sigmoid(a_i)
        f = sigmoid(a_f)
        g = np.tanh(a_g)
        o = sigmoid(a_o)
        c_t = f * c + i * g
        m_t = o * np.tanh(c_t)
        h_t = m_t @ params["weight_hr_l0"].T if "weight_hr_l0" in params else m_t
        return h_t, (h_t, c_t), (x_t, h, c, i, f, g, o, c_t, m_t, params)

    def backward(d_output: np.ndarray, d_state: State, cache: tuple) -> tuple[np.ndarray, State, dict[str, np.ndarray]]:
        x_t, h, c, i, f, g, o, c_t, m_t, params = cache
        dh = d_output + d_state[0]
        grads = {}
        dm = dh
        if "weight_hr_l0" in params:
            grads["weight_hr_l0"] = dh.T @ m_t
            dm = dh @ params["weight_hr_l0"]
        tanh_c = np.tanh(c_t)
        do = dm * tanh_c
        dc = d_state[1] + dm * o * (1 - tanh_c**2)
        di, dg = dc * g, dc * i
        df = dc * c
        da = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=1)
        db = da.sum(0)
        grads |= {"weight_ih_l0": da.T @ x_t, "weight_hh_l0": da.T @ h, "bias_ih_l0": db, "bias_hh_l0": db}
        return da @ params["weight_ih_l0"], (da @ params["weight_hh_l0"], dc * f), grads

    return Cell(forward, backward, _check)


class LSTMCache(NamedTuple):
    """What `lstm_backward` needs.

    `h[t]` and `c[t]` are the states before step t, `h[t + 1]` and `c[t + 1]` those after. `i, f, g, o = gates`, each of
    shape (T, B, H); after a sequence's end they mean nothing.
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

    One product serves the inputs of all steps, and one tanh serves all gates: with s = 1/2 for i, f, o and s = 1 for g,

    .. math:: \mathrm{gate} = s \tanh(s a) + (1 - s),

    where the inner s is put into the weights beforehand. Conventions, names and shapes are those of `torch.nn.LSTM`
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

    >>> rng = np.random.default_rng(0)
    >>> state = np.zeros((4, 3)), np.zeros((4, 3))
    >>> output, (h_n, c_n), cache = lstm_forward(rng.normal(size=(5, 4, 2)), state, init_lstm(rng, 2, 3))
    >>> output.shape, h_n.shape, c_n.shape, cache.gates.shape
    ((5, 4, 3), (4, 3), (4, 3), (4, 5, 4, 3))
    """
    check_sequence(x)
    _check(x, state, params)
    T, B, I = x.shape
    (h_0, c_0), W_hr = state, params.get("weight_hr_l0")
    P, H = h_0.shape[1], c_0.shape[1]
    mask = None if lengths is None else length_mask(lengths, T, B)

    # The gates' axis comes first: each gate in one piece is the fastest to go through.
    s = np.array([0.5, 0.5, 1, 0.5], x.dtype)[:, None, None]
    W_ih = s * params["weight_ih_l0"].reshape(4, H, I)
    W_hh_T = np.ascontiguousarray((s * params["weight_hh_l0"].reshape(4, H, P)).transpose(0, 2, 1))
    b = s * (params["bias_ih_l0"] + params["bias_hh_l0"]).reshape(4, 1, H)

    gates = np.matmul(x.reshape(T * B, I), W_ih.transpose(0, 2, 1))
    gates += b
    gates = gates.reshape(4, T, B, H)
    h, c, tanh_c = np.empty((T + 1, B, P), x.dtype), np.empty((T + 1, B, H), x.dtype), np.empty((T, B, H), x.dtype)
    h[0], c[0] = h_0, c_0
    shift = 1 - s
    for t in range(T):
        a = gates[:, t]
        a += h[t] @ W_hh_T
        np.tanh(a, out=a)
        a *= s
        a += shift
        i, f, g, o = a
        c_t = np.multiply(f, c[t], out=c[t + 1])
        c_t += i * g
        m_t = o * np.tanh(c_t, out=tanh_c[t])
        h[t + 1] = m_t if W_hr is None else m_t @ W_hr.T
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

    _, f, _, o = gates
    if mask is not None:  # a sequence that has ended hands dh and dc on unchanged
        d_output = d_output * mask
        f = np.where(mask, f, 1)
    da = np.empty((T, B, 4, H), x.dtype)
    da_by_gate = da.transpose(2, 0, 1, 3)  # a view
    dh_all = None if W_hr is None else np.empty((T, B, P), x.dtype)
    for steps in blocks(T, B * H):
        da_by, dc_by_dm = _factors(gates[:, steps], c[steps], tanh_c[steps])
        if mask is not None:
            da_by *= mask[steps]
            dc_by_dm *= mask[steps]
        for t in reversed(range(steps.start, steps.stop)):
            k = t - steps.start
            dh = dh + d_output[t]
            dm = dh if W_hr is None else dh @ W_hr
            dc = dc + dm * dc_by_dm[k]
            np.multiply(da_by[:3, k], dc, out=da_by_gate[:3, t])
            np.multiply(da_by[3, k], dm, out=da_by_gate[3, t])
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
    i, _, g, o = gates
    da_by = 1 - gates
    da_by *= gates
    np.subtract(1, g * g, out=da_by[2])
    da_by[0] *= g
    da_by[1] *= c_before
    da_by[2] *= i
    da_by[3] *= tanh_c
    return da_by, o * (1 - tanh_c * tanh_c)


def init_lstm(
    rng: np.random.Generator,
    input_size: int,
    hidden_size: int,
    dtype: Any = np.float64,
    *,
    proj_size: int = 0,
    forget_bias: float | None = None,
) -> dict[str, np.ndarray]:
    r"""Parameters for `lstm_forward`, drawn as `torch.nn.LSTM` draws them: all from :math:`U(\pm 1/\sqrt{H})`.

    Args:
        rng: the generator to draw from.
        input_size: I, at least 1.
        hidden_size: H, at least 1.
        dtype: float32 or float64.
        proj_size: P, below H; 0 for no projection.
        forget_bias: what the forget gate's two biases add up to: it is written into `bias_ih_l0`, and that part of
            `bias_hh_l0` is zero. All else is drawn as without it. None: both as drawn.

    Returns:
        `weight_ih_l0` (4H, I), `weight_hh_l0` (4H, P or H), `bias_ih_l0` and `bias_hh_l0` (4H,), and with a projection
        `weight_hr_l0` (P, H).

    Raises:
        TypeError: a size that is no integer, or another dtype.
        ValueError: a size out of range, or a forget bias that is not finite.

    Source: Gers et al. (2000), Jozefowicz et al. (2015) for the forget bias; chapter 11.
    """
    check_number("input_size", input_size, at_least=1, integer=True)
    H = check_number("hidden_size", hidden_size, at_least=1, integer=True)
    P = check_number("proj_size", proj_size, at_least=0, below=H, integer=True)
    shapes = _shapes(input_size, H, P or None)
    params = {name: pytorch_uniform(rng, shape, H, dtype) for name, shape in shapes.items()}
    if forget_bias is not None:
        params["bias_ih_l0"][H : 2 * H] = check_number("forget_bias", forget_bias)
        params["bias_hh_l0"][H : 2 * H] = 0
    return params


def _shapes(I: int, H: int, P: int | None) -> dict[str, tuple[int, ...]]:
    """The parameters' shapes; P is None where there is no projection."""
    shapes = {
        "weight_ih_l0": (4 * H, I),
        "weight_hh_l0": (4 * H, H if P is None else P),
        "bias_ih_l0": (4 * H,),
        "bias_hh_l0": (4 * H,),
    }
    return shapes if P is None else shapes | {"weight_hr_l0": (P, H)}


def _check(x: np.ndarray, state: State, params: Params) -> None:
    """Raise unless state and parameters fit x."""
    if not isinstance(state, tuple):
        raise TypeError(f"state must be a tuple of arrays, (h_0, c_0), got {type(state).__name__}")
    projected = isinstance(params, Mapping) and "weight_hr_l0" in params
    check_state(state, ("proj_size" if projected else "hidden_size", "hidden_size"), x)
    P, H = (s.shape[1] for s in state)
    if not projected:
        check_array("state[0]", state[0], (x.shape[1], H))
    check_params(params, _shapes(x.shape[2], H, P if projected else None), x)
