"""Orders of gates, the two meanings of z, and one bias instead of two."""

import numpy as np
import pytest

from rnncourse.reference import (
    GATE_ORDERS,
    flip_z,
    init_lstm,
    lstm_cell,
    merge_biases,
    reorder_gates,
    scan_forward,
)
from tests.reference.cell_checks import assert_same
from tests.reference.networks import SIZES, draw, forward_part, ours
from tests.tolerances import FLOAT64, assert_close

EACH_SIZE = pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_blocks_move_as_a_whole(axis):
    blocks = {letter: np.full((2, 2), float(k)) + np.array([[0, 0.1], [0.2, 0.3]]) for k, letter in enumerate("ifgo")}
    pack = lambda order: np.concatenate([blocks[letter] for letter in order], axis=axis)  # noqa: E731
    for source, target in [("ifgo", "iofg"), ("iofg", "ifgo"), ("ogif", "fogi"), ("ifgo", "ifgo")]:
        array = pack(source)
        found = reorder_gates(array, source, target, axis=axis)
        assert np.array_equal(found, pack(target)) and not np.shares_memory(found, array)
        assert np.array_equal(reorder_gates(found, target, source, axis=axis), array)


def test_the_orders_are_permutations_of_each_other():
    for kind in ("rnn", "lstm", "gru"):
        assert len({"".join(sorted(orders[kind])) for orders in GATE_ORDERS.values()}) == 1


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (([1.0], "rzn", "zrn"), TypeError, "array must be a numpy.ndarray"),
        ((np.ones(3, int), "rzn", "zrn"), TypeError, "array must be of a floating-point dtype"),
        ((np.ones(4), "rzn", "zrn"), ValueError, r"array must have 3 \* H entries along axis 0, got shape \(4,\)"),
        ((np.ones(0), "rzn", "zrn"), ValueError, r"array must have 3 \* H entries along axis 0, got shape \(0,\)"),
        ((np.ones(3), "rzn", "zro"), ValueError, "target must be the letters of source, 'rzn', .* got 'zro'"),
        ((np.ones(3), "rzn", "zr"), ValueError, "target must be the letters of source, 'rzn', .* got 'zr'"),
        ((np.ones(3), "rrn", "rrn"), ValueError, "source must be distinct letters, one a block, got 'rrn'"),
        ((np.ones(3), "", ""), ValueError, "source must be distinct letters, one a block, got ''"),
        ((np.ones(3), list("rzn"), "zrn"), TypeError, "source must be a string with one letter a block, got list"),
        ((np.full(3, np.nan), "rzn", "zrn"), ValueError, "array must be finite"),
    ],
)
def test_bad_orders_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        reorder_gates(*arguments)


def test_a_bad_axis_is_named():
    with pytest.raises(ValueError, match="axis must be at least -1 and below 1, got 1"):
        reorder_gates(np.ones(3), "rzn", "zrn", axis=1)
    with pytest.raises(TypeError, match="axis must be an integer"):
        reorder_gates(np.ones(3), "rzn", "zrn", axis=0.0)


@pytest.mark.parametrize("reset_after", [True, False])
@EACH_SIZE
def test_z_flipped_is_the_other_convention(size, reset_after):
    network = draw("gru", size)
    flipped = flip_z(network.params)
    keeps = forward_part(ours(network, reset_after=reset_after, z_keeps=True))
    admits = forward_part(ours(network, flipped, reset_after=reset_after, z_keeps=False))
    assert_same(admits, keeps, FLOAT64)
    again = flip_z(flipped)
    assert list(again) == list(network.params)
    assert all(np.array_equal(again[name], array) for name, array in network.params.items())


def test_flip_z_needs_a_gru():
    with pytest.raises(ValueError, match=r"params\['weight_ih_l0'\] must have shape \(9, 2\), got \(12, 2\)"):
        flip_z(draw("lstm", SIZES["ordinary"]).params)


FORMS = {
    "rnn": ("rnn", {}),
    "lstm": ("lstm", {}),
    "peephole": ("peephole", {}),
    "gru-after": ("gru", {"reset_after": True}),
    "gru-before": ("gru", {"reset_after": False}),
}


@EACH_SIZE
@pytest.mark.parametrize("kind, options", FORMS.values(), ids=FORMS)
def test_one_bias_computes_the_same(kind, options, size):
    network = draw(kind, size, seed=1)
    before = {name: a.copy() for name, a in network.params.items()}
    merged = merge_biases(network.params, kind, **options)
    assert all(np.array_equal(network.params[name], before[name]) for name in before)
    assert list(merged) == list(network.params)
    assert_same(forward_part(ours(network, merged, **options)), forward_part(ours(network, **options)), FLOAT64)
    H = network.size[3]
    for name, array in merged.items():
        if name.startswith("bias_hh"):
            kept = array[2 * H :] if options == {"reset_after": True} else array[:0]
            assert np.array_equal(kept, network.params[name][len(array) - len(kept) :])
            assert not array[: len(array) - len(kept)].any()
    again = merge_biases(merged, kind, **options)
    assert all(np.array_equal(again[name], merged[name]) for name in merged)


def test_merging_what_r_multiplies_changes_the_network():
    network = draw("gru", SIZES["ordinary"], seed=2)
    merged = merge_biases(network.params, "gru", reset_after=False)
    difference = np.abs(ours(network, merged)["output"] - ours(network)["output"]).max()
    assert difference > 1e-3


def test_one_bias_beside_a_projection():
    rng = np.random.default_rng(3)
    params, x = init_lstm(rng, 2, 3, proj_size=2), rng.standard_normal((5, 4, 2))
    state = rng.standard_normal((4, 2)), rng.standard_normal((4, 3))
    one, other = (scan_forward(lstm_cell(), x, state, p)[0] for p in (params, merge_biases(params, "lstm")))
    assert_close(other, one, FLOAT64)
