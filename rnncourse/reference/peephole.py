r"""The LSTM whose gates look at the cell state through peepholes, one step of it with its derivative by hand.

Gers and Schmidhuber (2000); Gers, Schraudolph and Schmidhuber (2002). Derived in chapter 13.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._checks import check_array, check_choice, check_number, check_params
from ._gates import sigmoid
from .initialisers import pytorch_uniform
from .scan import Cell, Params, State, check_state

# A peephole's look at c, what flows back through it, and the gradient of its weight.
_LOOKS = {
    "diagonal": (lambda c, w: c * w, lambda da, w: da * w, lambda da, c: (da * c).sum(0)),
    "full": (lambda c, w: c @ w.T, lambda da, w: da @ w, lambda da, c: da.T @ c),
}


def peephole_lstm_cell(*, matrix: str = "diagonal", candidate: bool = False) -> Cell:
    r"""One step of the LSTM with peepholes, for `scan_forward`; its state is (h, c), its output h.

    .. math::
        i_t &= \sigma(W_{ii} x_t + b_{ii} + W_{hi} h_{t-1} + b_{hi} + w_{ci} \odot c_{t-1}) \\
        f_t &= \sigma(W_{if} x_t + b_{if} + W_{hf} h_{t-1} + b_{hf} + w_{cf} \odot c_{t-1}) \\
        g_t &= \tanh(W_{ig} x_t + b_{ig} + W_{hg} h_{t-1} + b_{hg}) \\
        c_t &= f_t \odot c_{t-1} + i_t \odot g_t \\
        o_t &= \sigma(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho} + w_{co} \odot c_t) \\
        h_t &= o_t \odot \tanh c_t

    The output gate comes last and sees the new :math:`c_t`. Each gate sees its own cell alone: that is how peepholes
    were published, for blocks of one cell, and the default. Two departures from it are there to be compared: full
    matrices :math:`W_{ci}, W_{cf}, W_{co}`, through which a gate sees all cells, and a candidate that looks too,
    :math:`g_t = \tanh(\dots + w_{cg} \odot c_{t-1})`.

    In the papers no error flows from a gate back into the cell through its peephole. Here it does: the gradient is the
    whole one.

    Args:
        matrix: "diagonal", weights of shape (H,), or "full", of shape (H, H).
        candidate: whether the candidate g looks at :math:`c_{t-1}` as well.

    Returns:
        The cell. Its parameters are those of an LSTM as `torch.nn.LSTM` has them, gates in the order i, f, g, o, and
        `weight_ci_l0`, `weight_cf_l0`, `weight_co_l0`, with `candidate` also `weight_cg_l0`.

    Raises:
        ValueError: an unknown matrix.
        TypeError: a candidate that is no bool.

    Source: Gers and Schmidhuber (2000), Gers et al. (2002); chapter 13.

    >>> from rnncourse.reference.scan import scan_forward
    >>> rng = np.random.default_rng(0)
    >>> state = np.zeros((4, 3)), np.zeros((4, 3))
    >>> output, _, _ = scan_forward(peephole_lstm_cell(), np.ones((5, 4, 2)), state, init_peephole_lstm(rng, 2, 3))
    >>> output.shape
    (5, 4, 3)
    """
    _check_options(matrix, candidate)
    look, look_back, look_grad = _LOOKS[matrix]

    def forward(x_t: np.ndarray, state: State, params: Params) -> tuple[np.ndarray, State, tuple]:
        h, c = state
        a = x_t @ params["weight_ih_l0"].T + params["bias_ih_l0"] + h @ params["weight_hh_l0"].T + params["bias_hh_l0"]
        a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)
        i = sigmoid(a_i + look(c, params["weight_ci_l0"]))
        f = sigmoid(a_f + look(c, params["weight_cf_l0"]))
        g = np.tanh(a_g + look(c, params["weight_cg_l0"]) if candidate else a_g)
        c_t = f * c + i * g
        o = sigmoid(a_o + look(c_t, params["weight_co_l0"]))
        h_t = o * np.tanh(c_t)
        return h_t, (h_t, c_t), (x_t, h, c, i, f, g, o, c_t, params)

    def backward(d_output: np.ndarray, d_state: State, cache: tuple) -> tuple[np.ndarray, State, dict[str, np.ndarray]]:
        x_t, h, c, i, f, g, o, c_t, params = cache
        tanh_c = np.tanh(c_t)
        dh = d_output + d_state[0]
        da_o = dh * tanh_c * o * (1 - o)
        # c_t reaches the loss through later steps, through h_t, and through the output gate's peephole.
        dc = d_state[1] + dh * o * (1 - tanh_c**2) + look_back(da_o, params["weight_co_l0"])
        da_g = dc * i * (1 - g**2)
        da_f = dc * c * f * (1 - f)
        da_i = dc * g * i * (1 - i)
        dc_before = dc * f + look_back(da_f, params["weight_cf_l0"]) + look_back(da_i, params["weight_ci_l0"])
        if candidate:
            dc_before = dc_before + look_back(da_g, params["weight_cg_l0"])

        da = np.concatenate([da_i, da_f, da_g, da_o], axis=1)
        db = da.sum(0)
        grads = {
            "weight_ih_l0": da.T @ x_t,
            "weight_hh_l0": da.T @ h,
            "bias_ih_l0": db,
            "bias_hh_l0": db,
            "weight_ci_l0": look_grad(da_i, c),
            "weight_cf_l0": look_grad(da_f, c),
            "weight_co_l0": look_grad(da_o, c_t),
        }
        if candidate:
            grads["weight_cg_l0"] = look_grad(da_g, c)
        return da @ params["weight_ih_l0"], (da @ params["weight_hh_l0"], dc_before), grads

    def check(x: np.ndarray, state: State, params: Params) -> None:
        check_state(state, ("hidden_size", "hidden_size"), x)
        H = state[0].shape[1]
        check_array("state[1]", state[1], (x.shape[1], H))
        check_params(params, _shapes(x.shape[2], H, matrix, candidate), x)

    return Cell(forward, backward, check)


def init_peephole_lstm(
    rng: np.random.Generator,
    input_size: int,
    hidden_size: int,
    dtype: Any = np.float64,
    *,
    matrix: str = "diagonal",
    candidate: bool = False,
) -> dict[str, np.ndarray]:
    r"""Parameters for `peephole_lstm_cell`, all from :math:`U(\pm 1/\sqrt{H})`, as `torch.nn.LSTM` draws its own.

    Args:
        rng: the generator to draw from.
        input_size: I, at least 1.
        hidden_size: H, at least 1.
        dtype: float32 or float64.
        matrix: "diagonal" or "full", as for the cell.
        candidate: whether the candidate has a peephole, as for the cell.

    Returns:
        `weight_ih_l0` (4H, I), `weight_hh_l0` (4H, H), `bias_ih_l0` and `bias_hh_l0` (4H,); `weight_ci_l0`,
        `weight_cf_l0`, `weight_co_l0` and with `candidate` `weight_cg_l0`, (H,) or (H, H).

    Raises:
        TypeError: a size that is no integer, another dtype, or a candidate that is no bool.
        ValueError: a size out of range, or an unknown matrix.

    Source: chapter 13.
    """
    check_number("input_size", input_size, at_least=1, integer=True)
    H = check_number("hidden_size", hidden_size, at_least=1, integer=True)
    _check_options(matrix, candidate)
    shapes = _shapes(input_size, H, matrix, candidate)
    return {name: pytorch_uniform(rng, shape, H, dtype) for name, shape in shapes.items()}


def _check_options(matrix: str, candidate: bool) -> None:
    check_choice("matrix", matrix, tuple(_LOOKS))
    if not isinstance(candidate, bool):
        raise TypeError(f"candidate must be True or False, got {candidate!r}")


def _shapes(I: int, H: int, matrix: str, candidate: bool) -> dict[str, tuple[int, ...]]:
    look = (H,) if matrix == "diagonal" else (H, H)
    return {
        "weight_ih_l0": (4 * H, I),
        "weight_hh_l0": (4 * H, H),
        "bias_ih_l0": (4 * H,),
        "bias_hh_l0": (4 * H,),
    } | {f"weight_c{gate}_l0": look for gate in ("ifog" if candidate else "ifo")}
