"""Beam search over any model with the interface."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rnncourse import reference
from rnncourse._checks import check_number
from rnncourse.models._tensors import check_id_tensor
from rnncourse.models.interface import Predictor
from rnncourse.models.scoring import log_probs
from rnncourse.reference import Hypothesis


@torch.no_grad()
def beam_search(
    model: Predictor,
    prompt: Tensor,
    *,
    beam_size: int,
    max_length: int,
    stop: int | None = None,
    alpha: float = 0.0,
    penalty: str = "wu",
    n_best: int = 1,
) -> list[Hypothesis]:
    r"""The likeliest continuations of a prompt, as `rnncourse.reference.beam_search` finds and scores them.

    .. math::
        s(y) = \frac{\log P(y \mid \mathrm{prompt})}{\mathrm{lp}(|y|)}, \qquad
        \mathrm{lp}_{\mathrm{wu}}(n) = \Bigl( \frac{5 + n}{6} \Bigr)^{\alpha}, \qquad
        \mathrm{lp}_{\mathrm{plain}}(n) = n^{\alpha}

    The prompt is read once; then the beam's texts are read side by side, and `model.select` moves their states.

    Args:
        model: any model.
        prompt: symbols to read first, int64 of shape (T,), T at least 1, on the model's device.
        beam_size: how many texts are kept, at least 1. 1 is greedy.
        max_length: the greatest number of symbols, `stop` among them, at least 1.
        stop: the symbol that ends a text. None: none does, and all have `max_length` symbols.
        alpha: how strongly length is made up for, at least 0. 0: not at all.
        penalty: "wu" or "plain".
        n_best: how many to return, at least 1; fewer if the search did not meet so many.

    Returns:
        The best hypotheses, highest score first; their ids are without the prompt and with `stop`.

    Raises:
        TypeError: an argument of another type.
        ValueError: an empty prompt, a symbol or number out of range; scores that are NaN.

    Source: Sutskever, Vinyals and Le (2014); Wu et al. (2016), equation 14; chapters 07 and 23.
    """
    V = model.vocab_size
    check_id_tensor("prompt", prompt, ("T",), V)
    if len(prompt) == 0:
        raise ValueError("prompt must hold at least one symbol, got none")
    if stop is not None:
        check_number("stop", stop, at_least=0, below=V, integer=True)
    states = model.initial_state(1)
    if len(prompt) > 1:
        _, states = log_probs(model, prompt[:-1, None], states)

    # The search is the reference's. It moves an array of places, by which the model's states are then taken.
    def step(ids: np.ndarray, places: tuple[np.ndarray]) -> tuple[np.ndarray, tuple[np.ndarray]]:
        nonlocal states
        index, symbols = torch.from_numpy(places[0]), torch.from_numpy(ids.astype(np.int64))
        states = model.select(states, index.to(prompt.device))
        log_p, states = log_probs(model, symbols[None].to(prompt.device), states)
        scores = log_p[-1].cpu().numpy()
        if stop is None:  # one symbol more, an end that never comes
            scores = np.pad(scores, ((0, 0), (0, 1)), constant_values=-np.inf)
        return scores, (np.arange(len(ids)),)

    return reference.beam_search(
        step,
        (np.arange(1),),
        start=int(prompt[-1]),
        end=V if stop is None else stop,
        beam_size=beam_size,
        max_length=max_length,
        alpha=alpha,
        penalty=penalty,
        n_best=n_best,
    )
