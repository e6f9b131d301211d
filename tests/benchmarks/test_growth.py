"""The curves that are laid through measured costs."""

import pytest

from benchmarks.growth import fit, last_slope

SIZES = (1, 4, 16, 64, 256, 1024, 4096)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_a_fixed_part_does_not_hide_the_exponent(exponent: float) -> None:
    growth = fit([(size, 500 + 3 * size**exponent) for size in SIZES])
    assert growth.exponent == pytest.approx(exponent, abs=0.011)
    assert growth.fixed == pytest.approx(500, rel=0.05)
    assert growth.at(64) == pytest.approx(500 + 3 * 64**exponent, rel=0.02)


def test_noise_of_a_few_percent_does_not_make_linear_growth_look_quadratic() -> None:
    points = [(size, (200 + 20 * size) * (1.03 if place % 2 else 0.97)) for place, size in enumerate(SIZES)]
    assert fit(points).exponent == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("costs", [(100, 104, 98, 101), (600, 420, 350, 300)], ids=["level", "falling"])
def test_what_does_not_grow_has_no_exponent(costs: tuple[float, ...]) -> None:
    growth = fit(list(zip((1, 10, 100, 1000), costs, strict=True)))
    assert growth.exponent == 0
    assert growth.each == 0


def test_the_last_slope_is_between_the_two_largest_sizes() -> None:
    assert last_slope([(100, 20), (1, 5), (10, 10)]) == pytest.approx(0.30103)
