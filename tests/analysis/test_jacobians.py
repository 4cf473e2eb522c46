"""State Jacobians against torch.func, their products against plain ones, Lyapunov exponents against known systems."""

import numpy as np
import pytest
import torch

from rnncourse.analysis import lyapunov_exponents, product_singular_values, spectral_radius, state_jacobians
from rnncourse.reference import init_rnn, orthogonal, rnn_forward
from tests.tolerances import FLOAT64, assert_close

PHI = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "linear": lambda a: a}


def chain(seed=0, T=6, B=3, I=2, H=5, gain=3.0, **options):
    rng = np.random.default_rng(seed)
    params = {name: gain * value for name, value in init_rnn(rng, I, H).items()}
    return rnn_forward(rng.standard_normal((T, B, I)), rng.standard_normal((B, H)), params, **options)[2]


@pytest.mark.parametrize("nonlinearity", PHI)
def test_jacobians_against_torch(nonlinearity):
    cache = chain(nonlinearity=nonlinearity)
    ours = state_jacobians(cache)
    p = {name: torch.from_numpy(value) for name, value in cache.params.items()}

    def step(h, x):
        a = p["weight_ih_l0"] @ x + p["bias_ih_l0"] + p["weight_hh_l0"] @ h + p["bias_hh_l0"]
        return PHI[nonlinearity](a)

    jacobian = torch.func.vmap(torch.func.vmap(torch.func.jacrev(step)))
    theirs = jacobian(torch.tensor(cache.h[:-1]), torch.tensor(cache.x))
    assert_close(ours, theirs.numpy(), FLOAT64)


def test_jacobians_of_a_sequence_that_has_ended_are_the_identity():
    cache = chain(lengths=np.array([6, 2, 4]))
    J, full = state_jacobians(cache), state_jacobians(chain())
    np.testing.assert_array_equal(J[2:, 1], np.broadcast_to(np.eye(5), (4, 5, 5)))
    np.testing.assert_array_equal(J[:2, 1], full[:2, 1])


def test_singular_values_of_products():
    J = state_jacobians(chain())[:, 1]
    product = np.eye(5)
    expected = [np.zeros(5)]
    for J_t in J[::-1]:
        product = product @ J_t
        expected.append(np.log(np.linalg.svd(product, compute_uv=False)))
    ours = product_singular_values(J, range(7))
    assert ours.shape == (7, 5)
    known = ~np.isnan(ours)
    assert known.mean() > 0.9
    # Rounding is relative to the largest of a product's singular values.
    for row, wanted in zip(ours, expected, strict=True):
        assert_close(np.exp(np.nan_to_num(row, nan=-np.inf)), np.exp(wanted), FLOAT64)


def test_singular_values_neither_overflow_nor_underflow():
    for factor in (1e3, 1e-3):
        J = np.tile(factor * orthogonal(np.random.default_rng(0), (4, 4)), (300, 1, 1))
        np.testing.assert_allclose(
            product_singular_values(J, [300, 7]), np.log(factor) * np.array([[300], [7]]) + np.zeros(4)
        )


def test_unresolved_singular_values_are_nan_and_dead_ones_minus_infinity():
    J = np.tile(np.diag([1.0, 0.1]), (30, 1, 1))
    values = product_singular_values(J, [5, 30])
    np.testing.assert_allclose(values[0], [0, -5 * np.log(10)], atol=1e-12)
    assert values[1, 0] == pytest.approx(0)
    assert np.isnan(values[1, 1])
    assert (product_singular_values(0 * J, [3]) == -np.inf).all()


def test_lyapunov_exponents_of_a_constant_matrix_are_the_logarithms_of_its_eigenvalues():
    W = np.random.default_rng(2).standard_normal((4, 4))
    W = W @ np.diag([2.0, 1.0, 0.5, 0.1]) @ np.linalg.inv(W)
    exponents = lyapunov_exponents(np.tile(W, (20_000, 1, 1)))
    np.testing.assert_allclose(exponents, np.log([2.0, 1.0, 0.5, 0.1]), atol=1e-3)
    assert exponents[0] == pytest.approx(np.log(spectral_radius(W)), abs=1e-3)


def test_lyapunov_exponents_add_up_to_the_log_determinant():
    J = state_jacobians(chain(T=50))[:, 0]
    expected = np.mean([np.linalg.slogdet(J_t)[1] for J_t in J])
    assert lyapunov_exponents(J).sum() == pytest.approx(expected, rel=1e-9)


def test_a_product_that_grows_and_shrinks_by_turns():
    J = np.array([np.diag([4.0, 0.5]), np.diag([0.25, 0.5])] * 100)
    np.testing.assert_allclose(lyapunov_exponents(J), [0, -np.log(2)], atol=1e-12)


def test_a_lost_direction():
    J = np.tile(np.diag([0.5, 0.0]), (3, 1, 1))
    np.testing.assert_array_equal(lyapunov_exponents(J)[1], -np.inf)


def test_refuses_what_does_not_fit():
    with pytest.raises(TypeError, match="cache must be what rnn_forward returned, got ndarray"):
        state_jacobians(np.ones(3))
    J = np.ones((3, 2, 2))
    with pytest.raises(ValueError, match=r"lags must lie in 0 … 3, the number of Jacobians, got 4"):
        product_singular_values(J, [4])
    with pytest.raises(ValueError, match="lags"):
        product_singular_values(J, [-1])
    for f in (lyapunov_exponents, lambda J: product_singular_values(J, [1])):
        with pytest.raises(ValueError, match=r"square matrices, one a step, got shape \(3, 2, 4\)"):
            f(np.ones((3, 2, 4)))
        with pytest.raises(ValueError, match="must be finite"):
            f(np.full((3, 2, 2), np.inf))
    with pytest.raises(ValueError, match="T >= 1"):
        lyapunov_exponents(np.ones((0, 2, 2)))
