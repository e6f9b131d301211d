"""What models cost, as the configuration says it."""

from dragoman.config.section import Dollars, Section


class PriceSettings(Section, frozen=True, forbid_unknown_fields=True):
    """`[prices."PROVIDER/MODEL"]`: what models cost whose `provider/model` matches, in US dollars for a
    million tokens, in place of the built-in price.
    """

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
