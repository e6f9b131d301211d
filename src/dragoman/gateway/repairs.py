"""What an upstream's refusal teaches about it: a request that names its own remedy is repaired once.

Model profiles and provider rows lag behind the vendors. A 400 that names a field, or says what the model
does not take, changes what is known of the target for as long as the process lives, so that the
next request is right the first time.
"""

import collections
import re

import msgspec

from dragoman.conversation.blocks import Block, Text, Thinking, ToolCall
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.request import Request
from dragoman.dialects.dialect import Target

_FIELD = re.compile(
    r"(?:unsupported parameter|unsupported value|unrecognized request argument supplied|unknown parameter"
    r"|unknown name|unknown field|unexpected keyword argument)\W+(?P<first>[A-Za-z_]\w*)"
    r"|(?P<second>[A-Za-z_]\w*)(?:\.\w+)*: extra inputs are not permitted"
    r"|[`'\"](?P<third>[A-Za-z_]\w*)[`'\"] "
    r"(?:is unsupported|is not supported|is not allowed|is deprecated|does not support|is not permitted)",
    re.IGNORECASE,
)
_FORCING = re.compile(r"not support|thinking|may not")
_NEEDED = frozenset({"model", "messages", "input", "contents", "tools", "system", "instructions", "stream"})
"""Fields without which it would be another request; none of them is ever left out."""
_SAMPLING = frozenset({"temperature", "top_p", "top_k", "topP", "topK"})
_LIMITS = frozenset({"max_tokens", "max_completion_tokens"})


def repaired(failure: Failure, target: Target) -> Target | None:
    """The target as the refusal shows it to be; None where it teaches nothing that helps."""
    if failure.kind is not FailureKind.INVALID_REQUEST or failure.status not in {400, 422}:
        return None
    words = failure.message.lower()
    profile, host = target.profile, target.host
    if "reasoning_effort" in words and "tool" in words and profile.chat_tools != "never":
        profile = msgspec.structs.replace(profile, chat_tools="never")
    elif ("prefill" in words or "ending with a model turn" in words) and profile.ends_with_model:
        profile = msgspec.structs.replace(profile, prefill=False, ends_with_model=False)
    elif "role 'system' is not supported" in words and profile.system_in_place:
        profile = msgspec.structs.replace(profile, system_in_place=False)
    elif "tool_choice" in words and profile.forced_tools and _FORCING.search(words):
        profile = msgspec.structs.replace(profile, forced_tools=False)
    elif "too complex" in words and "schema" in words and profile.json_schema:
        profile = msgspec.structs.replace(profile, json_schema=False)
    else:
        field = _named_field(failure)
        if field in _LIMITS:
            other = "max_tokens" if field == "max_completion_tokens" else "max_completion_tokens"
            if (host.max_tokens_field or profile.max_tokens_field) == other:
                return None
            host = msgspec.structs.replace(host, max_tokens_field=other)
        elif field in _SAMPLING and profile.sampling != "none":
            profile = msgspec.structs.replace(profile, sampling="none")
        elif field == "stream_options" and host.stream_options:
            host = msgspec.structs.replace(host, stream_options=False)
        elif field and field not in _NEEDED and field not in host.rejects:
            host = msgspec.structs.replace(host, rejects=host.rejects | {field})
    if profile is target.profile and host is target.host:
        return None
    return msgspec.structs.replace(target, profile=profile, host=host)


def refuses_signatures(failure: Failure) -> bool:
    """Whether it is reasoning from earlier turns that the upstream does not accept."""
    words = failure.message.lower()
    return (
        failure.kind is FailureKind.INVALID_REQUEST
        and failure.status == 400
        and ("signature" in words or "encrypted_content" in words or "encrypted content" in words)
    )


def unsigned(request: Request) -> Request:
    """The request without any signature, and without reasoning that is nothing without one."""
    return msgspec.structs.replace(
        request,
        messages=tuple(
            msgspec.structs.replace(
                message,
                blocks=tuple(_unsigned(block) for block in message.blocks if not isinstance(block, Thinking)),
            )
            for message in request.messages
        ),
    )


def _unsigned(block: Block) -> Block:
    if isinstance(block, Text | ToolCall) and block.signature is not None:
        return msgspec.structs.replace(block, signature=None)
    return block


def _named_field(failure: Failure) -> str | None:
    if failure.code in {"unsupported_parameter", "unsupported_value", "unknown_parameter"} and failure.param:
        return re.split(r"[.\[]", failure.param)[0]
    found = _FIELD.search(failure.message)
    return None if found is None else next(name for name in found.groups() if name is not None)


class Learnt:
    """Targets as their refusals have shown them to be; bounded, the ones that were not met for long go."""

    def __init__(self, most: int = 1024) -> None:
        self._targets: collections.OrderedDict[tuple[str, str], Target] = collections.OrderedDict()
        self._most = most

    def known(self, target: Target) -> Target:
        """What is known of a target."""
        key = (target.provider, target.model)
        if key not in self._targets:
            return target
        self._targets.move_to_end(key)
        return self._targets[key]

    def learn(self, target: Target) -> None:
        """Remember what a target takes, once a request has shown it to be true."""
        self._targets[target.provider, target.model] = target
        if len(self._targets) > self._most:
            self._targets.popitem(last=False)
