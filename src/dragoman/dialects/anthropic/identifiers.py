"""Ids and names that this format accepts, as pure functions of those that others chose."""

import hashlib
import re
from collections.abc import Iterable

from dragoman.conversation.turns import derived_call_id

_CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")
_VENDOR_PREFIX = re.compile(r"(?:chatcmpl|cmpl|resp|response|gen|req|msg)[-_.]")
_MAX_NAME = 64


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


def message_id(upstream: str, fallback: str) -> str:
    """The id of an answer: `msg_` and what the upstream calls it, or else `fallback`."""
    if not upstream:
        return fallback
    if upstream.startswith("msg_"):
        return upstream
    return "msg_" + (_VENDOR_PREFIX.sub("", upstream, count=1) or fallback)


class ToolNames:
    """Names of tools on the wire, one for each of the client's own and the other way round."""

    def __init__(self, declared: Iterable[str]) -> None:
        names = list(declared)
        self._wire = {name: name for name in names if _fits(name)}
        self._taken = set(self._wire)
        for name in names:
            if name not in self._wire:
                self._wire[name] = self._free(name)

    def wire(self, own: str) -> str:
        """The name on the wire of the tool that the client calls `own`, declared or not."""
        known = self._wire.get(own)
        if known is not None:
            return known
        if _fits(own):
            return own
        self._wire[own] = self._free(own)
        return self._wire[own]

    @property
    def changed(self) -> dict[str, str]:
        """The client's names by those on the wire that stand for them."""
        return {wire: own for own, wire in self._wire.items() if wire != own}

    def unused(self, wanted: str) -> str:
        """`wanted`, or the first name like it that no tool has."""
        name, count = wanted, 1
        while name in self._taken:
            count += 1
            name = f"{wanted}_{count}"
        return name

    def _free(self, own: str) -> str:
        name = _NOT_IN_ID.sub("_", own) or "tool"
        if len(name) > _MAX_NAME or name in self._taken:
            name = f"{name[: _MAX_NAME - 9]}_{_hash(own)}"
        self._taken.add(name)
        return name


def _fits(name: str) -> bool:
    return len(name) <= _MAX_NAME and _CALL_ID.fullmatch(name) is not None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
