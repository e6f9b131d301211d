"""Requests of OpenAI Chat Completions, written for a client and read at the upstream."""

from dragoman.conformance.exact_json import decode, encode
from dragoman.conformance.members import number, objects_in, string, strings, truth
from dragoman.conformance.question import (
    Call,
    Media,
    Part,
    Question,
    Result,
    Thought,
    Tool,
    Turn,
    UnsayableError,
    Words,
)
from dragoman.testing.grammar.shape import child, children
from dragoman.testing.json_value import JSON, Object

_AUDIO = {"audio/wav": "wav", "audio/mp3": "mp3", "audio/mpeg": "mp3"}


def write(question: Question) -> Object:
    """The body of a client's request. Raises `UnsayableError` for what the format has no field for."""
    messages: list[JSON] = [{"role": "system", "content": text} for text in question.system]
    for turn in question.turns:
        messages += turn.verbatim or _messages(turn)
    body: Object = {"model": question.model, "messages": messages}
    if question.tools:
        body["tools"] = [_tool(tool) for tool in question.tools]
    if question.choice is not None:
        mode, _, name = question.choice.partition(":")
        body["tool_choice"] = {"type": "function", "function": {"name": name}} if name else mode
    if question.schema:
        form: Object = {"name": "answer", "strict": True, "schema": decode(question.schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    elif question.json_object:
        body["response_format"] = {"type": "json_object"}
    if question.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": question.logprobs}
    if question.web_search:
        body["web_search_options"] = {}
    if question.stream:
        body["stream"] = True
        if question.stream_usage:
            body["stream_options"] = {"include_usage": True}
    plain: dict[str, JSON] = {
        "parallel_tool_calls": question.parallel,
        "temperature": question.temperature,
        "top_p": question.top_p,
        "max_completion_tokens": question.max_tokens,
        "stop": list(question.stop) or None,
        "n": question.candidates if question.candidates > 1 else None,
        "reasoning_effort": question.effort,
    }
    return body | {name: value for name, value in plain.items() if value is not None} | question.extra


def _messages(turn: Turn) -> list[JSON]:
    if turn.role == "assistant":
        return [_assistant(turn)]
    messages: list[JSON] = [_result(part) for part in turn.parts if isinstance(part, Result)]
    parts = [part for part in turn.parts if not isinstance(part, Result)]
    match parts:
        case []:
            pass
        case [Words(text=text, cached=False)]:
            messages.append({"role": turn.role, "content": text})
        case _:
            messages.append({"role": turn.role, "content": [_part(part) for part in parts]})
    return messages


def _assistant(turn: Turn) -> Object:
    text = "".join(part.text for part in turn.parts if isinstance(part, Words))
    calls = [part for part in turn.parts if isinstance(part, Call)]
    if any(isinstance(part, Thought) for part in turn.parts) or any(call.signature for call in calls):
        raise UnsayableError("Chat Completions: assistant messages have no field for reasoning")
    message: Object = {"role": "assistant", "content": text if text or not calls else None}
    if calls:
        message["tool_calls"] = [_call(call) for call in calls]
    return message


def _call(call: Call) -> Object:
    if call.custom:
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    function: Object = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _result(result: Result) -> Object:
    if result.is_error:
        raise UnsayableError("Chat Completions: tool messages have no mark for errors")
    if any(isinstance(part, Media) for part in result.parts):
        raise UnsayableError("Chat Completions: tool messages hold text only")
    text = "".join(part.text for part in result.parts if isinstance(part, Words))
    return {"role": "tool", "tool_call_id": result.call_id, "content": text}


def _part(part: Part) -> Object:
    match part:
        case Words(cached=True):
            raise UnsayableError("Chat Completions: cache marks are Anthropic's")
        case Words(text=text):
            return {"type": "text", "text": text}
        case Media(kind="image", url=url, media_type=kind, data=data):
            return {"type": "image_url", "image_url": {"url": url or f"data:{kind};base64,{data}"}}
        case Media(kind="document", url="", media_type=kind, data=data):
            file: Object = {"filename": "report.pdf", "file_data": f"data:{kind};base64,{data}"}
            return {"type": "file", "file": file}
        case Media(kind="audio", url="", media_type=kind, data=data):
            return {"type": "input_audio", "input_audio": {"data": data, "format": _AUDIO[kind]}}
        case _:
            raise UnsayableError("Chat Completions: user messages hold text, images, audio and inline files")


def _tool(tool: Tool) -> Object:
    if tool.custom:
        return {"type": "custom", "custom": {"name": tool.name, "description": tool.description}}
    function: Object = {"name": tool.name, "description": tool.description}
    if tool.schema:
        function["parameters"] = decode(tool.schema)
    return {"type": "function", "function": function}


def read(body: Object, _path: str = "") -> Question:
    """What an upstream was asked."""
    system: list[str] = []
    turns: list[Turn] = []
    for message in children(body, "messages"):
        role = string(message, "role")
        if role in {"system", "developer"}:
            texts = [part.text for part in _read_content(message.get("content")) if isinstance(part, Words)]
            if turns:
                turns.append(Turn("system", tuple(map(Words, texts))))
            else:
                system += texts
        elif role == "tool":
            turns.append(Turn("user", (_read_result(message),)))
        elif role == "assistant":
            turns.append(Turn("assistant", tuple(_read_assistant(message))))
        else:
            turns.append(Turn("user", tuple(_read_content(message.get("content")))))
    form = child(body, "response_format")
    schema = child(form, "json_schema").get("schema")
    effort = body.get("reasoning_effort")
    limit = number(body, "max_completion_tokens", "max_tokens")
    return Question(
        model=string(body, "model"),
        turns=tuple(turns),
        system=tuple(system),
        tools=tuple(_read_tool(tool) for tool in children(body, "tools")),
        choice=_read_choice(body.get("tool_choice")),
        parallel=truth(body, "parallel_tool_calls"),
        temperature=number(body, "temperature"),
        top_p=number(body, "top_p"),
        max_tokens=None if limit is None else int(limit),
        stop=strings(body.get("stop")),
        candidates=int(number(body, "n") or 1),
        schema=encode(schema) if isinstance(schema, dict) else "",
        json_object=form.get("type") == "json_object",
        effort=effort if isinstance(effort, str) else None,
        logprobs=int(number(body, "top_logprobs") or 0) if body.get("logprobs") else None,
        web_search="web_search_options" in body,
        stream=body.get("stream") is True,
        stream_usage=child(body, "stream_options").get("include_usage") is True,
    )


def _read_choice(choice: JSON) -> str | None:
    if isinstance(choice, dict):
        return f"name:{string(child(choice, 'function'), 'name')}"
    return choice if isinstance(choice, str) else None


def _read_content(content: JSON) -> list[Part]:
    if isinstance(content, str):
        return [Words(content)]
    return [_read_part(part) for part in objects_in(content)]


def _read_part(part: Object) -> Part:
    match part.get("type"):
        case "image_url":
            return _inline("image", string(child(part, "image_url"), "url"))
        case "file":
            return _inline("document", string(child(part, "file"), "file_data"))
        case "input_audio":
            audio = child(part, "input_audio")
            return Media("audio", "audio/" + string(audio, "format"), string(audio, "data"))
        case _:
            return Words(string(part, "text"))


def _inline(kind: str, url: str) -> Media:
    """Media by their URL, which may be one with the data in it."""
    named = "image" if kind == "image" else "document"
    head, comma, data = url.partition(";base64,")
    return Media(named, head.removeprefix("data:"), data) if comma else Media(named, url=url)


def _read_assistant(message: Object) -> list[Part]:
    parts: list[Part] = [part for part in _read_content(message.get("content")) if part != Words("")]
    reasoning = string(message, "reasoning_content") or string(message, "reasoning")
    if reasoning:
        parts.insert(0, Thought(reasoning))
    for call in children(message, "tool_calls"):
        if "custom" in call:
            inner = child(call, "custom")
            parts.append(Call(string(call, "id"), string(inner, "name"), string(inner, "input"), custom=True))
        else:
            inner = child(call, "function")
            parts.append(Call(string(call, "id"), string(inner, "name"), string(inner, "arguments")))
    return parts


def _read_result(message: Object) -> Result:
    parts = [part for part in _read_content(message.get("content")) if isinstance(part, Words)]
    return Result(string(message, "tool_call_id"), tuple(parts))


def _read_tool(tool: Object) -> Tool:
    custom = "custom" in tool
    inner = child(tool, "custom" if custom else "function")
    schema = inner.get("parameters")
    text = encode(schema) if isinstance(schema, dict) else ""
    return Tool(string(inner, "name"), string(inner, "description"), text, custom)
