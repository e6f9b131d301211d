"""What tells conversations apart by their beginning, so that each can stay where its prompt is cached."""

import hashlib

import msgspec

from dragoman.dialects.dialect import Head

_BEFORE = ("tools", "system", "systemInstruction", "system_instruction", "instructions")
"""What stands before the messages in the formats, and in the vendors' caches."""
_MESSAGES = ("messages", "input", "contents")
_GIVEN = "prompt_cache_key"
"""The client's own word for what shares a cache (OpenAI)."""


class _Message(msgspec.Struct):
    role: str = "user"


def conversation_prefix(head: Head, key: str) -> bytes:
    """16 bytes that stay the same from turn to turn of a conversation: a hash of the model, the client's
    key, the instructions, the tools and the messages up to the user's first.
    """
    digest = hashlib.blake2b(f"{key}\0{head.model}".encode(), digest_size=16)
    given = head.fields.get(_GIVEN)
    if given is not None:
        digest.update(given)
        return digest.digest()
    for field in _BEFORE:
        if field in head.fields:
            digest.update(head.fields[field])
    for field in _MESSAGES:
        if field in head.fields:
            for part in _beginning(head.fields[field]):
                digest.update(part)
    return digest.digest()


def _beginning(messages: msgspec.Raw) -> list[bytes]:
    """The messages up to the user's first one; all of what is no list."""
    try:
        listed = msgspec.json.decode(messages, type=list[msgspec.Raw])
    except msgspec.DecodeError:
        return [bytes(messages)]
    found: list[bytes] = []
    for message in listed:
        found.append(bytes(message))
        try:
            if msgspec.json.decode(message, type=_Message).role == "user":
                break
        except msgspec.DecodeError:
            break
    return found
