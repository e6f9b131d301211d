"""A price made ready for arithmetic: whole numbers, of which sums are exact and quick.

What tokens cost is on the way of every request. A tariff is made once for each price.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from dragoman.conversation.usage import Usage

KINDS = (
    *("input", "audio_input", "image_input", "cache_read", "cache_write", "cache_write_1h"),
    *("output", "audio_output", "image_output", "searches"),
)
"""What is charged for, each a field of `Usage`. `cache_write` is what is left of it without
`cache_write_1h`, and so on: every token is in one line only."""

_SEARCHES = KINDS.index("searches")


class Rate(NamedTuple):
    """The price of one kind. `units` are what one of them costs, in units of the tariff; `price` is what
    people read: US dollars for a million tokens, or for a thousand searches.
    """

    kind: str
    units: int
    price: str


Line = tuple[Rate, int]
"""So many of one kind."""


class Tariff:
    """The prices of one model, for prompts of every length."""

    def __init__(self, tiers: Sequence[tuple[int, Mapping[str, Decimal | None]]]) -> None:
        """Take the prices of every kind, in US dollars as `Rate.price` has them, by the number of prompt
        tokens above which they hold; the first for all, and the smallest number first. A price for searches
        that is None is not known.
        """
        prices = [price for _, table in tiers for price in table.values() if price is not None]
        self._places = max((_places(price) for price in prices), default=0)
        self._tiers = tuple((least, self._table(table)) for least, table in tiers)
        self._dearest = tuple((least, _dearest(table)) for least, table in self._tiers)
        self._first = self._tiers[0][1]
        self._long = self._tiers[1:]

    def lines(self, usage: Usage) -> list[Line]:
        """What is charged for, without what is 0, and without searches where they have no price."""
        table = self._first
        whole, read, written = usage.input or 0, usage.cache_read or 0, usage.cache_write or 0
        if self._long:
            prompt = whole + read + written
            for least, other in self._long:
                if prompt > least:
                    table = other
        lines: list[Line] = []
        if whole:
            _split(lines, table[0:3], whole, usage.audio_input, usage.image_input)
        if read:
            lines.append((table[3], read))
        if written:
            hour = min(usage.cache_write_1h or 0, written)
            if written > hour:
                lines.append((table[4], written - hour))
            if hour:
                lines.append((table[5], hour))
        if usage.output:
            _split(lines, table[6:9], usage.output, usage.audio_output, usage.image_output)
        if usage.searches and len(table) > _SEARCHES:
            lines.append((table[_SEARCHES], usage.searches))
        return lines

    def prices_all(self, usage: Usage) -> bool:
        """Whether everything that was used has a price: searches may have none."""
        return not usage.searches or len(self._first) > _SEARCHES

    def dollars(self, lines: Sequence[Line]) -> Decimal:
        """What lines cost together, in US dollars, exactly."""
        return self._dollars(sum(rate.units * count for rate, count in lines))

    def nanos(self, lines: Sequence[Line]) -> int:
        """What lines cost together, in nano-dollars, rounded once as `money.to_nanos` does."""
        total = 0
        for rate, count in lines:
            total += rate[1] * count
        whole, rest = divmod(total * 1000, 10**self._places)
        twice = 2 * rest - 10**self._places
        return whole + (twice > 0 or (twice == 0 and whole % 2 == 1))

    def worst(self, prompt: int, output: int, *, media: bool = False, searches: int = 0) -> Decimal:
        """See `dragoman.models.price.worst_case`."""
        return self._dollars(self._worst(prompt, output, media=media, searches=searches))

    def worst_nanos(self, prompt: int, output: int, *, media: bool = False, searches: int = 0) -> int:
        """The same in nano-dollars, rounded up."""
        total = self._worst(prompt, output, media=media, searches=searches)
        return -(-total * 1000 // 10**self._places)

    def _worst(self, prompt: int, output: int, *, media: bool, searches: int) -> int:
        if len(self._dearest) == 1:
            dearest = self._dearest[0][1]
            return prompt * dearest[media] + output * dearest[2 + media] + searches * dearest[4]
        # a shorter prompt than the longest may cost more where long ones are cheaper
        return max(
            prompt * dearest[media] + output * dearest[2 + media] + searches * dearest[4]
            for least, dearest in self._dearest
            if least < prompt or not least
        )

    def _dollars(self, total: int) -> Decimal:
        return Decimal(total).scaleb(-6 - self._places)

    def _table(self, prices: Mapping[str, Decimal | None]) -> tuple[Rate, ...]:
        found: list[Rate] = []
        for kind in KINDS:
            price = prices[kind]
            if price is not None:
                # a thousand searches are priced as a million tokens are, so one is a thousand times as dear
                per = price if kind != "searches" else price * 1000
                found.append(Rate(kind, int(per.scaleb(self._places)), f"{price:f}"))
        return tuple(found)


def _split(
    lines: list[Line], rates: tuple[Rate, ...], whole: int, audio: int | None, image: int | None
) -> None:
    """Lines for text, sound and pictures, whose rates these are."""
    if not audio and not image:
        lines.append((rates[0], whole))
        return
    sound = min(audio or 0, whole)
    pictures = min(image or 0, whole - sound)
    counts = (whole - sound - pictures, sound, pictures)
    lines += [(rate, count) for rate, count in zip(rates, counts, strict=True) if count]


def _dearest(table: tuple[Rate, ...]) -> tuple[int, int, int, int, int]:
    """The dearest token of a prompt of text, of any prompt, of an answer of text, of any answer; a search."""
    text, answer = max(table[at].units for at in (0, 3, 4, 5)), table[6].units
    return (
        text,
        max(text, table[1].units, table[2].units),
        answer,
        max(answer, table[7].units, table[8].units),
        table[_SEARCHES].units if len(table) > _SEARCHES else 0,
    )


def _places(price: Decimal) -> int:
    """Digits after the point."""
    exponent = price.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
