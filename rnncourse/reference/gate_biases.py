r"""Biases that open an LSTM's forget gate: a constant, or the chrono initialisation.

At zero inputs and states a gate is :math:`\sigma(b)`, and what the cell holds fades as :math:`\sigma(b_f)^t`: it lasts
about :math:`1 / (1 - \sigma(b_f))` steps, which is 2 for the usual b_f near 0. Both functions take parameters under
`torch.nn.LSTM`'s names, packed i, f, g, o, of any number of layers and directions, and change the biases in place.
A gate's bias is the sum of two, so b goes into `bias_ih` and zero into `bias_hh`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from .._checks import check_array, check_mapping, check_number, check_rng

_BIAS_IH = re.compile(r"(?:.*\.)?bias_ih_l\d+(?:_reverse)?")


def set_forget_bias_(params: dict[str, np.ndarray], value: float = 1.0) -> None:
    r"""Set the forget gate's bias of every unit of an LSTM, in place.

    .. math::
        b_{if} = \mathrm{value}, \qquad b_{hf} = 0

    Args:
        params: the LSTM's, or a model's that holds one under a prefix ("rnn.bias_ih_l0"). The other arrays stay.
        value: the bias.

    Raises:
        TypeError: `params` holds a bias that is not a floating-point array, or `value` is not a number.
        ValueError: no biases of an LSTM, or such of another packing (a GRU's).

    Source: Gers, Schmidhuber and Cummins (2000); Jozefowicz, Zaremba and Sutskever (2015) for 1; chapter 11.

    >>> params = {"weight_hh_l0": np.zeros((4, 1)), "bias_ih_l0": np.zeros(4), "bias_hh_l0": np.full(4, 0.5)}
    >>> set_forget_bias_(params, 1.0)
    >>> params["bias_ih_l0"], params["bias_hh_l0"]
    (array([0., 1., 0., 0.]), array([0.5, 0. , 0.5, 0.5]))
    """
    check_number("value", value)
    for b_ih, b_hh, H in _biases(params):
        f = slice(H, 2 * H)
        b_ih[f], b_hh[f] = value, 0


def chrono_(rng: np.random.Generator, params: dict[str, np.ndarray], max_lag: float) -> None:
    r"""Chrono initialisation of an LSTM, in place: units that remember for all times up to the longest lag.

    .. math::
        b_f = \log u, \quad u \sim U(1, T_{max} - 1), \qquad b_i = -b_f

    for each unit by itself. Then :math:`1 / (1 - \sigma(b_f)) = 1 + u`: memories last from 2 to T_max steps, all times
    equally often, and the input gate admits as much as the forget gate lets go.

    Args:
        rng: the generator to draw from.
        params: as in `set_forget_bias_`.
        max_lag: T_max, the longest dependence to expect, at least 2.

    Raises:
        TypeError: `params` holds a bias that is not a floating-point array, or `max_lag` is not a number.
        ValueError: no biases of an LSTM, or such of another packing (a GRU's), or `max_lag` below 2.

    Source: Tallec and Ollivier (2018); chapter 11.
    """
    check_rng(rng)
    check_number("max_lag", max_lag, at_least=2)
    for b_ih, b_hh, H in _biases(params):
        i, f = slice(H), slice(H, 2 * H)
        b_f = np.log(rng.uniform(1, max_lag - 1, H))
        b_ih[f], b_hh[f] = b_f, 0
        b_ih[i], b_hh[i] = -b_f, 0


def _biases(params: dict[str, np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """For each layer and direction its two biases and H. All are checked before the first is yielded."""
    check_mapping("params", params)
    found = []
    for name in params:
        if _BIAS_IH.fullmatch(name):
            names = [name, name.replace("bias_ih_l", "bias_hh_l"), name.replace("bias_ih_l", "weight_hh_l")]
            if not set(names) <= set(params):
                raise ValueError(f"params must hold {', '.join(names)}, got {sorted(params)}")
            b_ih, b_hh, W_hh = (params[name] for name in names)
            check_array(f"params[{names[2]!r}]", W_hh, ("4 * hidden_size", "hidden_size or proj_size"))
            rows, P = W_hh.shape
            H = rows // 4
            # A GRU has three rows a column; its biases would be cut in the wrong places without a word.
            if rows != 4 * H or P > H:
                raise ValueError(
                    f"params[{names[2]!r}] must have shape (4 * H, H), or fewer columns with a projection (an LSTM), "
                    f"got {W_hh.shape}"
                )
            check_array(f"params[{names[0]!r}]", b_ih, (4 * H,), like=W_hh)
            check_array(f"params[{names[1]!r}]", b_hh, (4 * H,), like=W_hh)
            found.append((b_ih, b_hh, H))
    if not found:
        raise ValueError(f"params must hold an LSTM's bias_ih_l0, got {sorted(params)}")
    yield from found
