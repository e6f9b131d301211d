"""What every exchange has to keep, whatever its upstreams do. All of it is read off from outside."""

import enum
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.chaos.speech import WORDS, Fate
from tests.chaos.upstream import Asked
from tests.live.client import Client, Reply, Told


class Backing(enum.StrEnum):
    """What stands behind a route's first target."""

    ALONE = "alone"
    """Nothing."""
    ONCE = "once"
    """Nothing, and no second try is allowed."""
    BACKED = "backed"
    """A second target, which is well."""
    DOOMED = "doomed"
    """A second target, which does as the first."""


ATTEMPTS = {Backing.ALONE: 3, Backing.ONCE: 1, Backing.BACKED: 3, Backing.DOOMED: 3}
"""The most upstream requests for one request."""


class Heard(NamedTuple):
    """What a client made of an answer whose form was good."""

    words: str
    error: Told | None = None
    status: int = 200
    headers: Mapping[str, str] = {}


def read(client: Client, reply: Reply, *, stream: bool) -> Heard:
    """Read an answer as clients do. Raises `AssertionError` for one of bad form."""
    if reply.status != 200:
        assert reply.status >= 400, reply
        return Heard("", client.read_error(reply), reply.status, reply.headers)
    # the standard lets lines of a stream end in either way, and what goes through stays as it came
    reply = reply._replace(body=reply.body.replace(b"\r\n", b"\n")) if stream else reply
    words = client.words(reply)
    if not stream:
        problems = client.grammar.check_response(reply.body)
        assert not problems, f"{problems} in {reply}"
        return Heard(words, headers=reply.headers)
    error = client.stream_error(reply)
    assert client.finished(reply.body) == (error is None), f"an error, and finished: {reply}"
    return Heard(words, error, headers=reply.headers)


def judge(heard: Heard, asked: Sequence[Asked], backing: Backing, fates: Mapping[str, Fate]) -> None:
    """Hold an exchange against the promises. Raises `AssertionError` for one that is broken.

    `fates` has what each place's answers may come to; a place without one is well.
    """
    places = [one.place for one in asked]
    most = ATTEMPTS[backing]
    assert len(asked) <= most, f"{len(asked)} requests where {most} are allowed: {places}"
    well = {place: Fate(words, whole=True) for place, words in WORDS.items()}
    known = {**well, **fates}
    if heard.error is None:
        source = next((place for place, words in WORDS.items() if words == heard.words), None)
        assert source is not None, f"the words are no answer: {heard.words!r}"
        assert known[source].whole is not False, f"an answer out of a broken one: {heard}"
        assert places[-1:] == [source], f"{source} had answered, and {places} were asked"
        return
    if heard.words:
        source = places[-1] if places else "nobody"
        told = known[source].says
        assert told.startswith(heard.words), f"{heard.words!r} is no beginning of {told!r} ({places})"
        assert known[source].whole is not True, f"a good answer ended in {heard}"
        return
    assert "second" not in places or known["second"].whole is not True, f"a good answer became {heard}"
    assert known["first"].whole is not True, f"a good answer became {heard}"
    assert backing is not Backing.BACKED, f"the second target was not heard: {heard}, {places} were asked"
