"""Requests of Anthropic Messages, written for a client and read at the upstream."""

import base64

from dragoman.conformance.exact_json import decode, encode
from dragoman.conformance.members import number, objects_in, string, strings
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

_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_LIMIT = 4096
_BUDGETS = {"low": 2048, "medium": 8192, "high": 24576}
"""Tokens of thinking that a client gives for an effort, on the models that take a budget."""

_MOST = {"low": 4096, "medium": 16383}
"""Up to where a budget counts as an effort; above, it is high."""


def write(question: Question) -> Object:
    """The body of a client's request. Raises `UnsayableError` for what the format has no field for."""
    _refuse_foreign(question)
    messages: list[JSON] = []
    for turn in question.turns:
        if turn.role == "system":
            raise UnsayableError("Anthropic Messages: `system` turns are taken by the newest models only")
        messages += turn.verbatim or [{"role": turn.role, "content": _content(turn.parts)}]
    limit = question.max_tokens or _LIMIT
    body: Object = {"model": question.model, "max_tokens": limit, "messages": messages}
    if question.system:
        body["system"] = [{"type": "text", "text": text} for text in question.system]
    tools: list[JSON] = [_tool(tool) for tool in question.tools]
    if question.web_search:
        tools.append({"type": "web_search_20250305", "name": "web_search"})
    if tools:
        body["tools"] = tools
    if question.choice is not None or question.parallel is False:
        mode, _, name = (question.choice or "auto").partition(":")
        choice: Object = {"type": "tool", "name": name} if name else {"type": _CHOICES[mode]}
        if question.parallel is False:
            choice["disable_parallel_tool_use"] = True
        body["tool_choice"] = choice
    if question.schema:
        body["output_config"] = {"format": {"type": "json_schema", "schema": decode(question.schema)}}
    if question.effort is not None:
        budget = _BUDGETS[question.effort]
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}
        body["max_tokens"] = limit + budget
    if question.stop:
        body["stop_sequences"] = list(question.stop)
    if question.stream:
        body["stream"] = True
    plain: dict[str, JSON] = {"temperature": question.temperature, "top_p": question.top_p}
    return body | {name: value for name, value in plain.items() if value is not None} | question.extra


def _refuse_foreign(question: Question) -> None:
    if question.candidates > 1:
        raise UnsayableError("Anthropic Messages: one answer to a request")
    if question.logprobs is not None:
        raise UnsayableError("Anthropic Messages: no log probabilities")
    if question.json_object:
        raise UnsayableError("Anthropic Messages: JSON is asked for by a schema")
    if question.temperature is not None and question.temperature > 1:
        raise UnsayableError("Anthropic Messages: temperature ranges from 0 to 1")


def _content(parts: tuple[Part, ...]) -> JSON:
    match parts:
        case (Words(text=text, cached=False),):
            return text
        case _:
            return [_block(part) for part in parts]


def _block(part: Part) -> Object:
    match part:
        case Words(text=text, cached=cached):
            block: Object = {"type": "text", "text": text}
            if cached:
                block["cache_control"] = {"type": "ephemeral"}
            return block
        case Media(kind="document", media_type="text/plain", data=data):
            text = base64.b64decode(data).decode()
            source: Object = {"type": "text", "media_type": "text/plain", "data": text}
            return {"type": "document", "source": source}
        case Media(kind="image" | "document" as kind, url=url, media_type=media_type, data=data):
            if url:
                return {"type": kind, "source": {"type": "url", "url": url}}
            return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}}
        case Media():
            raise UnsayableError("Anthropic Messages: media are images and documents")
        case Call(custom=True):
            raise UnsayableError("Anthropic Messages: tools take JSON")
        case Call(signature=signature) if signature:
            raise UnsayableError("Anthropic Messages: tool calls carry no signature")
        case Call(id=own, name=name, arguments=arguments):
            return {"type": "tool_use", "id": own, "name": name, "input": decode(arguments)}
        case Result(call_id=call_id, parts=parts, is_error=is_error):
            block = {"type": "tool_result", "tool_use_id": call_id, "content": _content(parts)}
            return block | {"is_error": True} if is_error else block
        case Thought(text=text, signature=signature):
            return {"type": "thinking", "thinking": text, "signature": signature}


def _tool(tool: Tool) -> Object:
    if tool.custom:
        raise UnsayableError("Anthropic Messages: tools take JSON")
    schema: JSON = decode(tool.schema or '{"type":"object","properties":{}}')
    return {"name": tool.name, "description": tool.description, "input_schema": schema}


def read(body: Object, _path: str = "") -> Question:
    """What an upstream was asked."""
    turns: list[Turn] = []
    for message in children(body, "messages"):
        role = string(message, "role")
        parts = _read_content(message.get("content"))
        turns.append(Turn("assistant" if role == "assistant" else "user", tuple(parts)))
        if role == "system":
            turns[-1] = Turn("system", tuple(parts))
    system = _read_content(body.get("system")) if "system" in body else []
    tools = children(body, "tools")
    choice = child(body, "tool_choice")
    form = child(child(body, "output_config"), "format") or child(body, "output_format")
    schema = form.get("schema")
    limit = number(body, "max_tokens")
    return Question(
        model=string(body, "model"),
        turns=tuple(turns),
        system=tuple(part.text for part in system if isinstance(part, Words)),
        tools=tuple(_read_tool(tool) for tool in tools if "input_schema" in tool),
        choice=_read_choice(choice) if choice else None,
        parallel=False if choice.get("disable_parallel_tool_use") is True else None,
        temperature=number(body, "temperature"),
        top_p=number(body, "top_p"),
        max_tokens=None if limit is None else int(limit),
        stop=strings(body.get("stop_sequences")),
        schema=encode(schema) if isinstance(schema, dict) else "",
        effort=_read_effort(body),
        web_search=any(string(tool, "type").startswith("web_search") for tool in tools),
        stream=body.get("stream") is True,
    )


def _read_choice(choice: Object) -> str:
    kind = string(choice, "type")
    return f"name:{string(choice, 'name')}" if kind == "tool" else "required" if kind == "any" else kind


def _read_effort(body: Object) -> str | None:
    """The effort, or the budget in words; None where thinking is not asked for."""
    effort = string(child(body, "output_config"), "effort")
    budget = number(child(body, "thinking"), "budget_tokens")
    if effort or budget is None:
        return effort or None
    return next((word for word, most in _MOST.items() if budget <= most), "high")


def _read_content(content: JSON) -> list[Part]:
    if isinstance(content, str):
        return [Words(content)]
    return [_read_block(block) for block in objects_in(content)]


def _read_block(block: Object) -> Part:
    match block.get("type"):
        case "image" | "document" as kind:
            source = child(block, "source")
            return Media(kind, string(source, "media_type"), string(source, "data"), string(source, "url"))
        case "tool_use":
            return Call(string(block, "id"), string(block, "name"), encode(block.get("input")))
        case "tool_result":
            parts = _read_content(block.get("content"))
            inner = tuple(part for part in parts if isinstance(part, Words | Media))
            return Result(string(block, "tool_use_id"), inner, is_error=block.get("is_error") is True)
        case "thinking":
            return Thought(string(block, "thinking"), string(block, "signature"))
        case "redacted_thinking":
            return Thought("", string(block, "data"))
        case _:
            return Words(string(block, "text"), "cache_control" in block)


def _read_tool(tool: Object) -> Tool:
    return Tool(string(tool, "name"), string(tool, "description"), encode(tool.get("input_schema")))
