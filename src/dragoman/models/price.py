"""What tokens cost, and what an answer has cost."""

import datetime as dt
import functools
from decimal import Decimal

import msgspec

from dragoman.conversation.usage import Usage
from dragoman.models.tariff import Tariff


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one model costs at one place, in US dollars for a million tokens.

    The kinds are those of `Usage`: `input` is for prompt tokens that the cache neither gave nor kept, and
    `output` includes reasoning. A kind whose price is None costs what the nearest one with a price does:
    `cache_write_1h` what `cache_write` does, that one, `cache_read`, `audio_input` and `image_input` what
    `input` does, `audio_output` and `image_output` what `output` does. For `searches` there is no nearest.
    """

    input: Decimal
    output: Decimal
    """0 for models that write no tokens, such as those for embeddings."""
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    audio_input: Decimal | None = None
    audio_output: Decimal | None = None
    image_input: Decimal | None = None
    image_output: Decimal | None = None
    searches: Decimal | None = None
    """US dollars for a thousand web searches."""
    above: tuple[tuple[int, "Price"], ...] = ()
    """Prices for longer prompts, each with the number of prompt tokens, cached ones included, above which
    it holds for all tokens of the request; the smallest number first."""
    source: str = ""
    """Where the price was read."""
    checked: dt.date | None = None
    """When it was read there; None for prices of the configuration."""

    @property
    def origin(self) -> str:
        """Where the price is from, and of when: `genai-prices 0.2.3, 2026-11-22`."""
        return self.source if self.checked is None else f"{self.source}, {self.checked.isoformat()}"


class CostLine(msgspec.Struct, frozen=True):
    """One line of a cost: so many of one kind at one price."""

    kind: str
    """A field of `Usage`."""
    count: int
    price: Decimal
    """US dollars for so many as `unit` says."""
    unit: int

    @property
    def cost(self) -> Decimal:
        """US dollars, exactly."""
        return (self.count * self.price).scaleb(-6 if self.unit == MILLION else -3)


MILLION, THOUSAND = 1_000_000, 1_000


@functools.lru_cache(maxsize=4096)
def tariff_of(price: Price) -> Tariff:
    """The price made ready for arithmetic. Whoever asks for the same price again and again keeps it."""
    return Tariff([(0, _rates(price)), *((least, _rates(other, price)) for least, other in price.above)])


def lines_of(usage: Usage | None, price: Price) -> tuple[CostLine, ...]:
    """What an answer costs, line by line; the costs of the lines add up to `cost_of`. No line has a count of
    0, and searches without a price have none.
    """
    if usage is None:
        return ()
    return tuple(
        CostLine(rate.kind, count, Decimal(rate.price), THOUSAND if rate.kind == "searches" else MILLION)
        for rate, count in tariff_of(price).lines(usage)
    )


def cost_of(usage: Usage | None, price: Price) -> Decimal | None:
    """What an answer costs, in US dollars, exactly; None where no count is known.

    Counts that are not known are taken for 0. A part that is larger than the whole that it belongs to
    (`cache_write_1h`, sound and pictures) counts as all of it.
    """
    if usage is None or not counted(usage):
        return None
    tariff = tariff_of(price)
    return tariff.dollars(tariff.lines(usage))


def counted(usage: Usage) -> bool:
    """Whether the usage says anything that costs."""
    return not (
        usage.input is None
        and usage.output is None
        and usage.cache_read is None
        and usage.cache_write is None
        and usage.searches is None
    )


def worst_case(
    prompt_tokens: int, output_tokens: int, price: Price, *, media: bool = False, searches: int = 0
) -> Decimal:
    """The most that any answer costs whose whole prompt, cached or not, has at most so many tokens, and
    that has at most so many itself, in US dollars. With `media`, any of them may be sound or pictures.
    """
    tariff = tariff_of(price)
    return tariff.worst(prompt_tokens, output_tokens, media=media, searches=searches)


def blended(price: Price) -> float:
    """One number to compare prices by: a million input tokens and a quarter of a million output tokens, in
    US dollars, for short prompts.
    """
    return float(price.input + price.output / 4)


def _rates(price: Price, shorter: Price | None = None) -> dict[str, Decimal | None]:
    """The price of every kind, those that have none of their own taken from the nearest; searches of long
    prompts cost what those of `shorter` ones do.
    """
    searches = shorter.searches if shorter is not None and price.searches is None else price.searches
    write = price.input if price.cache_write is None else price.cache_write
    return {
        "input": price.input,
        "audio_input": price.input if price.audio_input is None else price.audio_input,
        "image_input": price.input if price.image_input is None else price.image_input,
        "cache_read": price.input if price.cache_read is None else price.cache_read,
        "cache_write": write,
        "cache_write_1h": write if price.cache_write_1h is None else price.cache_write_1h,
        "output": price.output,
        "audio_output": price.output if price.audio_output is None else price.audio_output,
        "image_output": price.output if price.image_output is None else price.image_output,
        "searches": searches,
    }
