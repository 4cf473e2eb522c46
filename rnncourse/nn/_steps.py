"""From what a module is called with to (T, B, I), states and lengths, and back.

Batched or not, batch first or not, packed or not: what `torch.nn.RNN` and its sisters take, with their checks and the
types of their errors.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

State = tuple[Tensor, ...]
Hidden = Tensor | tuple[Tensor, Tensor] | None


class Layout(NamedTuple):
    """How the input lay: packed, or as a tensor with or without a batch, and where its batch axis was."""

    packed: PackedSequence | None
    batched: bool
    batch_first: bool


def to_steps(module: torch.nn.RNNBase, input: Tensor | PackedSequence, hx: Hidden, sizes: tuple[int, ...]) -> tuple:
    """Return x of shape (T, B, I), the state as a tuple of tensors (D L, B, size), lengths or None, and the layout.

    A packed batch stays in the order in which it was packed, the longest sequence first.

    Args:
        module: gives the checks, the number of layers and directions, and `batch_first`.
        input: what the module was called with.
        hx: the state before the first step; None: zeros.
        sizes: the width of each tensor of the state.
    """
    state = None
    if hx is not None:
        state = (hx,) if len(sizes) == 1 else (hx[0], hx[1])
    if isinstance(input, PackedSequence):
        data, batch_sizes = input.data, input.batch_sizes
        layout = Layout(input, True, False)
        if state is not None and input.sorted_indices is not None:
            state = tuple(s.index_select(1, input.sorted_indices) for s in state)
    else:
        if input.dim() not in (2, 3):
            raise ValueError(f"{type(module).__name__}: input must be 2D or 3D, got {input.dim()}D")
        data, batch_sizes = input, None
        batched = input.dim() == 3
        layout = Layout(None, batched, module.batch_first)
        if state is not None and any(s.dim() != input.dim() for s in state):
            raise RuntimeError(
                f"hx must be {input.dim()}D for {'batched' if batched else 'unbatched'} {input.dim()}D input, "
                f"got {', '.join(f'{s.dim()}D' for s in state)}"
            )
        if not batched:
            data = input.unsqueeze(0 if module.batch_first else 1)
            state = None if state is None else tuple(s.unsqueeze(1) for s in state)

    layers = module.num_layers * (2 if module.bidirectional else 1)
    if state is None:
        B = int(batch_sizes[0]) if batch_sizes is not None else data.size(0 if layout.batch_first else 1)
        state = tuple(data.new_zeros(layers, B, size) for size in sizes)
    module.check_forward_args(data, state if len(sizes) == 2 else state[0], batch_sizes)
    if any(s.dtype != data.dtype for s in state) and not torch.is_autocast_enabled(data.device.type):
        raise RuntimeError(f"hx must have dtype {data.dtype} like input, got {', '.join(str(s.dtype) for s in state)}")

    if batch_sizes is not None:
        x, lengths = pad_packed_sequence(PackedSequence(data, batch_sizes))
        return x, state, lengths, layout
    x = data.transpose(0, 1) if layout.batch_first else data
    if len(x) == 0:
        raise RuntimeError(f"input must have at least one step, got shape {tuple(input.shape)}")
    return x, state, None, layout


def from_steps(
    output: Tensor, state: State, lengths: Tensor | None, layout: Layout
) -> tuple[Tensor | PackedSequence, Hidden]:
    """Return output and final state in the input's layout, the state as a tensor or a pair."""
    if layout.packed is not None:
        _, batch_sizes, order, back = layout.packed
        packed = pack_padded_sequence(output, lengths)
        output = PackedSequence(packed.data, batch_sizes, order, back)
        if back is not None:
            state = tuple(s.index_select(1, back) for s in state)
    else:
        if layout.batch_first:
            output = output.transpose(0, 1)
        if not layout.batched:
            output = output.squeeze(0 if layout.batch_first else 1)
            state = tuple(s.squeeze(1) for s in state)
    return output, state[0] if len(state) == 1 else state
