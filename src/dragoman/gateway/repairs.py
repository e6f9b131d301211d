"""What an upstream's refusal teaches about it: a request that names its own remedy is repaired.

Model profiles and provider rows lag behind the vendors. A 400 that names a field, or says what the model
does not take, changes what is known of the target for as long as the process lives, and spares later
requests the same refusal. A refusal that may be due to the one request (to a value, to a part
of a field, to two wishes that do not go together) repairs that request and teaches nothing.
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
    r"|(?P<second>[A-Za-z_]\w*(?:\.\w+)*): extra inputs are not permitted"
    r"|[`'\"](?P<third>[A-Za-z_]\w*)[`'\"] "
    r"(?:is unsupported|is not supported|is not allowed|is deprecated|does not support|is not permitted)",
    re.IGNORECASE,
)
_FORCING = re.compile(r"not support|thinking|may not")
_CONDITION = re.compile(r"\b(?:when|while|if|unless|together|combined|combination|both)\b")
"""Words of a refusal that holds under a condition, which other requests need not meet."""
_ONLY_DEFAULT = "only the default"
_NEEDED = frozenset({"model", "messages", "input", "contents", "tools", "system", "instructions", "stream"})
"""Fields without which it would be another request; none of them is ever left out."""
_SAMPLING = frozenset({"temperature", "top_p", "top_k", "topP", "topK"})
_LIMITS = frozenset({"max_tokens", "max_completion_tokens"})
_FORMS = frozenset(
    {"response_format", "json_schema", "text", "output_config", "output_format", "generationConfig"}
)
"""What asks for the form of the answer: never left out, but brought about in another way."""


class Repair(msgspec.Struct, frozen=True):
    """The target as a refusal shows it to be.

    `lasting` says that this is so for every request, and not only for the one that was refused.
    """

    target: Target
    lasting: bool


def repaired(failure: Failure, target: Target) -> Repair | None:
    """What a refusal says of the target; None where it says nothing that helps."""
    if failure.kind is not FailureKind.INVALID_REQUEST or failure.status not in {400, 422}:
        return None
    words = failure.message.lower()
    profile, host = target.profile, target.host
    lasting = _CONDITION.search(words) is None
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
        lasting = False
    else:
        path = _named_path(failure)
        field = re.split(r"[.\[]", path)[0]
        lasting = lasting and path == field and not _refuses_value(failure, field)
        if field in _LIMITS:
            other = "max_tokens" if field == "max_completion_tokens" else "max_completion_tokens"
            if (host.max_tokens_field or profile.max_tokens_field) == other:
                return None
            host = msgspec.structs.replace(host, max_tokens_field=other)
        elif field in _SAMPLING and profile.sampling != "none":
            profile = msgspec.structs.replace(profile, sampling="none")
        elif field == "stream_options" and host.stream_options:
            host = msgspec.structs.replace(host, stream_options=False)
        elif field in _FORMS and profile.json_schema:
            profile = msgspec.structs.replace(profile, json_schema=False)
        elif field and field not in _NEEDED | _FORMS | host.rejects:
            host = msgspec.structs.replace(host, rejects=host.rejects | {field})
    if profile is target.profile and host is target.host:
        return None
    return Repair(msgspec.structs.replace(target, profile=profile, host=host), lasting)


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


def _named_path(failure: Failure) -> str:
    """The field that is refused, with the way to its part where the refusal tells it; empty for none."""
    if failure.code in {"unsupported_parameter", "unsupported_value", "unknown_parameter"} and failure.param:
        return failure.param
    found = _FIELD.search(failure.message)
    return "" if found is None else next(name for name in found.groups() if name is not None)


def _refuses_value(failure: Failure, field: str) -> bool:
    """Whether it is one value that is refused, and others of the field may be taken."""
    told = failure.code == "unsupported_value" or "unsupported value" in failure.message.lower()
    return told and not (field in _SAMPLING and _ONLY_DEFAULT in failure.message.lower())


class Learnt:
    """Targets as their refusals have shown them to be; bounded, the ones that were not met for long go."""

    def __init__(self, most: int = 1024) -> None:
        self._targets: collections.OrderedDict[tuple[str, str], Target] = collections.OrderedDict()
        self._most = most

    def known(self, target: Target) -> Target:
        """What is known of a target."""
        if not self._targets:
            return target
        key = (target.provider, target.model)
        if key not in self._targets:
            return target
        self._targets.move_to_end(key)
        return self._targets[key]

    def learn(self, target: Target) -> None:
        """Remember a target as it has lastingly shown itself to be, once a request has proved it."""
        self._targets[target.provider, target.model] = target
        if len(self._targets) > self._most:
            self._targets.popitem(last=False)
