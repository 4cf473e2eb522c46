"""Student's interval."""

import pytest

from rnncourse.experiments._interval import t_interval


def test_by_hand() -> None:
    # From a table: t = 4.303; by hand: s = 1.5275.
    assert t_interval([1.0, 2.0, 4.0]) == pytest.approx((7 / 3 - 3.7946, 7 / 3 + 3.7946), abs=1e-3)


@pytest.mark.parametrize("count", [0, 1, 17])
def test_no_interval(count: int) -> None:
    assert t_interval([1.0] * count) == (None, None)
