"""What every exchange has to keep, whatever its upstreams do. All of it is read off from outside."""

import enum
import re
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


ATTEMPTS = {Backing.ALONE: 2, Backing.ONCE: 1, Backing.BACKED: 3, Backing.DOOMED: 3}
"""The most upstream requests for one request."""


class Heard(NamedTuple):
    """What a client made of an answer whose form was good."""

    words: str
    error: Told | None = None
    finished: bool = False
    """Whether it was told that the answer is complete."""


def read(client: Client, reply: Reply, *, stream: bool, own: bool) -> Heard:
    """Read an answer as clients do; `own` says that the upstream spoke the client's dialect.

    Raises `AssertionError` for one of bad form.
    """
    assert reply.headers["x-request-id"].startswith("req_")
    if reply.status != 200:
        assert reply.status >= 400, reply
        return Heard("", client.read_error(reply))
    if not stream:
        problems = client.grammar.check_response(reply.body)
        assert not problems, f"{problems} in {reply}"
        return Heard(client.words(reply), finished=True)
    if own:
        # what goes through stays as it came: line ends of both kinds and comments are the standard's
        lines = reply.body.replace(b"\r\n", b"\n")
        reply = reply._replace(body=_COMMENT.sub(b"", lines))
    problems = [one for one in client.grammar.check_stream(reply.body) if one not in _NO_USAGE]
    assert not problems, f"{problems} in {reply}"
    error = next((client.told(frame) for frame in client.frames(reply.body) if "error" in frame), None)
    return Heard(client.words(reply), error, client.finished(reply.body))


_NO_USAGE = {"the answer has no usageMetadata"}
"""Fair where an upstream breaks off between its last word and its usage."""

_COMMENT = re.compile(rb"^: (?:busy|a comment)\n\n", re.MULTILINE)


def judge(
    heard: Heard,
    asked: Sequence[Asked],
    backing: Backing,
    fates: Mapping[str, Fate],
    *,
    guarded: bool = False,
) -> None:
    """Hold an exchange against the promises. Raises `AssertionError` for one that is broken.

    `fates` has what each place's answers may come to; a place without one is well. A `guarded` gateway
    may ask two places side by side, and may let none be asked, to spare them.
    """
    places = [one.place for one in asked]
    most = ATTEMPTS[backing]
    assert len(asked) <= most, f"{len(asked)} requests where {most} are allowed: {places}"
    well = {place: Fate(words, whole=True) for place, words in WORDS.items()}
    known = {**well, **fates}
    speaker = places[-1] if places else "nobody"
    if guarded and heard.words:
        speaker = next((place for place in places if WORDS[place].startswith(heard.words)), speaker)
    if heard.error is None:
        assert heard.finished, f"neither complete nor an error: {heard}"
        assert heard.words == WORDS.get(speaker), f"{heard} is not what the {speaker} says ({places})"
        assert known[speaker].whole is not False, f"a good answer out of a broken one: {heard}"
        return
    if speaker != "nobody":
        told = known[speaker]
        assert guarded or told.whole is not True, f"a good answer became {heard}"
        assert told.says.startswith(heard.words), (
            f"{heard.words!r} is no beginning of {told.says!r} ({places})"
        )
        assert told.whole is None or not heard.finished, f"both complete and an error: {heard}"
    if backing is Backing.BACKED and not heard.words and not guarded:
        raise AssertionError(f"the second target was not heard: {heard}, {places} were asked")
