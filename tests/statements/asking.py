"""Conversations written in every client's own words, asked of every kind of upstream.

What is written here is plain JSON by the vendors' documents, with nothing of the code under test.
"""

import itertools
import json
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from tests.conftest import LiveGateway
from tests.live.client import Reply
from tests.live.plain import ask

from dragoman.testing.json_value import JSON, Object, decode_object
from dragoman.testing.server import FakeServer

C, R, A, G = "openai_chat", "openai_responses", "anthropic", "gemini"
CLIENTS = (C, R, A, G)

MODELS = {C: f"{C}/gpt-4o", R: f"{R}/gpt-4o", A: f"{A}/claude-sonnet-4-5", G: f"{G}/gemini-2.5-flash"}
"""A model behind an upstream of each dialect, by the name that clients call it by."""

THINKERS = {
    C: f"{C}/gpt-5",
    R: f"{R}/gpt-5",
    A: f"{A}/claude-sonnet-4-5",
    G: f"{G}/gemini-3-pro-preview",
}
"""The same, of models that reason."""

PAIRS = [(client, upstream) for client in CLIENTS for upstream in CLIENTS]
every_client = pytest.mark.parametrize("client", CLIENTS)
every_upstream = pytest.mark.parametrize("upstream", CLIENTS)
every_pair = pytest.mark.parametrize(("client", "upstream"), PAIRS)
FOREIGN = [(client, upstream) for client, upstream in PAIRS if client != upstream]
"""Pairs of two formats: what a client sends in the upstream's own format is its own affair."""
foreign_pairs = pytest.mark.parametrize(("client", "upstream"), FOREIGN)


def apart(*models: str, beside: str | None = None) -> list[tuple[str, str]]:
    """Each client with those of the models that are behind another format than its own, or `beside` that."""
    return [
        (client, model)
        for client in CLIENTS
        for model in models
        if model.partition("/")[0] != client or model == beside
    ]


class Call(NamedTuple):
    """A tool call in a history; `arguments` is JSON text, kept byte for byte. Google's format has a
    `signature` on it.
    """

    id: str
    name: str
    arguments: str = "{}"
    signature: str = ""


class Result(NamedTuple):
    """What a tool answered: text, or parts in the client's own words. `name` is for Google's format."""

    id: str
    content: JSON
    name: str = ""


Said = str | Call | Result


class Turn(NamedTuple):
    """What somebody said. `role` is `system`, `user` or `assistant`; results stand in user turns."""

    role: str
    said: tuple[Said, ...]


def system(*said: str) -> Turn:
    return Turn("system", said)


def user(*said: Said) -> Turn:
    return Turn("user", said)


def assistant(*said: Said) -> Turn:
    return Turn("assistant", said)


class Raw(str):
    """JSON text that goes into a body as it stands."""

    __slots__ = ()


class House:
    """A gateway with an upstream of every dialect, and what those upstreams received."""

    def __init__(self, gateway: LiveGateway, fake: FakeServer) -> None:
        self.gateway = gateway
        self.fake = fake

    def ask(
        self, client: str, model: str, body: Object, *, stream: bool = False, **headers: str | None
    ) -> Reply:
        """The answer to a request in a client's dialect; `model` goes where the dialect has it."""
        return ask(
            self.gateway, path(client, model, stream=stream), written(client, model, body, stream), **headers
        )

    def send(self, client: str, model: str, body: Object, *, stream: bool = False) -> Object:
        """The last body that the upstream received for a request, which was answered well."""
        reply = self.ask(client, model, body, stream=stream)
        assert reply.status == 200, reply
        return self.received

    @property
    def received(self) -> Object:
        """The body of the last request that reached an upstream."""
        return decode_object(self.raw)

    @property
    def raw(self) -> bytes:
        """The same as bytes."""
        return self.fake.script.received[-1].body

    @property
    def count(self) -> int:
        """How many requests reached an upstream."""
        return len(self.fake.script.received)


def path(client: str, model: str, *, stream: bool = False) -> str:
    """Where a client asks."""
    match client:
        case "openai_chat":
            return "/v1/chat/completions"
        case "openai_responses":
            return "/v1/responses"
        case "anthropic":
            return "/v1/messages"
        case _:
            return f"/v1beta/models/{model}:" + (
                "streamGenerateContent?alt=sse" if stream else "generateContent"
            )


def written(client: str, model: str, body: Object, stream: bool = False) -> bytes:
    """A whole body as bytes."""
    whole: Object = dict(body)
    if client != G:
        whole = {"model": model, **whole}
        if stream:
            whole["stream"] = True
    return json_bytes(whole)


def json_bytes(value: JSON) -> bytes:
    """JSON text, every `Raw` in it as it stands."""
    raws: list[str] = []

    def marked(one: JSON) -> JSON:
        if isinstance(one, Raw):
            raws.append(str(one))
            return f"\0raw {len(raws) - 1}\0"
        if isinstance(one, list):
            return [marked(inner) for inner in one]
        if isinstance(one, dict):
            return {name: marked(inner) for name, inner in one.items()}
        return one

    text = json.dumps(marked(value), ensure_ascii=False)
    for number, raw in enumerate(raws):
        text = text.replace(f'"\\u0000raw {number}\\u0000"', raw)
    return text.encode()


def conversation(client: str, *turns: Turn, tools: Sequence[Object] = (), **more: JSON) -> Object:
    """The body of a request in a client's dialect. `tools` are as `tool` makes them; `more` are members
    in the client's own words.
    """
    body: Object = {}
    match client:
        case "openai_chat":
            body["messages"] = [message for turn in turns for message in _chat(turn)]
        case "openai_responses":
            body["input"] = [item for turn in turns for item in _responses(turn)]
        case "anthropic":
            leading, rest = _apart(turns)
            if leading:
                body["system"] = [{"type": "text", "text": text} for text in leading]
            body["messages"] = [_anthropic(turn) for turn in rest]
            body["max_tokens"] = 2000
        case _:
            leading, rest = _apart(turns)
            if leading:
                body["systemInstruction"] = {"parts": [{"text": text} for text in leading]}
            body["contents"] = [_gemini(turn) for turn in rest]
    if tools:
        body["tools"] = [{"functionDeclarations": list(tools)}] if client == G else list(tools)
    return body | more


def _apart(turns: Sequence[Turn]) -> tuple[list[str], list[Turn]]:
    """The texts of the leading system turns, and the turns after them."""
    rest = list(itertools.dropwhile(lambda turn: turn.role == "system", turns))
    leading = turns[: len(turns) - len(rest)]
    return [str(text) for turn in leading for text in turn.said], rest


def _chat(turn: Turn) -> list[JSON]:
    texts: list[JSON] = [{"type": "text", "text": one} for one in turn.said if isinstance(one, str)]
    calls: list[JSON] = [
        {
            "id": one.id,
            "type": "function",
            "function": {"name": one.name, "arguments": str(one.arguments)},
        }
        for one in turn.said
        if isinstance(one, Call)
    ]
    out: list[JSON] = [
        {"role": "tool", "tool_call_id": one.id, "content": one.content}
        for one in turn.said
        if isinstance(one, Result)
    ]
    if calls:
        out.append({"role": "assistant", "content": texts or None, "tool_calls": calls})
    elif texts:
        only = turn.said[0] if len(turn.said) == 1 else texts
        out.append({"role": turn.role, "content": str(only) if isinstance(only, str) else texts})
    return out


def _responses(turn: Turn) -> list[JSON]:
    kind = "output_text" if turn.role == "assistant" else "input_text"
    out: list[JSON] = []
    for one in turn.said:
        match one:
            case Call(id=identity, name=name, arguments=arguments):
                out.append(
                    {
                        "type": "function_call",
                        "call_id": identity,
                        "name": name,
                        "arguments": str(arguments),
                    }
                )
            case Result(id=identity, content=content):
                out.append({"type": "function_call_output", "call_id": identity, "output": content})
            case _:
                part: Object = {"type": kind, "text": one}
                if turn.role == "assistant":
                    part["annotations"] = []
                out.append({"type": "message", "role": turn.role, "content": [part]})
    return out


def _anthropic(turn: Turn) -> Object:
    blocks: list[JSON] = []
    for one in turn.said:
        match one:
            case Call(id=identity, name=name, arguments=arguments):
                blocks.append({"type": "tool_use", "id": identity, "name": name, "input": Raw(arguments)})
            case Result(id=identity, content=content):
                blocks.append({"type": "tool_result", "tool_use_id": identity, "content": content})
            case _:
                blocks.append({"type": "text", "text": one})
    return {"role": turn.role, "content": blocks}


def _gemini(turn: Turn) -> Object:
    parts: list[JSON] = []
    for one in turn.said:
        match one:
            case Call(id=identity, name=name, arguments=arguments, signature=signature):
                call: Object = {"name": name, "args": Raw(arguments)}
                part: Object = {"functionCall": {"id": identity, **call} if identity else call}
                parts.append(part | {"thoughtSignature": signature} if signature else part)
            case Result(id=identity, content=content, name=name):
                answer: JSON = content if isinstance(content, dict | Raw) else {"output": content}
                result: Object = {"name": name or "look", "response": answer}
                parts.append({"functionResponse": {"id": identity, **result} if identity else result})
            case _:
                parts.append({"text": one})
    return {"role": "model" if turn.role == "assistant" else "user", "parts": parts}


TEXT_ONLY: Object = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
}
"""The schema of a tool that takes one text."""


def tool(client: str, name: str, parameters: Object | None = None, description: str = "Looks.") -> Object:
    """The declaration of a tool in a client's words."""
    schema: Object = TEXT_ONLY if parameters is None else parameters
    match client:
        case "openai_chat":
            function: Object = {"name": name, "description": description, "parameters": schema}
            return {"type": "function", "function": function}
        case "openai_responses":
            return {"type": "function", "name": name, "description": description, "parameters": schema}
        case "anthropic":
            return {"name": name, "description": description, "input_schema": schema}
        case _:
            return {"name": name, "description": description, "parametersJsonSchema": schema}


def at(value: JSON, *steps: str | int) -> JSON:
    """What lies at a place in JSON; a test fails where there is nothing."""
    for step in steps:
        if isinstance(step, int):
            assert isinstance(value, list), (step, value)
            value = value[step]
        else:
            assert isinstance(value, dict), (step, value)
            assert step in value, (step, value)
            value = value[step]
    return value


def objects(value: JSON, *steps: str | int) -> list[Object]:
    """A list of objects at a place in JSON; an empty one where there is nothing at all."""
    for step in steps:
        if isinstance(value, dict) and step not in value:
            return []
        value = at(value, step)
    assert isinstance(value, list), value
    found = [one for one in value if isinstance(one, dict)]
    assert len(found) == len(value), value
    return found


def pieces(upstream: str, body: Object) -> list[tuple[str, JSON]]:
    """What a body that an upstream received says, in order: who, and each block, part, call or item.

    Vendors read neighbours of one role as one turn, so turns are taken apart.
    """
    match upstream:
        case "openai_chat":
            return [(str(one["role"]), one) for one in objects(body, "messages")]
        case "openai_responses":
            return [(str(one.get("role") or one["type"]), one) for one in objects(body, "input")]
        case "anthropic":
            return [(str(one["role"]), block) for one in objects(body, "messages") for block in _content(one)]
        case _:
            return [
                (str(one["role"]), part)
                for one in objects(body, "contents")
                for part in objects(one, "parts")
            ]


def _content(message: Object) -> list[JSON]:
    content = message["content"]
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def instructions(upstream: str, body: Object) -> list[str]:
    """The texts of the leading instructions in a body that an upstream received."""
    match upstream:
        case "openai_chat":
            leading = itertools.takewhile(
                lambda one: one["role"] in {"system", "developer"}, objects(body, "messages")
            )
            return [text for one in leading for text in _texts(one["content"])]
        case "openai_responses":
            return str(body["instructions"]).split("\n\n") if "instructions" in body else []
        case "anthropic":
            return _texts(body.get("system", []))
        case _:
            return [str(one["text"]) for one in objects(body, "systemInstruction", "parts")]


def outline(upstream: str, body: Object) -> list[str]:
    """What a body that an upstream received says, one line for each thing, whatever its form:
    `user: Hello`, `system: Be brief.`, `call: {"text":"a"}`, `result: seen`, `user: (image)`.

    Leading instructions are left out.
    """
    lines: list[str] = []
    for role, piece in pieces(upstream, body):
        assert isinstance(piece, dict)
        lines += _lines({"model": "assistant", "developer": "system"}.get(role, role), piece)
    leading = len(instructions(upstream, body)) if upstream == C else 0
    return lines[leading:]


def _lines(role: str, piece: Object) -> list[str]:
    match piece:
        case {"role": "tool", "content": content}:
            return [f"result: {''.join(_texts(content))}"]
        case {"role": _, **rest}:
            said = [f"{role}: {text}" for text in _texts(rest.get("content"))]
            return said + [
                f"call: {at(call, 'function', 'arguments')}" for call in objects(rest, "tool_calls")
            ]
        case {"type": "function_call", "arguments": arguments}:
            return [f"call: {arguments}"]
        case {"type": "function_call_output", "output": output}:
            return [f"result: {''.join(_texts(output))}"]
        case {"type": "tool_use", "input": given}:
            return [f"call: {_compact(given)}"]
        case {"type": "tool_result", **rest}:
            return [f"result: {''.join(_texts(rest.get('content')))}"]
        case {"functionCall": {"args": given}}:
            return [f"call: {_compact(given)}"]
        case {"functionResponse": {"response": response}}:
            plain = isinstance(response, dict) and response.keys() in ({"output"}, {"error"})
            told = next(iter(response.values())) if isinstance(response, dict) and plain else None
            return [f"result: {told if isinstance(told, str) else _compact(response)}"]
        case _:
            return [f"{role}: {text}" for text in _texts([piece])]


def _texts(content: JSON) -> list[str]:
    """The texts in content, and `(image)` and the like for everything else."""
    if isinstance(content, str):
        return [content]
    found: list[str] = []
    for part in content if isinstance(content, list) else []:
        assert isinstance(part, dict)
        text = part.get("text")
        kind = str(part.get("type", next(iter(part)))).removeprefix("input_")
        found.append(text if isinstance(text, str) else f"({kind.removesuffix('_url')})")
    return found


def _compact(value: JSON) -> str:
    return json.dumps(value, separators=(",", ":"))


def losses(reply: Reply) -> dict[str, str]:
    """What an answer reports as lost: the kinds by their codes."""
    told = reply.headers.get("x-dragoman-losses", "")
    entries = [entry.split(";") for entry in told.split(", ") if entry]
    return {code: kind.removeprefix("kind=") for code, kind, *_ in entries}


def finished(stream: bytes) -> Object:
    """The whole response in the last event of a stream of Responses."""
    last = [line for line in stream.splitlines() if line.startswith(b"data: ")][-1]
    response = at(decode_object(last[6:]), "response")
    assert isinstance(response, dict)
    return response
