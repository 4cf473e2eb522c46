"""Jordan's network against a naive torch step, and the networks of chapter 02."""

import numpy as np
import pytest
import torch

from rnncourse.reference.jordan import init_jordan, jordan_cell
from rnncourse.reference.scan import scan_forward
from tests.reference.cell_checks import Case, check_cell

TORCH = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "linear": lambda a: a}


def outputs(I, H):
    return I + H


def one_output_state(I, H):
    return (outputs(I, H),)


def init(rng, I, H, dtype):
    return init_jordan(rng, I, H, outputs(I, H), dtype)


def stepper(phi, psi):
    def step(x, state, p):
        h = TORCH[phi](p["weight_ih_l0"] @ x + p["weight_yh_l0"] @ state[0] + p["bias_h_l0"])
        y = TORCH[psi](p["weight_hy_l0"] @ h + p["bias_y_l0"])
        return y, (y,)

    return step


@pytest.mark.parametrize("phi, psi", [("tanh", "linear"), ("relu", "sigmoid"), ("sigmoid", "tanh")])
def test_the_cell(phi, psi):
    cell = jordan_cell(phi, output_nonlinearity=psi)
    check_cell(cell, stepper(phi, psi), init, one_output_state, output_size=outputs)


def test_the_defaults_are_tanh_and_a_linear_readout():
    case = Case(init, one_output_state, (4, 3, 2, 5), output_size=outputs)
    run = lambda cell: scan_forward(cell, case.x, case.state, case.params)[0]  # noqa: E731
    assert np.array_equal(run(jordan_cell()), run(jordan_cell("tanh", output_nonlinearity="linear")))


def test_chapter_02_the_network_that_latches_through_its_output():
    """x is +1 or -1 at first; the output is almost nothing until the go signal of the last step, then the first x."""
    T, eps = 8, 0.01
    x = np.zeros((T, 2, 2))
    x[0, :, 0] = [1, -1]
    x[-1, :, 1] = 1
    params = {
        "weight_ih_l0": np.array([[1.0, 0], [-1, 0], [0, 1], [0, 1]]),
        "weight_yh_l0": np.array([[1.0], [-1], [1], [-1]]) / eps,
        "bias_h_l0": np.array([0.0, 0, -1, -1]),
        "weight_hy_l0": np.array([[eps, -eps, 1, -1]]),
        "bias_y_l0": np.zeros(1),
    }
    output, _, _ = scan_forward(jordan_cell("relu"), x, (np.zeros((2, 1)),), params)
    story = np.array([eps] * (T - 1) + [1 + eps])
    assert np.allclose(output[:, :, 0].T, [story, -story])


BAD = {
    "two-states": (lambda s, p: (s + s, p), ValueError, r"state must hold 1 array\(s\), got 2"),
    "no-parameters": (lambda s, p: (s, {}), ValueError, "params must have the keys .*weight_yh_l0"),
    "a-list": (lambda s, p: (s, list(p)), ValueError, "params must have the keys .* got list"),
    "width": (lambda s, p: ((s[0][:, 1:],), p), ValueError, r"params\['weight_yh_l0'\] must have shape \(5, 6\), got"),
    "hidden": (
        lambda s, p: (s, p | {"weight_hy_l0": p["weight_hy_l0"][:, 1:]}),
        ValueError,
        r"params\['weight_hy_l0'\] must have shape \(7, 5\), got \(7, 4\)",
    ),
    "input": (
        lambda s, p: (s, p | {"weight_ih_l0": p["weight_ih_l0"].T}),
        ValueError,
        r"params\['weight_ih_l0'\] must have shape \(hidden_size, 2\), got \(2, 5\)",
    ),
    "bias": (lambda s, p: (s, p | {"bias_y_l0": p["bias_y_l0"][:1]}), ValueError, r"bias_y_l0'\] must have shape \(7,"),
    "dtype": (lambda s, p: ((s[0].astype(np.float32),), p), TypeError, r"state\[0\] must have dtype float64"),
}


@pytest.mark.parametrize("spoil, error, message", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named(spoil, error, message):
    case = Case(init, one_output_state, (4, 3, 2, 5), output_size=outputs)
    with pytest.raises(error, match=message):
        scan_forward(jordan_cell(), case.x, *spoil(case.state, case.params))


def test_bad_options_are_named():
    with pytest.raises(ValueError, match="nonlinearity must be one of"):
        jordan_cell("gelu")
    with pytest.raises(ValueError, match="output_nonlinearity must be one of"):
        jordan_cell(output_nonlinearity="softmax")
    with pytest.raises(ValueError, match="output_size must be at least 1, got 0"):
        init_jordan(np.random.default_rng(0), 2, 3, 0)
