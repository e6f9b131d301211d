"""What Anthropic's newest models bind their thinking to: everything in the prompt before it.

Two prompts are one where only their cache marks differ, a text stands alone or in a list, or messages
of one role are taken apart. Thinking itself does not count: what another model wrote may be left out.
"""

import hashlib

import msgspec

from dragoman.testing.json_value import JSON, Object

_THINKING = frozenset({"thinking", "redacted_thinking"})


class Binding:
    """The digests of a request's prompt, up to each of its turns."""

    def __init__(self, body: Object) -> None:
        digest = hashlib.sha256()
        for name in ("system", "tools"):
            digest.update(_encoded(_blocks(body.get(name))))
        self._digests: list[str] = []
        role: JSON = None
        messages = body.get("messages")
        for message in messages if isinstance(messages, list) else []:
            members = message if isinstance(message, dict) else {}
            if members.get("role") != role:
                self._digests.append(digest.hexdigest())
                role = members.get("role")
                digest.update(_encoded(role))
            for block in _blocks(members.get("content")):
                if not (isinstance(block, dict) and block.get("type") in _THINKING):
                    digest.update(_encoded(block))
        self._digests.append(digest.hexdigest())

    def before(self, turn: int) -> str:
        """The digest of all that stands before a turn; messages of one role in a row are one."""
        return self._digests[turn][:_LENGTH]

    @property
    def whole(self) -> str:
        """The digest of the whole prompt: what the answer's own thinking is bound to."""
        return self._digests[-1][:_LENGTH]


_LENGTH = 32


def _blocks(content: JSON) -> list[JSON]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [_unmarked(block) for block in content] if isinstance(content, list) else []


def _unmarked(value: JSON) -> JSON:
    """The value without cache marks, at any depth of blocks."""
    if isinstance(value, list):
        return [_unmarked(element) for element in value]
    if not isinstance(value, dict):
        return value
    return {name: _unmarked(member) for name, member in value.items() if name != "cache_control"}


def _encoded(value: JSON) -> bytes:
    return msgspec.json.encode(value, order="sorted") + b"\n"
