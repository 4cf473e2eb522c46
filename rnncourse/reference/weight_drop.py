r"""Dropout on weights: whole rows of an embedding, or a recurrent matrix for all steps at once.

What `dropout` is for the numbers that flow through a network. Masks and their scale are the same:

- `embedding_dropout_forward`: a symbol's whole row shares a draw, so that the symbol is gone wherever it occurs.
- `weight_drop_forward`: the recurrent weights are dropped, once for all steps and sequences of the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .._checks import check_array, check_choice, check_mapping
from .dropout import DropoutCache, drop, dropout_backward
from .scan import Params


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
    return drop(weight, (len(weight), 1), p, rng, training)


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
        TypeError: a parameter not floating point, rng not a generator, p not a number, names no sequence.
        ValueError: a name that is not in params, a parameter that is no matrix, p outside [0, 1), NaN or infinity.

    Source: Wan et al. (2013), DropConnect; Merity, Keskar and Socher (2018) for recurrent weights; chapter 18.
    """
    check_mapping("params", params)
    if not isinstance(names, Sequence) or isinstance(names, str):
        raise TypeError(f"names must be a sequence of keys of params, got {names!r}")
    for k, name in enumerate(names):
        if name not in params:
            raise ValueError(f"names[{k}] must be a key of params, got {name!r}")
    check_choice("columns", columns, (True, False))
    dropped, cache = dict(params), {}
    for name in names:
        W = check_array(f"params[{name!r}]", params[name], ("rows", "columns"))
        dropped[name], cache[name] = drop(W, (1, W.shape[1]) if columns else W.shape, p, rng, training)
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
    check_mapping("grads", grads)
    if missing := [name for name in cache if name not in grads]:
        raise ValueError(f"grads must have the dropped parameters' keys, got none for {missing}")
    for name, part in cache.items():
        check_array(f"grads[{name!r}]", grads[name], part.x.shape, like=part.x)
    return dict(grads) | {name: dropout_backward(grads[name], part) for name, part in cache.items()}
