"""What tokens cost, and what an answer has cost."""

import datetime as dt
from decimal import Decimal

import msgspec

from dragoman.conversation.usage import Usage


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one model costs at one place, in US dollars for a million tokens.

    The kinds are those of `Usage`: `input` is for prompt tokens that the cache neither gave nor kept, and
    `output` includes reasoning. A kind whose price is None costs what the nearest one with a price does:
    `cache_write_1h` what `cache_write` does, that one, `cache_read` and `audio_input` what `input` does,
    `audio_output` what `output` does.
    """

    input: Decimal
    output: Decimal
    """0 for models that write no tokens, such as those for embeddings."""
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    audio_input: Decimal | None = None
    audio_output: Decimal | None = None
    above: tuple[tuple[int, "Price"], ...] = ()
    """Prices for longer prompts, each with the number of prompt tokens, cached ones included, above which
    it holds for all tokens of the request; the smallest number first."""
    source: str = ""
    """Where the price was read."""
    checked: dt.date | None = None
    """When it was read there; None for prices of the configuration."""


def cost_of(usage: Usage | None, price: Price) -> Decimal | None:
    """What the tokens of an answer cost, in US dollars, exactly; None where no count is known.

    Counts that are not known are taken for 0. A part that is larger than the whole that it belongs to
    (`cache_write_1h`, `audio_input`, `audio_output`) counts as all of it.
    """
    if usage is None or (
        usage.input is None
        and usage.output is None
        and usage.cache_read is None
        and usage.cache_write is None
    ):
        return None
    for least, other in price.above:
        if usage.prompt > least:
            price = other
    whole_input, whole_output, writes = usage.input or 0, usage.output or 0, usage.cache_write or 0
    audio_input = min(usage.audio_input or 0, whole_input)
    audio_output = min(usage.audio_output or 0, whole_output)
    writes_1h = min(usage.cache_write_1h or 0, writes)
    write = price.input if price.cache_write is None else price.cache_write
    dollars = (
        (whole_input - audio_input) * price.input
        + audio_input * (price.input if price.audio_input is None else price.audio_input)
        + (usage.cache_read or 0) * (price.input if price.cache_read is None else price.cache_read)
        + (writes - writes_1h) * write
        + writes_1h * (write if price.cache_write_1h is None else price.cache_write_1h)
        + (whole_output - audio_output) * price.output
        + audio_output * (price.output if price.audio_output is None else price.audio_output)
    )
    return dollars.scaleb(-6)


def blended(price: Price) -> float:
    """One number to compare prices by: a million input tokens and a quarter of a million output tokens, in
    US dollars, for short prompts.
    """
    return float(price.input + price.output / 4)
