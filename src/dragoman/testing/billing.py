"""What the fake provider bills for a request: what a vendor's invoice would say, told to tests.

It bills by what went out, so that whoever was on the other side can know it too: an answer that went out
whole costs what its usage says; one that broke off costs its prompt, and what had been said till then, each
estimated as `dragoman.conversation.cut_usage` does where the answer had not told it. What was refused costs
nothing.
"""

import contextlib

import msgspec

from dragoman.conversation.cut_usage import CutUsage
from dragoman.conversation.events import MEANINGFUL, Failed, Stopped, UsageReported
from dragoman.conversation.failure import FailureError
from dragoman.conversation.request import Request
from dragoman.conversation.token_estimate import estimate_tokens
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Dialect, Location
from dragoman.dialects.registry import SPOKEN


class Account(msgspec.Struct, frozen=True):
    """To whom an answer is billed: the request that it is for, and what the model says that it took."""

    dialect: str
    body: bytes
    location: Location
    embedding: bool = False
    usage: Usage | None = None

    @property
    def spoken(self) -> Dialect:
        """The format of the request."""
        return SPOKEN[self.dialect]

    def request(self) -> Request | None:
        """The request; None where it cannot be read."""
        with contextlib.suppress(FailureError):
            return self.spoken.parse_request(self.body, self.location)
        return None


def bill(account: Account, out: bytes, *, streamed: bool, whole: bool) -> Usage | None:
    """What is billed for a good answer of which these bytes went `out`, `whole` or not; None for nothing."""
    if account.embedding:
        return _embedded(account, out) if whole else None
    if not streamed:
        return _whole(account, out) if whole else _prompt(account)
    return _stream(account, out, whole=whole)


def _whole(account: Account, out: bytes) -> Usage | None:
    with contextlib.suppress(FailureError):
        return account.spoken.meter_response(out).usage or account.usage
    return _prompt(account)


def _prompt(account: Account) -> Usage | None:
    request = account.request()
    return None if request is None else Usage(input=estimate_tokens(request), output=0)


def _stream(account: Account, out: bytes, *, whole: bool) -> Usage | None:
    decoder = account.spoken.stream_decoder("")
    events = decoder.feed(out)
    if whole:
        events += decoder.close()
    told: Usage | None = None
    cut, said, stopped = CutUsage(), False, False
    for event in events:
        if isinstance(event, Failed):
            break
        cut.hear(event)
        if isinstance(event, UsageReported):
            told = event.usage if told is None else told.updated(event.usage)
        stopped = stopped or isinstance(event, Stopped)
        said = said or isinstance(event, MEANINGFUL)
    if whole and stopped and (told or account.usage):
        return told or account.usage
    if stopped and told is not None:
        return told
    if said:
        return cut.estimated(told, account.request())
    return told or _prompt(account)


def _embedded(account: Account, out: bytes) -> Usage | None:
    embedding = account.spoken.embedding
    if embedding is None:
        return None
    with contextlib.suppress(FailureError):
        tokens = embedding.meter_response(out)
        return None if tokens is None else Usage(input=tokens)
    return None
