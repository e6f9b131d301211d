"""Ids that this format accepts, as pure functions of those that others chose."""

import hashlib
import re

from dragoman.conversation.turns import derived_call_id

ANSWER_PREFIX = "msg_"
"""What ids of answers begin with."""

_CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")


def call_id(own: str) -> str:
    """A tool-call id that matches `^[a-zA-Z0-9_-]+$`.

    One that does not gets a hash besides, so that no two different ids become one.
    """
    if _CALL_ID.fullmatch(own):
        return own
    return f"{_NOT_IN_ID.sub('_', own)[:48]}_{_hash(own)}"


class CallIds:
    """Ids of the calls of one answer; some models give all their calls the same one, or none."""

    def __init__(self, answer_id: str) -> None:
        self._answer_id = answer_id
        self._taken: set[str] = set()

    def take(self, own: str, index: int, name: str) -> str:
        """The id of the call that stands as the answer's block `index`."""
        identity = call_id(own) if own else ""
        if not identity or identity in self._taken:
            identity = derived_call_id(self._answer_id, str(index), name)
        self._taken.add(identity)
        return identity


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
