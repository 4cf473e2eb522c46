"""Text from any model with the interface, a symbol at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from rnncourse._checks import check_number
from rnncourse.models._tensors import check_generator, check_id_tensor
from rnncourse.models.interface import Predictor
from rnncourse.models.scoring import log_probs
from rnncourse.models.truncation import check_choices, draw, truncated


def stream(
    model: Predictor,
    prompt: Tensor,
    length: int | None = None,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stop: int | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[int]:
    r"""Continue a prompt, giving each symbol as soon as it is drawn from `truncated`'s distribution.

    The last symbol and the model's state are all that is kept, so that with a model whose state does not grow the text
    may be endless. Put a network into evaluation mode first (`model.eval()`): here its mode is left as it is.

    Args:
        model: any model.
        prompt: symbols to read first, int64 of shape (T,), T at least 1, on the model's device.
        length: how many symbols at most. None: until `stop`, or without end.
        temperature: 0 always takes the likeliest (greedy).
        top_k: draw from the k likeliest. None: from all.
        top_p: draw from the fewest that have this probability together. None: from all.
        stop: a symbol that ends the text; it is the last one given. None: none does.
        generator: what is drawn with; may be None where temperature is 0.

    Yields:
        The symbols after the prompt, one by one.

    Raises:
        TypeError: an argument of another type; no generator where one is needed.
        ValueError: an empty prompt, a symbol or number out of range; scores that are NaN. Arguments are looked at when
            `stream` is called, not at the first symbol.

    Source: Graves (2013); `truncated` for its choices; chapter 07.
    """
    check_id_tensor("prompt", prompt, ("T",), model.vocab_size)
    if len(prompt) == 0:
        raise ValueError("prompt must hold at least one symbol, got none")
    options = _options(model, length, temperature, top_k, top_p, stop, generator)
    return _stream(model, prompt[:, None], length, stop, generator, options)


def generate(
    model: Predictor,
    prompts: Tensor | Sequence[Tensor],
    length: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stop: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Continue several prompts side by side; each symbol is drawn as `stream` draws it.

    Args:
        model: any model.
        prompts: symbols to read first, int64 of shape (T, B); or B tensors of shape (T_b,) whose lengths may differ:
            nothing is padded, a shorter prompt begins to be continued while a longer one is still being read.
        length: how many symbols for each at most, at least 0.
        temperature: as in `stream`.
        top_k: as in `stream`.
        top_p: as in `stream`.
        stop: a symbol that ends a text; what stands below it in the result is `stop` again.
        generator: as in `stream`. It gives B numbers a step, also for texts that have ended.

    Returns:
        The symbols without the prompts, int64 of shape (L, B): L is `length`, or less where all texts ended before.

    Raises:
        TypeError: an argument of another type; no generator where one is needed.
        ValueError: no or an empty prompt, a symbol or number out of range; scores that are NaN.

    Source: Graves (2013); `truncated` for its choices; chapter 07.
    """
    columns = _columns(prompts, model.vocab_size)
    check_number("length", length, at_least=0, integer=True)
    options = _options(model, length, temperature, top_k, top_p, stop, generator)
    lengths = torch.tensor([len(column) for column in columns])
    shortest, longest, B = int(lengths.min()), int(lengths.max()), len(columns)
    device = columns[0].device
    text = torch.full((longest + length, B), -1, device=device)
    for b, column in enumerate(columns):
        text[: len(column), b] = column
    ended = torch.zeros(B, dtype=torch.bool, device=device)
    state, start = model.initial_state(B), 0
    lengths = lengths.to(device)
    for t in range(shortest, longest + length):  # symbol t is drawn where no prompt has one
        drawn, state = _step(model, text[start:t], state, generator, options)
        drawn = drawn if stop is None else drawn.where(~ended, stop)
        text[t] = torch.where(t < lengths, text[t], drawn)
        start = t
        if stop is not None:
            ended |= (t >= lengths) & (drawn == stop)
            if ended.all():
                text[t + 1 :] = stop
                break
    new = text.gather(0, lengths + torch.arange(length, device=device)[:, None])
    return new if stop is None else new[: _until(new, stop)]


def _until(new: Tensor, stop: int) -> int:
    """How many rows there are up to the one where the last text ends."""
    running = (new != stop).any(1)
    return min(int(running.sum()) + 1, len(new))  # once ended, a text has `stop` alone


def _stream(
    model: Predictor,
    ids: Tensor,
    length: int | None,
    stop: int | None,
    generator: torch.Generator | None,
    options: dict,
) -> Iterator[int]:
    state, given = model.initial_state(1), 0
    while length is None or given < length:
        drawn, state = _step(model, ids, state, generator, options)
        symbol = int(drawn)
        yield symbol
        if symbol == stop:
            return
        ids, given = drawn[None], given + 1


@torch.no_grad()  # of each step alone: between them the caller's own setting holds
def _step(
    model: Predictor, ids: Tensor, state: object, generator: torch.Generator | None, options: dict
) -> tuple[Tensor, object]:
    """Read symbols of shape (T, B) and draw the next one of each text, of shape (B,)."""
    log_p, state = log_probs(model, ids, state)
    if options["temperature"] == 0:
        return log_p[-1].argmax(-1), state
    return draw(truncated(log_p[-1], **options), generator), state


def _options(
    model: Predictor,
    length: int | None,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    stop: int | None,
    generator: torch.Generator | None,
) -> dict:
    check_choices(model.vocab_size, temperature, top_k, top_p)
    if length is not None:
        check_number("length", length, at_least=0, integer=True)
    if stop is not None:
        check_number("stop", stop, at_least=0, below=model.vocab_size, integer=True)
    if generator is not None or temperature != 0:
        check_generator(generator)
    return {"temperature": temperature, "top_k": top_k, "top_p": top_p}


def _columns(prompts: Tensor | Sequence[Tensor], V: int) -> list[Tensor]:
    """The prompts, one tensor each."""
    if isinstance(prompts, Tensor):
        columns = list(check_id_tensor("prompts", prompts, ("T", "B"), V).unbind(1))
    elif isinstance(prompts, Sequence):
        columns = [check_id_tensor(f"prompts[{b}]", prompt, ("T",), V) for b, prompt in enumerate(prompts)]
    else:
        raise TypeError(f"prompts must be a tensor or a sequence of tensors, got {type(prompts).__name__}")
    if not columns or any(len(column) == 0 for column in columns):
        raise ValueError(
            f"prompts must be at least one, each of at least one symbol, got lengths {[len(c) for c in columns]}"
        )
    return columns
