"""Requests of Google's generateContent, written for a client and read at the upstream."""

import re
import urllib.parse

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

_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_WORDS = {mode: word for word, mode in _MODES.items()}
_MODEL = re.compile(r".*/models/(?P<model>.+):\w+")


def write(question: Question) -> Object:
    """The body of a client's request. Raises `UnsayableError` for what the format has no field for."""
    if question.parallel is False:
        raise UnsayableError("generateContent: parallel calls cannot be turned off")
    contents: list[JSON] = []
    for turn in question.turns:
        if turn.role == "system":
            raise UnsayableError("generateContent: instructions stand before the conversation")
        role = "model" if turn.role == "assistant" else "user"
        own: Object = {"role": role, "parts": [_part(part) for part in turn.parts]}
        contents += turn.verbatim or (own,)
    body: Object = {"contents": contents}
    if question.system:
        body["systemInstruction"] = {"parts": [{"text": text} for text in question.system]}
    tools: list[JSON] = []
    if question.tools:
        tools.append({"functionDeclarations": [_tool(tool) for tool in question.tools]})
    if question.web_search:
        tools.append({"googleSearch": {}})
    if tools:
        body["tools"] = tools
    if question.choice is not None:
        mode, _, name = question.choice.partition(":")
        calling: Object = {"mode": _MODES.get(mode, "ANY")}
        if name:
            calling["allowedFunctionNames"] = [name]
        body["toolConfig"] = {"functionCallingConfig": calling}
    config = _config(question)
    if config:
        body["generationConfig"] = config
    return body | question.extra


def _config(question: Question) -> Object:
    config: dict[str, JSON] = {
        "temperature": question.temperature,
        "topP": question.top_p,
        "maxOutputTokens": question.max_tokens,
        "stopSequences": list(question.stop) or None,
        "candidateCount": question.candidates if question.candidates > 1 else None,
    }
    if question.schema:
        config |= {
            "responseMimeType": "application/json",
            "responseJsonSchema": decode(question.schema),
        }
    elif question.json_object:
        config["responseMimeType"] = "application/json"
    if question.effort is not None:
        thinking: Object = {"includeThoughts": True} if question.visible else {}
        config["thinkingConfig"] = {"thinkingLevel": question.effort.upper(), **thinking}
    if question.logprobs is not None:
        config |= {"responseLogprobs": True, "logprobs": question.logprobs}
    return {name: value for name, value in config.items() if value is not None}


def _part(part: Part) -> Object:
    match part:
        case Words(cached=True):
            raise UnsayableError("generateContent: cache marks are Anthropic's")
        case Words(text=text):
            return {"text": text}
        case Media(url=url, media_type=media_type) if url:
            return {"fileData": {"fileUri": url, "mimeType": media_type}}
        case Media(media_type=media_type, data=data):
            return {"inlineData": {"mimeType": media_type, "data": data}}
        case Call(custom=True):
            raise UnsayableError("generateContent: functions take JSON")
        case Call(name=name, arguments=arguments, signature=signature):
            call: Object = {"functionCall": {"name": name, "args": decode(arguments)}}
            return call | {"thoughtSignature": signature} if signature else call
        case Result(name=name, parts=parts, is_error=is_error):
            if any(isinstance(inner, Media) for inner in parts):
                raise UnsayableError("generateContent: function responses of these models hold JSON only")
            text = "".join(inner.text for inner in parts if isinstance(inner, Words))
            return {"functionResponse": {"name": name, "response": _response(text, is_error=is_error)}}
        case Thought(text=text, signature=signature):
            thought: Object = {"text": text, "thought": True}
            return thought | {"thoughtSignature": signature} if signature else thought


def _response(text: str, *, is_error: bool) -> JSON:
    if is_error:
        return {"error": text}
    try:
        value = decode(text)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"output": text}


def _tool(tool: Tool) -> Object:
    if tool.custom:
        raise UnsayableError("generateContent: functions take JSON")
    declared: Object = {"name": tool.name, "description": tool.description}
    return declared | {"parametersJsonSchema": decode(tool.schema)} if tool.schema else declared


def read(body: Object, path: str = "") -> Question:
    """What an upstream was asked; the model stands in the path."""
    body = _camel(body)
    turns: list[Turn] = []
    for content in children(body, "contents"):
        parts = tuple(_read_part(part) for part in children(content, "parts"))
        turns.append(Turn("assistant" if content.get("role") == "model" else "user", parts))
    config = child(body, "generationConfig")
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    system = children(child(body, "systemInstruction"), "parts")
    limit, alternatives = number(config, "maxOutputTokens"), number(config, "logprobs")
    named = _MODEL.fullmatch(urllib.parse.unquote(path))
    tools = children(body, "tools")
    return Question(
        model=named["model"] if named else "",
        turns=tuple(turns),
        system=tuple(string(part, "text") for part in system),
        tools=tuple(_read_tool(one) for tool in tools for one in children(tool, "functionDeclarations")),
        choice=_read_choice(child(child(body, "toolConfig"), "functionCallingConfig")),
        temperature=number(config, "temperature"),
        top_p=number(config, "topP"),
        max_tokens=None if limit is None else int(limit),
        stop=strings(config.get("stopSequences")),
        candidates=int(number(config, "candidateCount") or 1),
        schema=encode(schema) if isinstance(schema, dict) else "",
        json_object=config.get("responseMimeType") == "application/json" and not schema,
        effort=_read_effort(child(config, "thinkingConfig")),
        logprobs=int(alternatives or 0) if config.get("responseLogprobs") is True else None,
        web_search=any(name.startswith("googleSearch") for tool in tools for name in tool),
        stream="streamGenerateContent" in path,
    )


_SNAKE = re.compile(r"_([a-z])")
_VERBATIM = {"args", "response", "parametersJsonSchema", "responseJsonSchema", "parameters", "responseSchema"}
"""Members whose value is the user's own JSON."""


def _camel(value: Object) -> Object:
    """The same with every member in camel case: Google takes both."""
    renamed: Object = {}
    for member, inner in value.items():
        name = _SNAKE.sub(lambda found: found[1].upper(), member)
        renamed[name] = inner if name in _VERBATIM else _camel_inside(inner)
    return renamed


def _camel_inside(value: JSON) -> JSON:
    if isinstance(value, dict):
        return _camel(value)
    return [_camel_inside(one) for one in value] if isinstance(value, list) else value


def _read_choice(calling: Object) -> str | None:
    names = strings(calling.get("allowedFunctionNames"))
    mode = string(calling, "mode")
    if mode == "ANY" and len(names) == 1:
        return f"name:{names[0]}"
    return _WORDS.get(mode, mode.lower()) or None


def _read_effort(thinking: Object) -> str | None:
    """The level, or the budget in words; None where nothing is said of thinking."""
    level, budget = string(thinking, "thinkingLevel"), number(thinking, "thinkingBudget")
    if level or budget is None:
        return level.lower() or None
    return "none" if budget == 0 else "low" if 0 < budget <= 2048 else "medium" if budget <= 8192 else "high"


def _read_part(part: Object) -> Part:
    signature = string(part, "thoughtSignature")
    if "functionCall" in part:
        call = child(part, "functionCall")
        return Call(string(call, "id"), string(call, "name"), encode(call.get("args", {})), False, signature)
    if "functionResponse" in part:
        return _read_response(child(part, "functionResponse"))
    for member in ("inlineData", "fileData"):
        if member in part:
            return _read_media(child(part, member))
    if part.get("thought") is True:
        return Thought(string(part, "text"), signature)
    return Words(string(part, "text"))


def _read_response(given: Object) -> Result:
    response = child(given, "response")
    parts: list[Words | Media] = [
        _read_media(child(part, "inlineData")) for part in objects_in(given.get("parts"))
    ]
    is_error = "error" in response
    match list(response.values()):
        case [str(text)]:  # under whatever name: Google takes the whole object for the output
            parts.insert(0, Words(text))
        case _:
            parts.insert(0, Words(encode(response)))
    return Result(string(given, "id"), tuple(parts), string(given, "name"), is_error)


def _read_media(media: Object) -> Media:
    media_type = string(media, "mimeType")
    kind, _, form = media_type.partition("/")
    data, url = string(media, "data"), string(media, "fileUri")
    match kind:
        case "image" | "audio" | "video":
            return Media(kind, media_type, data, url)
        case _:
            return Media("document" if form else "image", media_type, data, url)


def _read_tool(tool: Object) -> Tool:
    schema = tool.get("parametersJsonSchema") or tool.get("parameters")
    text = encode(schema) if isinstance(schema, dict) else ""
    return Tool(string(tool, "name"), string(tool, "description"), text)
