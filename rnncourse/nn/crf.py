"""The linear-chain conditional random field as a module: a softmax over whole tag sequences."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .._checks import check_choice, check_number
from ..ops._tensors import check_lengths, check_tensor
from ._attend import check_mask


class CRF(nn.Module):
    r"""Scores of tag sequences: a network's scores of each tag at each step, and learned scores of each move.

    .. math::
        s(y) = a_{y_1} + \sum_{t=1}^{T} e_t(y_t) + \sum_{t=2}^{T} A_{y_{t-1} y_t} + b_{y_T}, \qquad
        p(y) = e^{s(y)} / Z, \qquad Z = \sum_{y'} e^{s(y')}

    Time comes first, as in all modules here: (T, B, K). Equations and the names of the weights, `transitions` A of
    shape (K, K), from row to column, `start_transitions` a and `end_transitions` b of shape (K,), are those of
    `rnncourse.reference.crf_forward`. All start at 0: then it is a softmax at each step alone. Forbid a move by a large
    negative number, such as -1e4, not by -inf.

    Args:
        num_tags: K.
        device: where the parameters are made.
        dtype: their dtype.

    Raises:
        TypeError: `num_tags` is no integer.
        ValueError: `num_tags` below 1.

    Source: Lafferty, McCallum and Pereira (2001); chapter 15.

    >>> crf = CRF(3)
    >>> emissions, tags = torch.zeros(5, 4, 3), torch.zeros(5, 4, dtype=torch.long)
    >>> round(crf(emissions, tags).item(), 4)  # 5 log 3: every sequence is as likely as any other
    5.4931
    >>> crf.decode(emissions)[0].shape, crf.marginals(emissions).shape
    (torch.Size([5, 4]), torch.Size([5, 4, 3]))
    """

    def __init__(self, num_tags: int, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_tags = K = check_number("num_tags", num_tags, at_least=1, integer=True)
        made = {"device": device, "dtype": dtype}
        self.transitions = nn.Parameter(torch.empty(K, K, **made))
        self.start_transitions = nn.Parameter(torch.empty(K, **made))
        self.end_transitions = nn.Parameter(torch.empty(K, **made))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set all scores to 0."""
        for p in self.parameters():
            nn.init.zeros_(p)

    def forward(
        self,
        emissions: Tensor,
        tags: Tensor,
        *,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
        reduction: str = "mean",
    ) -> Tensor:
        r"""Negative log-probability of the right tags, :math:`\ell = \log Z - s(y)`.

        Args:
            emissions: e, of shape (T, B, K): a network's output.
            tags: y, int64 in 0 … K - 1, of shape (T, B); beyond a sequence's length anything may stand, -1 too.
            lengths: integers of shape (B,), each in 1 … T: how many steps each sequence has. None: all have T.
            mask: the same as booleans of shape (T, B), True up to a sequence's length.
            reduction: "none" returns each sequence's loss, "sum" their sum, "mean" their mean over the batch.

        Returns:
            The loss: a number, or with "none" of shape (B,).

        Raises:
            TypeError: an argument of another type or dtype.
            ValueError: a wrong shape or an empty axis, a length out of range, a mask with a gap or without a step, a
                mask and lengths, an unknown reduction.
        """
        check_choice("reduction", reduction, ("none", "sum", "mean"))
        e, on = self._read(emissions, lengths, mask)
        if not isinstance(tags, Tensor) or tags.dtype != torch.int64:
            got = f"dtype {tags.dtype}" if isinstance(tags, Tensor) else type(tags).__name__
            raise TypeError(f"tags must be an int64 tensor of shape {tuple(on.shape)}, got {got}")
        if tags.shape != on.shape:
            raise ValueError(f"tags must have shape {tuple(on.shape)}, got {tuple(tags.shape)}")
        log_Z = torch.logsumexp(self._log_alpha(e, on)[-1] + self.end_transitions, 1)
        losses = log_Z - self._score(e, tags, on)
        return losses if reduction == "none" else losses.sum() if reduction == "sum" else losses.mean()

    @torch.no_grad()
    def decode(
        self, emissions: Tensor, *, lengths: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        r"""The tags of the highest score, by Viterbi's algorithm.

        .. math::
            v_1(j) = a_j + e_1(j), \qquad v_t(j) = \max_i \bigl( v_{t-1}(i) + A_{ij} \bigr) + e_t(j), \qquad
            \max_y s(y) = \max_j \bigl( v_T(j) + b_j \bigr)

        Args:
            emissions: e, of shape (T, B, K).
            lengths: as for a call.
            mask: as for a call.

        Returns:
            `tags`, int64 of shape (T, B), -1 beyond a sequence's length; `scores` of shape (B,). Of equal scores the
            tag with the smaller number wins. No gradients.

        Raises:
            TypeError: an argument of another type or dtype.
            ValueError: what a call refuses.
        """
        e, on = self._read(emissions, lengths, mask)
        K = self.num_tags
        v = self.start_transitions + e[0]
        stay = torch.arange(K, device=e.device).expand(len(v), K)  # where a sequence has ended, a tag points at itself
        before = []
        for t in range(1, len(e)):
            top, best = (v[:, :, None] + self.transitions).max(1)
            before.append(torch.where(on[t, :, None], best, stay))
            v = torch.where(on[t, :, None], top + e[t], v)
        scores, tag = (v + self.end_transitions).max(1)
        tags = [tag]
        for best in reversed(before):
            tags.append(best.gather(1, tags[-1][:, None]).squeeze(1))
        return torch.stack(tags[::-1]).where(on, -1), scores

    def marginals(self, emissions: Tensor, *, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        r"""Each tag's probability at each step, all other steps summed out, by the forward-backward algorithm.

        .. math::
            P(y_t = i) = \alpha_t(i)\, \beta_t(i) / Z, \qquad
            \beta_T(i) = e^{b_i}, \qquad \beta_t(i) = \sum_j e^{A_{ij} + e_{t+1}(j)} \beta_{t+1}(j)

        Args:
            emissions: e, of shape (T, B, K).
            lengths: as for a call.
            mask: as for a call.

        Returns:
            Of shape (T, B, K): sums to 1 over the tags, 0 beyond a sequence's length.

        Raises:
            TypeError: an argument of another type or dtype.
            ValueError: what a call refuses.
        """
        e, on = self._read(emissions, lengths, mask)
        log_alpha = self._log_alpha(e, on)
        log_beta = [self.end_transitions.expand_as(e[0])]
        for t in reversed(range(1, len(e))):
            back = torch.logsumexp(self.transitions + (e[t] + log_beta[-1])[:, None], 2)
            log_beta.append(torch.where(on[t, :, None], back, log_beta[-1]))
        return (log_alpha + torch.stack(log_beta[::-1])).softmax(2).masked_fill(~on[:, :, None], 0.0)

    def _log_alpha(self, e: Tensor, on: Tensor) -> Tensor:
        r"""Logarithms of :math:`\alpha_t(j) = \sum_i \alpha_{t-1}(i)\, e^{A_{ij} + e_t(j)}`, of shape (T, B, K).

        Beyond a sequence's end its last ones stand.
        """
        log_alpha = [self.start_transitions + e[0]]
        for t in range(1, len(e)):
            step = torch.logsumexp(log_alpha[-1][:, :, None] + self.transitions, 1) + e[t]
            log_alpha.append(torch.where(on[t, :, None], step, log_alpha[-1]))
        return torch.stack(log_alpha)

    def _score(self, e: Tensor, tags: Tensor, on: Tensor) -> Tensor:
        """Of shape (B,): s(y)."""
        y = tags.where(on, 0)
        last = y.gather(0, on.sum(0, keepdim=True) - 1)[0]
        emitted = e.gather(2, y[:, :, None]).squeeze(2).masked_fill(~on, 0.0)
        moved = self.transitions[y[:-1], y[1:]].masked_fill(~on[1:], 0.0)
        return emitted.sum(0) + moved.sum(0) + self.start_transitions[y[0]] + self.end_transitions[last]

    def _read(self, emissions: Any, lengths: Any, mask: Any) -> tuple[Tensor, Tensor]:
        """The emissions in the parameters' dtype, and which steps exist, booleans of shape (T, B)."""
        check_tensor("emissions", emissions, ("T", "B", self.num_tags), like=self.transitions)
        T, B, _ = emissions.shape
        if T == 0 or B == 0:
            raise ValueError(f"emissions must have T >= 1 and B >= 1, got shape {tuple(emissions.shape)}")
        if mask is not None:
            if lengths is not None:
                raise ValueError("mask and lengths say the same: give one of them, got both")
            lengths = check_mask(mask, T, B).sum(0)
            if not (mask[0].all() and (mask[1:] <= mask[:-1]).all()):
                raise ValueError("mask must be True from the first step to a sequence's last, got one with a gap")
        steps = torch.arange(T, device=emissions.device)[:, None]
        lengths = torch.full((B,), T) if lengths is None else check_lengths(lengths, T, B)
        return emissions.to(self.transitions.dtype), steps < lengths.to(emissions.device)

    def extra_repr(self) -> str:
        """The number of tags."""
        return f"{self.num_tags}"
