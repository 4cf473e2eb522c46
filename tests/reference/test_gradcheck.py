"""The gradient checker itself: right gradients pass, every planted fault is found and named."""

import numpy as np
import pytest

from rnncourse.reference import GradientError, gradcheck, init_rnn, numerical_gradient, rnn_backward, rnn_forward
from tests.tolerances import FINITE_DIFFERENCES, assert_close


def test_numerical_gradient_of_a_known_function_and_the_array_is_put_back():
    a = np.array([[0.5, -1.0], [2.0, 0.1]])
    kept = a.copy()
    assert_close(numerical_gradient(lambda: float(np.sin(a).sum()), a), np.cos(a), FINITE_DIFFERENCES)
    assert np.array_equal(a, kept)


def test_the_array_is_put_back_when_the_function_raises():
    a = np.array([1.0])

    def broken():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        numerical_gradient(broken, a)
    assert a[0] == 1.0


def test_float32_is_refused():
    with pytest.raises(TypeError, match="float64"):
        numerical_gradient(lambda: 0.0, np.zeros(2, np.float32))


@pytest.mark.parametrize("name", ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "x", "h_0"])
@pytest.mark.parametrize("fault", ["sign", "one-entry", "nan", "missing", "shape"])
def test_every_planted_fault_is_named(name, fault):
    rng = np.random.default_rng(0)
    x, h_0, params = rng.standard_normal((4, 2, 3)), rng.standard_normal((2, 5)), init_rnn(rng, 3, 5)
    d = rng.standard_normal((4, 2, 5))
    _, _, cache = rnn_forward(x, h_0, params)
    dx, dh_0, grads = rnn_backward(d, None, cache)
    arrays, grads = {"x": x, "h_0": h_0, **params}, {"x": dx, "h_0": dh_0, **grads}

    def loss():
        return float((rnn_forward(x, h_0, params)[0] * d).sum())

    assert max(gradcheck(loss, arrays, grads).values()) < FINITE_DIFFERENCES
    if fault == "sign":
        grads[name] = -grads[name]
    elif fault == "one-entry":
        grads[name].flat[-1] += 1e-4 * np.abs(grads[name]).max()
    elif fault == "nan":
        grads[name].flat[0] = np.nan
    elif fault == "missing":
        del grads[name]
    else:
        grads[name] = grads[name][None]
    with pytest.raises(ValueError if fault in ("missing", "shape") else GradientError, match=name):
        gradcheck(loss, arrays, grads)


def test_the_worst_entry_is_named():
    a = np.array([1.0, 2.0, 3.0])
    with pytest.raises(GradientError, match=r"at \(1,\) it is 5, central differences give 4"):
        gradcheck(lambda: float((a**2).sum()), {"a": a}, {"a": np.array([2.0001, 5.0, 6.0])})
    with pytest.raises(GradientError, match=r"at \(2,\) it is nan"):
        gradcheck(lambda: float((a**2).sum()), {"a": a}, {"a": np.array([2.0, 4.0, np.nan])})
    with pytest.raises(GradientError, match="it is nan"):
        gradcheck(lambda: float((a**2).sum()), {"a": a}, {"a": np.full(3, np.nan)})


def test_small_gradients_are_held_to_the_same_tolerance():
    a = np.array([1.0])
    with pytest.raises(GradientError):
        gradcheck(lambda: 0.01 * a[0] ** 2, {"a": a}, {"a": np.array([0.0200001])})


def test_the_difference_is_divided_by_twice_the_nudge():
    a = np.array([1.0])
    assert_close(numerical_gradient(lambda: 3 * a[0], a, eps=0.5), np.array([3.0]), 1e-12)
