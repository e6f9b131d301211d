"""Money as whole numbers: nano-dollars, of which sums are exact.

A nano-dollar is a billionth of a US dollar: what a token costs at a price of 0.001 dollars for a million.
Nine billion dollars fit into the eight bytes that databases have for a whole number.
"""

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal

NANOS = 1_000_000_000
"""Nano-dollars in a dollar."""

_EXPONENT = 9


def to_nanos(dollars: Decimal) -> int:
    """The nearest whole number of nano-dollars; a half goes to the even one."""
    return int(dollars.scaleb(_EXPONENT).to_integral_value(ROUND_HALF_EVEN))


def to_nanos_at_most(dollars: Decimal) -> int:
    """The smallest whole number of nano-dollars that is not less: for what is set aside."""
    return int(dollars.scaleb(_EXPONENT).to_integral_value(ROUND_CEILING))


def to_dollars(nanos: int) -> Decimal:
    """The same amount in US dollars, exactly."""
    return Decimal(nanos).scaleb(-_EXPONENT)


def render_dollars(nanos: int) -> str:
    """The amount for people: `$0.25`, at least cents, and as many digits as there are."""
    text = f"{to_dollars(abs(nanos)):f}"
    whole, _, cents = text.partition(".")
    sign = "-" if nanos < 0 else ""
    return f"{sign}${whole}.{cents.rstrip('0').ljust(2, '0')}"
