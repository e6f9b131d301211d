"""Requests of OpenAI Responses, written for a client and read at the upstream."""

from dragoman.conformance.exact_json import decode, encode
from dragoman.conformance.members import number, objects_in, string, truth
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


def write(question: Question) -> Object:
    """The body of a client's request that keeps nothing at the server. Raises `UnsayableError` for what
    the format has no field for.
    """
    if question.stop:
        raise UnsayableError("OpenAI Responses: no stop sequences")
    if question.candidates > 1:
        raise UnsayableError("OpenAI Responses: one answer to a request")
    items: list[JSON] = []
    body: Object = {"model": question.model, "input": items, "store": False}
    match question.system:
        case ():
            pass
        case (only,):
            body["instructions"] = only
        case texts:
            items.extend(Object(role="developer", content=text) for text in texts)
    for turn in question.turns:
        items += turn.verbatim or _items(turn)
    if question.tools:
        body["tools"] = [_tool(tool) for tool in question.tools]
    if question.web_search:
        body["tools"] = [*children(body, "tools"), {"type": "web_search"}]
    if question.choice is not None:
        mode, _, name = question.choice.partition(":")
        body["tool_choice"] = {"type": "function", "name": name} if name else mode
    if question.schema:
        schema = decode(question.schema)
        form: Object = {"type": "json_schema", "name": "answer", "strict": True, "schema": schema}
        body["text"] = {"format": form}
    elif question.json_object:
        body["text"] = {"format": {"type": "json_object"}}
    include: list[JSON] = []
    if question.logprobs is not None:
        body["top_logprobs"] = question.logprobs
        include.append("message.output_text.logprobs")
    if question.effort is not None:
        summary: Object = {"summary": "auto"} if question.visible else {}
        body["reasoning"] = {"effort": question.effort, **summary}
        include.append("reasoning.encrypted_content")
    if include:
        body["include"] = include
    if question.stream:
        body["stream"] = True
    plain: dict[str, JSON] = {
        "parallel_tool_calls": question.parallel,
        "temperature": question.temperature,
        "top_p": question.top_p,
        "max_output_tokens": question.max_tokens,
    }
    return body | {name: value for name, value in plain.items() if value is not None} | question.extra


def _items(turn: Turn) -> list[JSON]:
    items: list[JSON] = []
    words: list[JSON] = []

    def flush() -> None:
        if words:
            items.append({"type": "message", "role": turn.role, "content": list(words)})
            words.clear()

    for part in turn.parts:
        match part:
            case Words() | Media():
                words.append(_part(part, turn.role))
            case Call(signature=signature) if signature:
                raise UnsayableError("OpenAI Responses: calls carry no signature")
            case Call(id=own, name=name, arguments=text, custom=True):
                flush()
                items.append({"type": "custom_tool_call", "call_id": own, "name": name, "input": text})
            case Call(id=own, name=name, arguments=text):
                flush()
                items.append({"type": "function_call", "call_id": own, "name": name, "arguments": text})
            case Result():
                flush()
                items.append(_result(part))
            case Thought(text=text, signature=signature):
                flush()
                summary: list[JSON] = [{"type": "summary_text", "text": text}] if text else []
                own = f"rs_{len(items):024x}"
                thought: Object = {"type": "reasoning", "id": own, "summary": summary}
                items.append(thought | {"encrypted_content": signature})
    flush()
    return items


def _part(part: Words | Media, role: str) -> Object:
    match part:
        case Words(cached=True):
            raise UnsayableError("OpenAI Responses: cache marks are Anthropic's")
        case Words(text=text) if role == "assistant":
            return {"type": "output_text", "text": text, "annotations": []}
        case Words(text=text):
            return {"type": "input_text", "text": text}
        case Media(kind="image", url=url, media_type=kind, data=data):
            shown = url or f"data:{kind};base64,{data}"
            return {"type": "input_image", "image_url": shown, "detail": "auto"}
        case Media(kind="document", url=url) if url:
            return {"type": "input_file", "file_url": url}
        case Media(kind="document", media_type=kind, data=data):
            inline = f"data:{kind};base64,{data}"
            return {"type": "input_file", "filename": "report.pdf", "file_data": inline}
        case Media():
            raise UnsayableError("OpenAI Responses: input is text, images and files")


def _result(result: Result) -> Object:
    if result.is_error:
        raise UnsayableError("OpenAI Responses: function_call_output has no mark for errors")
    output: JSON
    match result.parts:
        case (Words(text=text),):
            output = text
        case parts:
            output = [_part(part, "user") for part in parts]
    return {"type": "function_call_output", "call_id": result.call_id, "output": output}


def _tool(tool: Tool) -> Object:
    if tool.custom:
        return {"type": "custom", "name": tool.name, "description": tool.description}
    schema = decode(tool.schema) if tool.schema else None
    flat: Object = {"type": "function", "name": tool.name, "description": tool.description}
    return flat | {"parameters": schema, "strict": False}


def read(body: Object, _path: str = "") -> Question:
    """What an upstream was asked."""
    system = [string(body, "instructions")] if body.get("instructions") else []
    turns: list[Turn] = []
    given = body.get("input")
    items = [Object(role="user", content=given)] if isinstance(given, str) else objects_in(given)
    for item in items:
        role = string(item, "role")
        if role in {"system", "developer"}:
            texts = [part.text for part in _read_content(item.get("content")) if isinstance(part, Words)]
            if turns:
                turns.append(Turn("system", tuple(map(Words, texts))))
            else:
                system += texts
        else:
            turns.append(_read_item(item, role))
    tools = children(body, "tools")
    form = child(child(body, "text"), "format")
    schema = form.get("schema")
    effort = child(body, "reasoning").get("effort")
    include = body.get("include")
    wants = isinstance(include, list) and "message.output_text.logprobs" in include
    limit = number(body, "max_output_tokens")
    return Question(
        model=string(body, "model"),
        turns=tuple(turns),
        system=tuple(system),
        tools=tuple(_read_tool(tool) for tool in tools if tool.get("type") in {"function", "custom"}),
        choice=_read_choice(body.get("tool_choice")),
        parallel=truth(body, "parallel_tool_calls"),
        temperature=number(body, "temperature"),
        top_p=number(body, "top_p"),
        max_tokens=None if limit is None else int(limit),
        schema=encode(schema) if isinstance(schema, dict) else "",
        json_object=form.get("type") == "json_object",
        effort=effort if isinstance(effort, str) else None,
        logprobs=int(number(body, "top_logprobs") or 0) if wants else None,
        web_search=any(string(tool, "type").startswith("web_search") for tool in tools),
        stream=body.get("stream") is True,
    )


def _read_choice(choice: JSON) -> str | None:
    if isinstance(choice, dict):
        return f"name:{string(choice, 'name')}"
    return choice if isinstance(choice, str) else None


def _read_item(item: Object, role: str) -> Turn:
    match item.get("type"):
        case "function_call":
            call = Call(string(item, "call_id"), string(item, "name"), string(item, "arguments"))
            return Turn("assistant", (call,))
        case "custom_tool_call":
            call = Call(string(item, "call_id"), string(item, "name"), string(item, "input"), custom=True)
            return Turn("assistant", (call,))
        case "function_call_output" | "custom_tool_call_output":
            parts = _read_content(item.get("output"))
            return Turn("user", (Result(string(item, "call_id"), tuple(parts)),))
        case "reasoning":
            text = "".join(string(part, "text") for part in children(item, "summary"))
            text = text or "".join(string(part, "text") for part in children(item, "content"))
            return Turn("assistant", (Thought(text, string(item, "encrypted_content")),))
        case _:
            parts = [part for part in _read_content(item.get("content")) if part != Words("")]
            return Turn("assistant" if role == "assistant" else "user", tuple[Part, ...](parts))


def _read_content(content: JSON) -> list[Words | Media]:
    if isinstance(content, str):
        return [Words(content)]
    return [_read_part(part) for part in objects_in(content)]


def _read_part(part: Object) -> Words | Media:
    match part.get("type"):
        case "input_image":
            return _inline("image", string(part, "image_url"))
        case "input_file":
            return _inline("document", string(part, "file_url") or string(part, "file_data"))
        case _:
            return Words(string(part, "text"))


def _inline(kind: str, url: str) -> Media:
    named = "image" if kind == "image" else "document"
    head, comma, data = url.partition(";base64,")
    return Media(named, head.removeprefix("data:"), data) if comma else Media(named, url=url)


def _read_tool(tool: Object) -> Tool:
    schema = tool.get("parameters")
    text = encode(schema) if isinstance(schema, dict) else ""
    return Tool(string(tool, "name"), string(tool, "description"), text, tool.get("type") == "custom")
