"""Well-formed answers of OpenAI Chat Completions."""

from dragoman.testing.grammar.framing import Frame, split_frames
from dragoman.testing.grammar.shape import (
    allow,
    array,
    child,
    children,
    count,
    maybe,
    name,
    number,
    one_of,
    require,
    text,
    thing,
    whole,
)
from dragoman.testing.json_value import JSON, Object, decode_json, decode_object

_FINISH = ("stop", "length", "tool_calls", "content_filter", "function_call")
_CUT = ("length", "content_filter")
"""Ends at which a tool call may be left incomplete."""


def check_stream(body: bytes, *, usage: bool | None = None) -> list[str]:
    """What is wrong with a whole streamed answer; empty when nothing is.

    `usage` says whether usage was asked for; None leaves it open.
    """
    stream = _Stream(usage)
    frames = split_frames(body, stream.found)
    for frame in frames:
        stream.feed(frame)
    stream.close()
    return stream.found


def check_response(body: bytes) -> list[str]:
    """What is wrong with a whole answer that was not streamed; empty when nothing is."""
    found: list[str] = []
    try:
        answer = decode_object(body)
    except ValueError as error:
        return [f"the answer is not a JSON object: {error}"]
    wanted = {
        "id": name,
        "object": one_of("chat.completion"),
        "created": count,
        "model": name,
        "choices": array,
    }
    require(answer, wanted, "answer", found)
    choices = children(answer, "choices")
    if not choices:
        found.append("answer: has no choices")
    for place, choice in enumerate(choices):
        _check_choice(choice, place, found)
    if "usage" in answer:
        _check_usage(child(answer, "usage"), "usage", found)
    return found


def check_error(body: bytes) -> list[str]:
    """What is wrong with the body of an error answer; empty when nothing is."""
    found: list[str] = []
    try:
        _check_error(decode_object(body), "answer", found)
    except ValueError as error:
        found.append(f"the answer is not a JSON object: {error}")
    return found


def _check_error(answer: Object, where: str, found: list[str]) -> None:
    if require(answer, {"error": thing}, where, found):
        wanted = {"message": name, "type": text, "param": maybe(text), "code": maybe(text)}
        require(child(answer, "error"), wanted, f"{where}.error", found)


def _check_choice(choice: Object, place: int, found: list[str]) -> None:
    where = f"choices[{place}]"
    wanted = {"index": count, "message": thing, "finish_reason": one_of(*_FINISH)}
    if not require(choice, wanted, where, found):
        return
    if choice["index"] != place:
        found.append(f"{where}: `index` is {choice['index']}")
    allow(choice, {"logprobs": maybe(thing)}, where, found)
    _check_logprobs(choice.get("logprobs"), where, found)
    message = child(choice, "message")
    wanted = {"role": one_of("assistant"), "content": maybe(text), "refusal": maybe(text)}
    require(message, wanted, f"{where}.message", found)
    calls = children(message, "tool_calls")
    if message.get("tool_calls") == []:
        found.append(f"{where}.message: `tool_calls` is empty instead of absent")
    finish = str(choice["finish_reason"])
    for number_of, call in enumerate(calls):
        _check_call(call, f"{where}.message.tool_calls[{number_of}]", found, cut=finish in _CUT)
    _check_finish(finish, bool(calls), "function_call" in message, where, found)


def _check_call(call: Object, where: str, found: list[str], *, cut: bool) -> None:
    if not require(call, {"id": name, "type": one_of("function", "custom")}, where, found):
        return
    if call["type"] == "custom":
        require(child(call, "custom"), {"name": name, "input": text}, f"{where}.custom", found)
    elif require(child(call, "function"), {"name": name, "arguments": text}, f"{where}.function", found):
        _check_arguments(str(child(call, "function")["arguments"]), where, found, cut=cut)


def _check_arguments(arguments: str, where: str, found: list[str], *, cut: bool) -> None:
    if cut:
        return
    try:
        decode_json(arguments)
    except ValueError:
        found.append(f"{where}: the arguments are not JSON: {arguments[:80]!r}")


def _check_finish(finish: str, called: bool, legacy: bool, where: str, found: list[str]) -> None:
    if finish in _CUT:
        return
    expected = "tool_calls" if called else "function_call" if legacy else "stop"
    if finish != expected:
        found.append(f"{where}: ends with `{finish}` where `{expected}` is due")


def _check_logprobs(logprobs: JSON, where: str, found: list[str]) -> None:
    if not isinstance(logprobs, dict):
        return
    require(logprobs, {"content": maybe(array), "refusal": maybe(array)}, f"{where}.logprobs", found)
    for token in children(logprobs, "content") + children(logprobs, "refusal"):
        wanted = {"token": text, "logprob": number, "bytes": maybe(array), "top_logprobs": array}
        require(token, wanted, f"{where}.logprobs", found)


def _check_usage(usage: Object, where: str, found: list[str]) -> None:
    wanted = {"prompt_tokens": count, "completion_tokens": count, "total_tokens": count}
    if not require(usage, wanted, where, found):
        return
    prompt, completion = whole(usage, "prompt_tokens"), whole(usage, "completion_tokens")
    if whole(usage, "total_tokens") != prompt + completion:
        found.append(f"{where}: `total_tokens` is not the sum of prompt and completion")
    if whole(child(usage, "prompt_tokens_details"), "cached_tokens") > prompt:
        found.append(f"{where}: more tokens are cached than the prompt has")
    if whole(child(usage, "completion_tokens_details"), "reasoning_tokens") > completion:
        found.append(f"{where}: more tokens are reasoning than the completion has")


class _Call:
    def __init__(self, *, custom: bool) -> None:
        self.custom = custom
        self.arguments = ""


class _Choice:
    """One choice on its way: role first, then content, then the finish reason."""

    def __init__(self, where: str, found: list[str]) -> None:
        self._where = where
        self._found = found
        self._calls: dict[int, _Call] = {}
        self._legacy = False
        self._begun = False
        self.finish: str | None = None

    def feed(self, choice: Object) -> None:
        where, found = self._where, self._found
        if self.finish is not None:
            found.append(f"{where}: goes on after its finish reason")
        wanted = {"delta": thing, "finish_reason": maybe(one_of(*_FINISH))}
        if not require(choice, wanted, where, found):
            return
        delta = child(choice, "delta")
        if not self._begun and delta.get("role") != "assistant":
            found.append(f"{where}: the first delta has no role")
        if self._begun and "role" in delta:
            found.append(f"{where}: the role is repeated")
        self._begun = True
        members = {
            "content": maybe(text),
            "refusal": maybe(text),
            "tool_calls": array,
            "function_call": thing,
        }
        allow(delta, members, f"{where}.delta", found)
        allow(choice, {"logprobs": maybe(thing)}, where, found)
        _check_logprobs(choice.get("logprobs"), where, found)
        for fragment in children(delta, "tool_calls"):
            self._feed_call(fragment)
        self._legacy = self._legacy or "function_call" in delta
        if isinstance(finish := choice["finish_reason"], str):
            self.finish = finish

    def _feed_call(self, fragment: Object) -> None:
        where, found = f"{self._where}.delta.tool_calls", self._found
        if not require(fragment, {"index": count}, where, found):
            return
        index = whole(fragment, "index")
        call = self._calls.get(index)
        if call is None:
            if index != len(self._calls):
                found.append(f"{where}: call {index} begins where call {len(self._calls)} is due")
            custom = fragment.get("type") == "custom"
            require(fragment, {"id": name, "type": one_of("function", "custom")}, where, found)
            inner = child(fragment, "custom" if custom else "function")
            require(inner, {"name": name, "input" if custom else "arguments": text}, where, found)
            call = self._calls[index] = _Call(custom=custom)
        else:
            inner = child(fragment, "custom" if call.custom else "function")
            found.extend(
                f"{where}: `{member}` of call {index} is repeated"
                for member, holder in (("id", fragment), ("type", fragment), ("name", inner))
                if member in holder
            )
        if isinstance(piece := inner.get("input" if call.custom else "arguments"), str):
            call.arguments += piece

    def close(self) -> None:
        if self.finish is None:
            self._found.append(f"{self._where}: has no finish reason")
            return
        for index, call in self._calls.items():
            if not call.custom:
                where = f"{self._where}: call {index}"
                _check_arguments(call.arguments, where, self._found, cut=self.finish in _CUT)
        _check_finish(self.finish, bool(self._calls), self._legacy, self._where, self._found)


class _Stream:
    def __init__(self, usage: bool | None) -> None:
        self.found: list[str] = []
        self._asked = usage
        self._identity: tuple[JSON, ...] | None = None
        self._choices: dict[int, _Choice] = {}
        self._has_usage_member: list[bool] = []
        self._usage_seen = False
        self._failed = False
        self._done = False

    def feed(self, frame: Frame) -> None:
        where = f"frame {frame.number}"
        if self._done:
            self.found.append(f"{where}: comes after [DONE]")
        elif frame.data == "[DONE]":
            self._done = True
        else:
            try:
                chunk = decode_object(frame.data)
            except ValueError as error:
                self.found.append(f"{where}: {error}")
                return
            if self._failed:
                self.found.append(f"{where}: comes after an error")
            elif "error" in chunk:
                self._failed = True
                _check_error(chunk, where, self.found)
            else:
                self._feed_chunk(chunk, where)

    def _feed_chunk(self, chunk: Object, where: str) -> None:
        wanted = {
            "id": name,
            "object": one_of("chat.completion.chunk"),
            "created": count,
            "model": name,
            "choices": array,
        }
        if not require(chunk, wanted, where, self.found):
            return
        identity = (chunk["id"], chunk["created"], chunk["model"])
        if self._identity not in {None, identity}:
            self.found.append(f"{where}: id, created or model differ from those of the first chunk")
        self._identity = self._identity or identity
        if self._usage_seen:
            self.found.append(f"{where}: comes after the chunk with usage")
        self._has_usage_member.append("usage" in chunk)
        if isinstance(usage := chunk.get("usage"), dict):
            self._feed_usage(chunk, usage, where)
        elif not chunk["choices"]:
            self.found.append(f"{where}: has neither choices nor usage")
        for choice in children(chunk, "choices"):
            if require(choice, {"index": count}, where, self.found):
                index = whole(choice, "index")
                if index not in self._choices:
                    self._choices[index] = _Choice(f"choice {index}", self.found)
                self._choices[index].feed(choice)

    def _feed_usage(self, chunk: Object, usage: Object, where: str) -> None:
        self._usage_seen = True
        if chunk["choices"]:
            self.found.append(f"{where}: usage stands beside choices")
        if any(choice.finish is None for choice in self._choices.values()):
            self.found.append(f"{where}: usage comes before every choice has finished")
        _check_usage(usage, f"{where}.usage", self.found)

    def close(self) -> None:
        if self._failed:
            return
        if not self._done:
            self.found.append("the stream ends without [DONE]")
        if not self._choices:
            self.found.append("the stream has no choices")
        if sorted(self._choices) != list(range(len(self._choices))):
            self.found.append(f"the choices are numbered {sorted(self._choices)}")
        for choice in self._choices.values():
            choice.close()
        if self._asked is True and not self._usage_seen:
            self.found.append("usage was asked for and did not come")
        if self._asked is False and self._usage_seen:
            self.found.append("usage came and was not asked for")
        if self._usage_seen and not all(self._has_usage_member):
            self.found.append("a chunk before the one with usage lacks `usage: null`")
