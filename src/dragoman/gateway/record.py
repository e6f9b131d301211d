"""What is known about an exchange when it has ended: one log entry."""

import msgspec

from dragoman.conversation.failure import Failure
from dragoman.conversation.loss import Loss
from dragoman.conversation.response import StopReason
from dragoman.conversation.usage import Usage
from dragoman.gateway.answer_headers import render_losses


class Record(msgspec.Struct):
    """One exchange, filled in as it goes. Times are in seconds on the event loop's clock."""

    request_id: str
    dialect: str
    began: float
    purpose: str = ""
    """What was asked for, where it is no answer of a model: `count`, `embedding`."""
    key: str = ""
    """The name of the client's key, never the key."""
    model: str = ""
    provider: str = ""
    upstream_model: str = ""
    upstream_dialect: str = ""
    plan: str = ""
    stream: bool = False
    attempts: int = 0
    first_byte: float | None = None
    ended: float | None = None
    usage: Usage | None = None
    counted: int | None = None
    """The tokens of a prompt that was counted and not sent: nothing that was spent."""
    estimated: bool = False
    """Whether the number of tokens is ours and not the vendor's."""
    stops: tuple[StopReason, ...] = ()
    losses: tuple[Loss, ...] = ()
    report_losses: bool = True
    """Whether the client is told of the losses; the log always is."""
    failure: Failure | None = None
    client_left: bool = False

    def entry(self) -> dict[str, object]:
        """The fields of the log entry, those that say nothing left out."""
        usage = self.usage or Usage()
        fields: dict[str, object] = {
            "request_id": self.request_id,
            "dialect": self.dialect,
            "purpose": self.purpose,
            "key": self.key,
            "model": self.model,
            "target": f"{self.provider}/{self.upstream_model}" if self.provider else "",
            "upstream_dialect": self.upstream_dialect,
            "plan": self.plan,
            "stream": self.stream,
            "attempts": self.attempts,
            "first_byte_ms": _milliseconds(self.began, self.first_byte),
            "total_ms": _milliseconds(self.began, self.ended),
            "input_tokens": usage.input,
            "cache_read_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
            "output_tokens": usage.output,
            "reasoning_tokens": usage.reasoning,
            "counted_tokens": self.counted,
            "estimated": self.estimated,
            "stop": ",".join(self.stops),
            "losses": render_losses(self.losses) if self.losses else "",
            "failure": str(self.failure.kind) if self.failure else "",
            "error": self.failure.message if self.failure else "",
            "client_left": self.client_left,
        }
        return {name: value for name, value in fields.items() if value not in (None, "", False)}


def _milliseconds(began: float, moment: float | None) -> float | None:
    return None if moment is None else round((moment - began) * 1000, 1)
