r"""The GRU over whole sequences, forward and backward by hand, at speed: `gru_cell` under the scan, rearranged.

Cho et al. (2014). Derived in chapter 12; a test binds it to `gru_cell`, which says where papers and libraries differ.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._checks import check_array, check_choice, check_params, check_sequence, cotangent
from ._gates import blocks
from .gru import gru_shapes
from .masks import length_mask
from .scan import Params


class GRUCache(NamedTuple):
    r"""What `gru_backward` needs.

    `h[t]` is the state before step t, `h[t + 1]` the one after. `r, keep, n = gates`, each of shape (T, B, H), where
    `keep` is the share of the old state that stays, be it z or 1 - z; after a sequence's end they mean nothing. `u`, of
    shape (T, B, H), is :math:`W_{hn} h + b_{hn}` if r resets after the product, and :math:`r \odot h` if before.
    """

    x: np.ndarray
    h: np.ndarray
    gates: np.ndarray
    u: np.ndarray
    params: Params
    reset_after: bool
    z_keeps: bool
    mask: np.ndarray | None


def gru_forward(
    x: np.ndarray,
    h_0: np.ndarray,
    params: Params,
    *,
    reset_after: bool = True,
    z_keeps: bool = True,
    lengths: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, GRUCache]:
    r"""Run a GRU over a batch of sequences: `gru_cell` under the scan, faster.

    One product serves the inputs of all steps, and one tanh serves both gates, by
    :math:`\sigma(a) = \frac{1}{2} \tanh(\frac{a}{2}) + \frac{1}{2}`, where the inner half is put into the weights
    beforehand; so is the sign, since :math:`1 - \sigma(a) = \sigma(-a)`, where z is the candidate's share. Names and
    shapes are those of `torch.nn.GRU` with `batch_first=False` and one layer, and so are the defaults: gates in the
    order r, z, n, with z the old state's share and r applied after the product.

    Args:
        x: inputs, of shape (T, B, I).
        h_0: state before the first step, of shape (B, H).
        params: `weight_ih_l0` of shape (3H, I), `weight_hh_l0` of shape (3H, H), `bias_ih_l0` and `bias_hh_l0` of
            shape (3H,).
        reset_after: whether r multiplies after the product with W_hn; see `gru_cell`.
        z_keeps: whether z is the share of the old state; see `gru_cell`.
        lengths: integers of shape (B,), each in 1 … T: how many steps each sequence has. After its end a sequence's
            output is zero and its state stays as it was. None: all have T steps.

    Returns:
        `output`, of shape (T, B, H): h_1 … h_T (read-only, since the backward pass needs it);
        `h_n`, of shape (B, H): each sequence's last state (read-only too); `cache` for `gru_backward`. It holds no
        copies: change neither x nor params before the backward pass.

    Raises:
        TypeError: an argument of another type, or arrays of different dtypes.
        ValueError: a wrong shape, a length out of range, NaN or infinity, an option that is neither True nor False.

    Source: Cho et al. (2014); chapter 12.

    >>> from rnncourse.reference import init_gru
    >>> rng = np.random.default_rng(0)
    >>> output, h_n, cache = gru_forward(rng.normal(size=(5, 4, 2)), np.zeros((4, 3)), init_gru(rng, 2, 3))
    >>> output.shape, h_n.shape, cache.gates.shape
    ((5, 4, 3), (4, 3), (3, 5, 4, 3))
    """
    check_sequence(x)
    T, B, I = x.shape
    check_array("h_0", h_0, (B, "hidden_size"), like=x)
    H = h_0.shape[1]
    check_params(params, gru_shapes(I, H), x)
    check_choice("reset_after", reset_after, (True, False))
    check_choice("z_keeps", z_keeps, (True, False))
    mask = None if lengths is None else length_mask(lengths, T, B)

    # The gates' axis comes first: each gate in one piece is the fastest to go through.
    s = np.array([0.5, 0.5 if z_keeps else -0.5, 1], x.dtype)[:, None, None]
    W_ih = s * params["weight_ih_l0"].reshape(3, H, I)
    W_hh_T = np.ascontiguousarray((s * params["weight_hh_l0"].reshape(3, H, H)).transpose(0, 2, 1))
    b_ih, b_hh = s * params["bias_ih_l0"].reshape(3, 1, H), s * params["bias_hh_l0"].reshape(3, 1, H)
    b_hn = b_hh[2]

    gates = np.matmul(x.reshape(T * B, I), W_ih.transpose(0, 2, 1))
    gates[:2] += b_ih[:2] + b_hh[:2]
    gates[2] += b_ih[2] if reset_after else b_ih[2] + b_hn
    gates = gates.reshape(3, T, B, H)
    h, u = np.empty((T + 1, B, H), x.dtype), np.empty((T, B, H), x.dtype)
    h[0] = h_0
    for t in range(T):
        rz, (r, keep, n) = gates[:2, t], gates[:, t]
        if reset_after:
            Wh = h[t] @ W_hh_T
            rz += Wh[:2]
            np.add(Wh[2], b_hn, out=u[t])
        else:
            rz += h[t] @ W_hh_T[:2]
        np.tanh(rz, out=rz)
        rz *= 0.5
        rz += 0.5
        if reset_after:
            n += r * u[t]
        else:
            n += np.multiply(r, h[t], out=u[t]) @ W_hh_T[2]
        np.tanh(n, out=n)
        h[t + 1] = n + keep * (h[t] - n)
        if mask is not None:
            h[t + 1] = np.where(mask[t], h[t + 1], h[t])

    for kept in (h, gates, u):
        kept.flags.writeable = False
    output = h[1:] if mask is None else h[1:] * mask
    return output, h[T], GRUCache(x, h, gates, u, params, reset_after, z_keeps, mask)


def gru_backward(
    d_output: np.ndarray | None, d_h_n: np.ndarray | None, cache: GRUCache
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    r"""Backpropagation through time for `gru_forward`.

    With dv short for the loss's total derivative by v and :math:`u_t = W_{hn} h_{t-1} + b_{hn}`, from t = T down to 1,
    starting at dh_T = d_h_n:

    .. math::
        dh_t &\mathrel{+}= d\mathrm{output}_t, \qquad
        da_{n,t} = dh_t \odot (1 - z_t) \odot (1 - n_t^2), \qquad
        da_{z,t} = dh_t \odot (h_{t-1} - n_t) \odot z_t \odot (1 - z_t) \\
        du_t &= da_{n,t} \odot r_t, \qquad
        da_{r,t} = da_{n,t} \odot u_t \odot r_t \odot (1 - r_t) \\
        dh_{t-1} &= dh_t \odot z_t + W_{hr}^\top da_{r,t} + W_{hz}^\top da_{z,t} + W_{hn}^\top du_t

    With the reset before the product, :math:`u_t = r_t \odot h_{t-1}`, the second line and the last term are
    :math:`du_t = W_{hn}^\top da_{n,t}`, :math:`da_{r,t} = du_t \odot h_{t-1} \odot r_t \odot (1 - r_t)` and
    :math:`du_t \odot r_t`. If z is the candidate's share, put 1 - z for z and change the sign of :math:`da_z`. The
    biases differ at n alone: :math:`db_{in} = \sum_t da_{n,t}`, and with the reset after the product
    :math:`db_{hn} = \sum_t du_t`, :math:`dW_{hn} = \sum_t du_t h_{t-1}^\top`, with it before
    :math:`dW_{hn} = \sum_t da_{n,t} u_t^\top`. The factors beside dh and du depend on the forward pass alone: they are
    computed ahead, a block of steps at a time.

    Args:
        d_output: the loss's derivative by `output`, of shape (T, B, H). None: zero.
        d_h_n: the loss's derivative by `h_n`, of shape (B, H), in addition to what comes through `output`.
            None: zero.
        cache: what `gru_forward` returned.

    Returns:
        `dx` of shape (T, B, I); `dh_0` of shape (B, H); `grads`, the gradients under the keys of `params`.

    Raises:
        TypeError: an argument of another type, or another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: chapter 12.
    """
    x, h, gates, u, params, reset_after, z_keeps, mask = cache
    (T, B, I), H = x.shape, h.shape[2]
    d_output = cotangent("d_output", d_output, (T, B, H), x)
    dh = cotangent("d_h_n", d_h_n, (B, H), x)
    W_ih, W_hh = params["weight_ih_l0"], params["weight_hh_l0"]

    r, keep, _ = gates
    if mask is not None:  # a sequence that has ended hands dh on unchanged
        d_output = d_output * mask
        keep = np.where(mask, keep, 1)
    da, da_n = np.empty((T, B, 3, H), x.dtype), np.empty((T, B, H), x.dtype)
    da_by_gate = da.transpose(2, 0, 1, 3)  # a view: da_r, da_z, and du or da_n, whichever meets W_hn
    for steps in blocks(T, B * H):
        by = _factors(gates[:, steps], u[steps], h[steps], reset_after, z_keeps)
        if mask is not None:
            by *= mask[steps]
        for t in reversed(range(steps.start, steps.stop)):
            k = t - steps.start
            dh = dh + d_output[t]
            if reset_after:
                np.multiply(by[:3, k], dh, out=da_by_gate[:, t])
                np.multiply(by[3, k], dh, out=da_n[t])
                dh = dh * keep[t] + da[t].reshape(B, 3 * H) @ W_hh
            else:
                np.multiply(by[1:, k], dh, out=da_by_gate[1:, t])
                du = da_by_gate[2, t] @ W_hh[2 * H :]
                np.multiply(by[0, k], du, out=da_by_gate[0, t])
                dh = dh * keep[t] + du * r[t] + da[t, :, :2].reshape(B, 2 * H) @ W_hh[: 2 * H]

    # Sums over time and batch: one product each, after the loop.
    da, h_before = da.reshape(T * B, 3 * H), h[:-1].reshape(T * B, H)
    db_hh = da.sum(0)
    if reset_after:
        dW_hh = da.T @ h_before
        da[:, 2 * H :] = da_n.reshape(T * B, H)  # from here on da is what the inputs' products get
    else:
        dW_hh = np.concatenate([da[:, : 2 * H].T @ h_before, da[:, 2 * H :].T @ u.reshape(T * B, H)])
    grads = {
        "weight_ih_l0": da.T @ x.reshape(T * B, I),
        "weight_hh_l0": dW_hh,
        "bias_ih_l0": da.sum(0),
        "bias_hh_l0": db_hh,
    }
    return (da @ W_ih).reshape(T, B, I), dh, grads


def _factors(gates: np.ndarray, u: np.ndarray, h_before: np.ndarray, reset_after: bool, z_keeps: bool) -> np.ndarray:
    """What dh is multiplied by to give da_r, da_z, du, da_n.

    If r resets before the product: what du is to give da_r, and dh to give da_z, da_n.
    """
    r, keep, n = gates
    n_by = (1 - keep) * (1 - n * n)
    z_by = (h_before - n) * keep * (1 - keep)
    if not z_keeps:  # keep = sigma(-a_z)
        np.negative(z_by, out=z_by)
    if not reset_after:
        return np.stack([u * (1 - r), z_by, n_by])  # u = r h
    u_by = n_by * r
    return np.stack([u_by * u * (1 - r), z_by, u_by, n_by])
