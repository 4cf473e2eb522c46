r"""Dropout in a recurrent network: what is dropped, and how often the mask is drawn anew.

Every kind multiplies by a mask whose entries are 0 with probability p and 1 / (1 - p) otherwise, so that the expected
value stays and nothing is rescaled in evaluation. They differ in which entries share a draw:

- `dropout_forward`: none. On a sequence, each step gets a mask of its own.
- `locked_dropout_forward`: all steps of a sequence.
- `embedding_dropout_forward`: all numbers of a symbol's row, so that the symbol is gone wherever it occurs.
- `weight_drop_forward`: the recurrent weights are dropped, once for all steps and sequences of the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._checks import check_array, check_number

Params = Mapping[str, np.ndarray]


class DropoutCache(NamedTuple):
    """What `dropout_backward` needs; no mask in evaluation."""

    x: np.ndarray
    mask: np.ndarray | None


def dropout_mask(rng: np.random.Generator, shape: tuple[int, ...], p: float, dtype: Any = np.float64) -> np.ndarray:
    r"""Independent entries: :math:`m_i = 0` with probability p, else :math:`1 / (1 - p)`, of mean 1.

    Args:
        rng: the generator to draw from; the draws do not depend on the dtype.
        shape: the mask's shape.
        p: the probability of 0, in [0, 1).
        dtype: float32 or float64.

    Returns:
        The mask.

    Raises:
        TypeError: rng is not a generator, p not a number.
        ValueError: p outside [0, 1).

    Source: Srivastava et al. (2014); chapter 18.
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, such as np.random.default_rng(0), got {rng!r}")
    check_number("p", p, at_least=0, below=1)
    return (rng.random(shape) >= p).astype(dtype) / np.dtype(dtype).type(1 - p)


def dropout_forward(
    x: np.ndarray, p: float, *, rng: np.random.Generator, training: bool = True
) -> tuple[np.ndarray, DropoutCache]:
    r"""Drop each entry by itself: :math:`o_i = m_i x_i`. On a sequence a new mask each step: naive dropout.

    Args:
        x: of any shape.
        p: the probability of being dropped, in [0, 1).
        rng: the generator to draw from.
        training: False returns x as it is and draws nothing.

    Returns:
        The output, of the shape of x, and the cache for `dropout_backward`.

    Raises:
        TypeError: x not floating point, rng not a generator, p not a number.
        ValueError: p outside [0, 1), NaN or infinity.

    Source: Srivastava et al. (2014), between layers Zaremba, Sutskever and Vinyals (2014); chapter 18.
    """
    check_array("x", x, getattr(x, "shape", ()))
    return _drop(x, x.shape, p, rng, training)


def locked_dropout_forward(
    x: np.ndarray, p: float, *, rng: np.random.Generator, training: bool = True
) -> tuple[np.ndarray, DropoutCache]:
    r"""Drop the same units of a sequence at all its steps: :math:`o_{tbh} = m_{bh} x_{tbh}`. Also variational dropout.

    Args:
        x: inputs or outputs of a recurrent layer, of shape (T, B, H).
        p: the probability of being dropped, in [0, 1).
        rng: the generator to draw from.
        training: False returns x as it is and draws nothing.

    Returns:
        The output, of shape (T, B, H), and the cache for `dropout_backward`.

    Raises:
        TypeError: x not floating point, rng not a generator, p not a number.
        ValueError: another shape, p outside [0, 1), NaN or infinity.

    Source: Gal and Ghahramani (2016); chapter 18.
    """
    check_array("x", x, ("T", "B", "H"))
    return _drop(x, (1, *x.shape[1:]), p, rng, training)


def embedding_dropout_forward(
    weight: np.ndarray, p: float, *, rng: np.random.Generator, training: bool = True
) -> tuple[np.ndarray, DropoutCache]:
    r"""Drop whole rows of an embedding, before it is looked up: :math:`W'_{ve} = m_v W_{ve}`.

    Args:
        weight: of shape (V, E).
        p: the probability of being dropped, in [0, 1).
        rng: the generator to draw from.
        training: False returns `weight` as it is and draws nothing.

    Returns:
        The weight for `embedding_forward`, of shape (V, E), and the cache for `dropout_backward`.

    Raises:
        TypeError: weight not floating point, rng not a generator, p not a number.
        ValueError: another shape, p outside [0, 1), NaN or infinity.

    Source: Gal and Ghahramani (2016), section 4.2; chapter 18.
    """
    check_array("weight", weight, ("V", "E"))
    return _drop(weight, (len(weight), 1), p, rng, training)


def dropout_backward(d_output: np.ndarray, cache: DropoutCache) -> np.ndarray:
    r"""What was dropped gets no gradient: :math:`dx_i = m_i\, do_i`. The backward pass of all that is dropped above.

    Args:
        d_output: the loss's derivative by the output, of its shape.
        cache: what the forward pass returned.

    Returns:
        `dx`, of the same shape.

    Raises:
        TypeError: another dtype than the forward pass had.
        ValueError: a wrong shape, NaN or infinity.

    Source: chapter 18.
    """
    check_array("d_output", d_output, cache.x.shape, like=cache.x)
    return d_output if cache.mask is None else d_output * cache.mask


def weight_drop_forward(
    params: Params,
    p: float,
    *,
    names: Sequence[str] = ("weight_hh_l0",),
    columns: bool = False,
    rng: np.random.Generator,
    training: bool = True,
) -> tuple[dict[str, np.ndarray], dict[str, DropoutCache]]:
    r"""Drop recurrent weights before the sequence is run: :math:`W'_{hh} = M \odot W_{hh}`.

    One mask serves all steps, so that any recurrence can be run on the dropped parameters as it is. With whole columns
    dropped, :math:`W'_{hh} = W_{hh}\, \mathrm{diag}(m)`, every gate reads the same state with the same units missing:
    the recurrent mask of Gal and Ghahramani, except that the sequences of a batch share it.

    Args:
        params: arrays by name.
        p: the probability of being dropped, in [0, 1).
        names: which of them to drop from; matrices, drawn for in this order.
        columns: whether a draw drops a whole column, that is a unit of the old state, or a single weight.
        rng: the generator to draw from.
        training: False drops and draws nothing.

    Returns:
        The parameters, new arrays under `names` and the same arrays otherwise; the cache for `weight_drop_backward`.

    Raises:
        TypeError: a parameter not floating point, rng not a generator, p not a number.
        ValueError: a name that is not in params, a parameter that is no matrix, p outside [0, 1), NaN or infinity.

    Source: Wan et al. (2013), DropConnect; Merity, Keskar and Socher (2018) for recurrent weights; chapter 18.
    """
    if missing := [name for name in names if name not in params]:
        raise ValueError(f"names must be keys of params, got {missing}")
    dropped, cache = dict(params), {}
    for name in names:
        W = check_array(f"params[{name!r}]", params[name], ("rows", "columns"))
        dropped[name], cache[name] = _drop(W, (1, W.shape[1]) if columns else W.shape, p, rng, training)
    return dropped, cache


def weight_drop_backward(grads: Params, cache: Mapping[str, DropoutCache]) -> dict[str, np.ndarray]:
    r"""From gradients by the dropped parameters to those by the parameters: :math:`dW_{hh} = M \odot dW'_{hh}`.

    Args:
        grads: what the recurrence's backward pass returned, on the dropped parameters.
        cache: what `weight_drop_forward` returned.

    Returns:
        Gradients under the same keys.

    Raises:
        TypeError: another dtype than the forward pass had.
        ValueError: a missing gradient, a wrong shape, NaN or infinity.

    Source: Merity, Keskar and Socher (2018); chapter 18.
    """
    if missing := [name for name in cache if name not in grads]:
        raise ValueError(f"grads must have the dropped parameters' keys, got none for {missing}")
    return dict(grads) | {name: dropout_backward(grads[name], part) for name, part in cache.items()}


def _drop(
    x: np.ndarray, shape: tuple[int, ...], p: float, rng: np.random.Generator, training: bool
) -> tuple[np.ndarray, DropoutCache]:
    if not training:
        check_number("p", p, at_least=0, below=1)
        return x, DropoutCache(x, None)
    mask = dropout_mask(rng, shape, p, x.dtype)
    return x * mask, DropoutCache(x, mask)
