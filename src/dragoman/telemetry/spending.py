"""Where the metrics count what upstream requests used, in tokens and in money."""

from typing import NamedTuple

from dragoman.conversation.usage import Usage
from dragoman.telemetry.series import Sum

KINDS = ("input", "output", "cache_read", "cache_write", "reasoning")
"""The kinds of tokens, in the order in which `Spending` has them."""


class Spending(NamedTuple):
    """Where is counted what one target used for one route. Costs are in nano-dollars."""

    cost: Sum
    prompt: Sum
    output: Sum
    cache_read: Sum
    cache_write: Sum
    reasoning: Sum

    def add(self, usage: Usage, nanos: int) -> None:
        """Count what one attempt used."""
        if nanos > 0:
            self.cost.amount += nanos
        if (count := usage.input) is not None and count > 0:
            self.prompt.amount += count
        if (count := usage.output) is not None and count > 0:
            self.output.amount += count
        if (count := usage.cache_read) is not None and count > 0:
            self.cache_read.amount += count
        if (count := usage.cache_write) is not None and count > 0:
            self.cache_write.amount += count
        if (count := usage.reasoning) is not None and count > 0:
            self.reasoning.amount += count
