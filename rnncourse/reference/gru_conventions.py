r"""A GRU whose update gate means the opposite, without a change of what it computes.

Derived in chapter 12. The other difference between GRUs, whether the reset gate acts before or after the product, is
one of function: in general no choice of weights turns one into the other.
"""

from __future__ import annotations

import numpy as np

from ._parameters import negate_z, read_layers, write_layers
from .scan import Params


def flip_z(params: Params) -> dict[str, np.ndarray]:
    r"""The parameters of the same GRU under the other meaning of z.

    .. math:: z_t \odot h_{t-1} + (1 - z_t) \odot n_t, \quad z_t = \sigma(a_t)
        \qquad\text{is}\qquad
        (1 - z'_t) \odot h_{t-1} + z'_t \odot n_t, \quad z'_t = \sigma(-a_t)

    since :math:`1 - \sigma(a) = \sigma(-a)`: the rows of z change their sign, in the weights and in the biases. What
    `gru_forward` computes from `params` with one value of `z_keeps`, it computes from the result with the other. Twice
    is not at all: the second call gives back the first's argument, bit for bit.

    Args:
        params: a GRU's, of any number of layers and directions, gates in the order r, z, n.

    Returns:
        New arrays under the same names.

    Raises:
        TypeError: no mapping, no floating-point arrays, or different dtypes.
        ValueError: missing or unknown names, a wrong shape, NaN or infinity.

    Source: Cho et al. (2014) for the first form, Chung et al. (2014) for the second; chapter 12.

    >>> from rnncourse.reference import gru_forward, init_gru
    >>> rng = np.random.default_rng(0)
    >>> x, h_0, params = rng.normal(size=(5, 4, 2)), np.zeros((4, 3)), init_gru(rng, 2, 3)
    >>> one, other = gru_forward(x, h_0, params), gru_forward(x, h_0, flip_z(params), z_keeps=False)
    >>> np.allclose(one[0], other[0], rtol=0, atol=1e-12)
    True
    """
    return write_layers([negate_z(p) for p in layer] for layer in read_layers(params, "gru"))
