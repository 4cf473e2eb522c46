"""What every cell must show, against one step written in torch for one sequence and run in the plainest of loops."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnncourse.reference import gradcheck
from rnncourse.reference.scan import scan_backward, scan_forward
from tests.tolerances import FINITE_DIFFERENCES, FLOAT32, FLOAT64, assert_close

# Distinct sizes, so that a transposed or swapped axis cannot fit by chance: T, B, I, H.
SIZES = {
    "ordinary": (5, 4, 2, 3),
    "one-step": (1, 4, 2, 3),
    "one-sequence": (6, 1, 3, 2),
    "one-unit": (4, 3, 2, 1),
    "one-input": (4, 2, 1, 5),
    "all-one": (1, 1, 1, 1),
    "long": (30, 2, 3, 7),
}


class Case:
    """Random inputs, state, parameters, and cotangents for the outputs and for the final state.

    Args:
        init: `(rng, I, H, dtype) -> params`.
        state_sizes: `(I, H) -> (size, …)`, the width of each array of the state.
        size: T, B, I, H.
        output_size: `(I, H) -> width of an output`; the default is H.
    """

    def __init__(self, init, state_sizes, size, *, output_size=None, seed=0, dtype=np.float64):
        T, B, I, H = size
        rng = np.random.default_rng(seed)
        self.x = rng.standard_normal((T, B, I)).astype(dtype)
        self.state = tuple(rng.standard_normal((B, n)).astype(dtype) for n in state_sizes(I, H))
        self.params = init(rng, I, H, dtype)
        width = H if output_size is None else output_size(I, H)
        self.d_output = rng.standard_normal((T, B, width)).astype(dtype)
        self.d_state = tuple(rng.standard_normal(s.shape).astype(dtype) for s in self.state)

    @property
    def leaves(self):
        """All that a gradient is asked for, by name."""
        return {"x": self.x, **{f"state[{k}]": s for k, s in enumerate(self.state)}, **self.params}


def scanned(cell, case, lengths=None):
    """Values and gradients by the cell under the scan."""
    output, state, cache = scan_forward(cell, case.x, case.state, case.params, lengths=lengths)
    dx, d_state, grads = scan_backward(case.d_output, case.d_state, cache)
    values = {"output": output, **{f"final[{k}]": s for k, s in enumerate(state)}}
    return values | {"x": dx, **{f"state[{k}]": d for k, d in enumerate(d_state)}, **grads}


def naive(step, case, lengths=None):
    """The same by `step(x_t, state, params) -> output_t, state` on vectors of one sequence, and torch's autograd."""
    leaves = {name: torch.tensor(a, requires_grad=True) for name, a in case.leaves.items()}
    params = {name: leaves[name] for name in case.params}
    T, B, _ = case.x.shape
    outputs, finals = [], []
    for b in range(B):
        state, steps = tuple(leaves[f"state[{k}]"][b] for k in range(len(case.state))), []
        for t in range(T):
            if lengths is None or t < lengths[b]:
                output, state = step(leaves["x"][t, b], state, params)
            else:
                output = torch.zeros(case.d_output.shape[2:], dtype=leaves["x"].dtype)
            steps.append(output)
        outputs.append(torch.stack(steps))
        finals.append(state)
    output = torch.stack(outputs, 1)
    final = tuple(torch.stack(parts) for parts in zip(*finals, strict=True))
    loss = (output * torch.from_numpy(case.d_output)).sum()
    loss = loss + sum((s * torch.from_numpy(d)).sum() for s, d in zip(final, case.d_state, strict=True))
    grads = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    values = {"output": output.detach().numpy(), **{f"final[{k}]": s.detach().numpy() for k, s in enumerate(final)}}
    found = zip(leaves.items(), grads, strict=True)
    return values | {n: (torch.zeros_like(leaf) if g is None else g).numpy() for (n, leaf), g in found}


def assert_same(ours, theirs, tolerance):
    """Fail unless both hold the same names and every array is within the tolerance."""
    assert set(ours) == set(theirs)
    for name in theirs:
        assert_close(ours[name], theirs[name], tolerance, name)


def check_cell(cell, step, init, state_sizes, *, output_size=None):
    """Every size, lengths, float32 and central differences; call it once for each variant of a cell."""
    draw = lambda size, **options: Case(init, state_sizes, size, output_size=output_size, **options)  # noqa: E731
    for seed, size in enumerate(SIZES.values()):
        case = draw(size, seed=seed)
        assert_same(scanned(cell, case), naive(step, case), FLOAT64)
    case, lengths = draw((6, 4, 2, 3), seed=20), np.array([6, 1, 4, 5])
    assert_same(scanned(cell, case, lengths), naive(step, case, lengths), FLOAT64)
    case = draw((5, 4, 2, 3), seed=21, dtype=np.float32)
    ours = scanned(cell, case)
    assert {a.dtype for a in ours.values()} == {np.dtype(np.float32)}
    assert_same(ours, naive(step, case), FLOAT32)
    check_differences(cell, draw((4, 3, 2, 5), seed=22), np.array([4, 2, 1]))


def check_differences(cell, case, lengths=None):
    """The cell's gradients against central differences."""

    def loss():
        output, state, _ = scan_forward(cell, case.x, case.state, case.params, lengths=lengths)
        return float(
            (output * case.d_output).sum() + sum((s * d).sum() for s, d in zip(state, case.d_state, strict=True))
        )

    gradcheck(loss, case.leaves, scanned(cell, case, lengths), tolerance=FINITE_DIFFERENCES)


def any_shape(test):
    """Hypothesis draws size, seed and lengths, and calls `test(size, seed, lengths)`."""

    @given(
        seed=st.integers(0, 2**32 - 1),
        size=st.tuples(st.integers(1, 6), st.integers(1, 4), st.integers(1, 5), st.integers(1, 6)),
        data=st.data(),
    )
    def drawn(seed, size, data):
        T, B, *_ = size
        test(size, seed, np.array(data.draw(st.lists(st.integers(1, T), min_size=B, max_size=B))))

    return drawn
