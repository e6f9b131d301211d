"""What models cost, as the configuration says it."""

from typing import Annotated

from msgspec import Meta

from dragoman.config.section import Dollars, Section


class TokenPrices(Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What tokens cost, in US dollars for a million of them."""

    input: Dollars
    """Prompt tokens, but for those below."""
    output: Dollars
    """Tokens of the answer, its reasoning included."""
    cache_read: Dollars | None = None
    """Prompt tokens read from the vendor's cache. Left out, as `input`."""
    cache_write: Dollars | None = None
    """Prompt tokens written to the vendor's cache. Left out, as `input`."""
    cache_write_1h: Dollars | None = None
    """Those of them that are kept for an hour. Left out, as `cache_write`."""
    audio_input: Dollars | None = None
    """Spoken prompt tokens. Left out, as `input`."""
    audio_output: Dollars | None = None
    """Spoken tokens of the answer. Left out, as `output`."""
    image_input: Dollars | None = None
    """Prompt tokens of pictures. Left out, as `input`."""
    image_output: Dollars | None = None
    """Tokens of pictures in the answer. Left out, as `output`."""


class LongPromptPrices(TokenPrices, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of `above`: what all tokens cost of requests with long prompts."""

    tokens: Annotated[int, Meta(ge=1, le=1_000_000_000)]
    """The number of prompt tokens, cached ones included, above which these prices hold."""


class PriceSettings(TokenPrices, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[prices."PROVIDER/MODEL"]`: what models cost whose `provider/model` matches, in US dollars for a
    million tokens, in place of the built-in price.
    """

    searches: Dollars | None = None
    """A thousand web searches by the vendor. Left out, that is not known."""
    above: tuple[LongPromptPrices, ...] = ()
    """Other prices for long prompts."""
