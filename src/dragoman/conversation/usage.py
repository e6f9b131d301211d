"""Usage: how many tokens an exchange took, in one convention."""

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """Token counts of one answer, or of a stream so far.

    The convention, in which vendors differ: **input excludes cache reads and writes; output
    includes reasoning**. So the whole prompt is `input + cache_read + cache_write`, and
    `reasoning` is a part of `output`. None means that the vendor did not say; counts are >= 0.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    """The part of `cache_write` that is kept for an hour."""
    reasoning: int | None = None
    audio_input: int | None = None
    """The part of `input` that was sound."""
    audio_output: int | None = None
    """The part of `output` that was sound."""
    image_input: int | None = None
    """The part of `input` that was pictures."""
    image_output: int | None = None
    """The part of `output` that was pictures."""
    searches: int | None = None
    """Web searches that the vendor made for the answer, and charges for one by one: no tokens."""

    @property
    def prompt(self) -> int:
        """All input tokens, cached or not."""
        return (self.input or 0) + (self.cache_read or 0) + (self.cache_write or 0)

    @property
    def total(self) -> int:
        """All tokens, in and out."""
        return self.prompt + (self.output or 0)

    def updated(self, newer: "Usage") -> "Usage":
        """These counts with every count that `newer` knows put in its place: last wins, by field.

        Streams report usage in pieces: input first, output later, sometimes corrected.
        """
        # field by field: some streams report with every word
        return Usage(
            self.input if newer.input is None else newer.input,
            self.output if newer.output is None else newer.output,
            self.cache_read if newer.cache_read is None else newer.cache_read,
            self.cache_write if newer.cache_write is None else newer.cache_write,
            self.cache_write_1h if newer.cache_write_1h is None else newer.cache_write_1h,
            self.reasoning if newer.reasoning is None else newer.reasoning,
            self.audio_input if newer.audio_input is None else newer.audio_input,
            self.audio_output if newer.audio_output is None else newer.audio_output,
            self.image_input if newer.image_input is None else newer.image_input,
            self.image_output if newer.image_output is None else newer.image_output,
            self.searches if newer.searches is None else newer.searches,
        )

    def plus(self, other: "Usage") -> "Usage":
        """The sum of two answers' counts; unknown plus unknown stays unknown."""
        return Usage(
            *(
                (a or 0) + (b or 0) if a is not None or b is not None else None
                for a, b in zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
            )
        )
