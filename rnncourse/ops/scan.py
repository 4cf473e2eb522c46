r"""Any step over time: the loop that all plain forms share, with sequences that end and units that are kept.

The counterpart of `rnncourse.reference.scan_forward`; autograd does the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ._tensors import Keep, State, check_keep, check_lengths, check_state, check_tensor

Step = Callable[[Tensor, State], State]


def scan(
    step: Step, a: Tensor, state: State, *, lengths: Tensor | None = None, keep: Keep = None
) -> tuple[Tensor, State]:
    r"""Run a step over a batch of sequences: :math:`\hat s_t = \mathrm{step}(a_t, s_{t-1})`, the output its first part.

    .. math::
        s_t = d_t \odot s_{t-1} + (1 - d_t) \odot \hat s_t

    where d is `keep`, zero without it. That is zoneout.

    Args:
        step: `(a_t, state) -> state`. A state is a tuple of tensors of shape (B, …), the first of them the output.
        a: what each step reads, of shape (T, B, …): the inputs, or better their products with a weight, which need not
            wait for a state and so are computed for all steps at once.
        state: the state before the first step.
        lengths: integers of shape (B,), each in 1 … T: how many steps each sequence has. After its end a sequence's
            output is zero and its state stays as it was. None: all have T steps.
        keep: one entry for each tensor of the state: the share of the old state that stays, a number for all, or a
            tensor of shape (T, B, size), in training of zeros and ones. None: nothing stays.

    Returns:
        `output`, of shape (T, B, …), and each sequence's last state.

    Raises:
        TypeError: an argument of another type.
        ValueError: a wrong shape, a length or a share out of range, no step.

    Source: chapter 11; zoneout is Krueger et al. (2017), chapter 18.
    """
    T, B = check_tensor("a", a, ("T", "B", "size")).shape[:2]
    if T == 0:
        raise ValueError(f"a must have T >= 1, got shape {tuple(a.shape)}")
    check_state(state, a, ["size"] * len(state) if isinstance(state, tuple) else [])
    mask = None if lengths is None else length_mask(lengths, T, B).to(a.device)
    if keep is not None:
        check_keep(keep, state, T)

    outputs = []
    for t, a_t in enumerate(a.unbind()):
        new = step(a_t, state)
        if keep is not None:
            new = tuple(_mixed(d, t, old, s) for d, old, s in zip(keep, state, new, strict=True))
        output_t = new[0]
        if mask is not None:
            output_t = torch.where(mask[t], output_t, 0)
            new = tuple(torch.where(mask[t], s, old) for s, old in zip(new, state, strict=True))
        outputs.append(output_t)
        state = new
    return torch.stack(outputs), state


def length_mask(lengths: Tensor, T: int, B: int) -> Tensor:
    r"""Whether step t lies within sequence b: :math:`m_{tb} = [t < \mathrm{lengths}_b]`, with t from 0.

    Args:
        lengths: integers of shape (B,), each in 1 … T.
        T: the number of steps of the longest sequence that fits.
        B: the number of sequences.

    Returns:
        Booleans of shape (T, B, 1), on the device of `lengths`.

    Raises:
        TypeError: not an integer tensor.
        ValueError: a wrong shape, or a length out of range.

    Source: chapter 03.

    >>> length_mask(torch.tensor([1, 3]), T=3, B=2)[:, :, 0].int()
    tensor([[1, 1],
            [0, 1],
            [0, 1]], dtype=torch.int32)
    """
    check_lengths(lengths, T, B)
    return (torch.arange(T, device=lengths.device)[:, None] < lengths)[:, :, None]


def turn(x: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Turn each sequence round within its own length; what lies behind its end stays where it is.

    Args:
        x: of shape (T, B, …).
        lengths: integers of shape (B,), each in 1 … T. None: all have T steps.

    Returns:
        Of the same shape. To turn twice is to leave alone.

    Raises:
        TypeError: an argument of another type.
        ValueError: a wrong shape, or a length out of range.

    Source: chapter 14.

    >>> turn(torch.tensor([[1.0], [2.0], [0.0]])[:, :, None], torch.tensor([2])).ravel()
    tensor([2., 1., 0.])
    """
    check_tensor("x", x, ("T", "B", "size"))
    if lengths is None:
        return x.flip(0)
    T, B = x.shape[:2]
    lengths = check_lengths(lengths, T, B).to(x.device)
    t = torch.arange(T, device=x.device)[:, None]
    return x[torch.where(t < lengths, lengths - 1 - t, t), torch.arange(B, device=x.device)]


def _mixed(d: Tensor | float, t: int, old: Tensor, new: Tensor) -> Tensor:
    if not isinstance(d, Tensor):
        return new if d == 0 else d * old + (1 - d) * new
    return d[t] * old + (1 - d[t]) * new
