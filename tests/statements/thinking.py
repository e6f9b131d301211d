"""Loops of tool calls with models that sign their reasoning: what they wrote, and what they get back."""

import base64
import secrets
from typing import NamedTuple

from tests.live.answers import answering
from tests.live.client import Reply
from tests.statements.asking import THINKERS, A, C, G, House, R, conversation, objects, tool, user
from tests.statements.wishes import answered, budget, effort, limit, wishing

from dragoman.conformance.reply import Reply as Answer
from dragoman.conversation.blocks import Block, Text, Thinking, ToolCall
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Response, StopReason
from dragoman.models.profile import profile_of
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.signatures import issue_signature

SECRET = "The number is 4711."
"""Stands in all reasoning here and nowhere else."""

SIGNING = (A, G, R)
"""The upstreams whose models sign their reasoning."""

FIELD = {C: "messages", R: "input", A: "messages", G: "contents"}
"""Where each format's turns are."""


class Signed(NamedTuple):
    """An answer of a signing model, and what it signed in order."""

    response: Response
    values: tuple[str, ...]


def signed_answer(upstream: str, model: str = "") -> Signed:
    """Reasoning, words, more reasoning and two calls, signed in the upstream's own way."""
    name = (model or THINKERS[upstream]).rpartition("/")[2]
    family = profile_of(name).family
    first, second = f"{SECRET} Let me say so.", f"{SECRET} Two looks are needed."
    prefix = f"{'toolu' if upstream == A else 'call'}_{secrets.token_hex(6)}"
    calls = [ToolCall(f"{prefix}_{number}", "look", f'{{"text":"{number}"}}') for number in (1, 2)]
    blocks: list[Block]
    match upstream:
        case "anthropic":
            values = tuple(issue_signature(A, family, text) for text in (first, second))
            hidden = issue_signature(A, family, "")
            thoughts = [
                Thinking(text, Signature(A, "", value))
                for text, value in zip((first, second), values, strict=True)
            ]
            redacted = Thinking("", Signature(A, "", hidden), redacted=True)
            blocks = [thoughts[0], redacted, Text("I look twice."), thoughts[1], *calls]
            values = (values[0], hidden, values[1])
        case "openai_responses":
            encrypted = [issue_signature(R, family, text) for text in (first, second)]
            ids = [f"rs_{number:048x}" for number in (1, 2)]
            thoughts = [
                Thinking(text, Signature(R, "", f"{identity} {value}"))
                for text, identity, value in zip((first, second), ids, encrypted, strict=True)
            ]
            blocks = [thoughts[0], Text("I look twice."), thoughts[1], *calls]
            values = tuple(encrypted)
        case _:
            value = issue_signature(G, family)
            calls[0] = ToolCall(calls[0].id, "look", calls[0].arguments, signature=Signature(G, "", value))
            blocks = [Thinking(first), Text("I look twice."), *calls]
            values = (value,)
    return Signed(answering(*blocks, reason=StopReason.TOOL_CALLS), values)


def asking(client: str, *more: JSON) -> Object:
    """A question with a tool and reasoning, and the turns after it."""
    body = conversation(client, user("Please look at Oslo."), tools=[tool(client, "look")])
    some = wishing(budget(A, 2048), limit(A, 9000))
    wish = some if client == A else effort(client, "high", visible=True)
    said = body[FIELD[client]]
    assert isinstance(said, list)
    turns: Object = {FIELD[client]: [*said, *more]}
    return wishing(body, wish) | turns


def results(client: str, answer: Answer, *words: str) -> list[JSON]:
    """What the tools said to the calls of an answer, as one turn of the client."""
    told = words or tuple(f"seen {number}" for number, _ in enumerate(answer.calls, 1))
    pairs = list(zip(answer.calls, told, strict=True))
    match client:
        case "openai_chat":
            return [{"role": "tool", "tool_call_id": call.id, "content": word} for call, word in pairs]
        case "openai_responses":
            return [
                {"type": "function_call_output", "call_id": call.id, "output": word} for call, word in pairs
            ]
        case "anthropic":
            blocks: list[JSON] = [
                {"type": "tool_result", "tool_use_id": call.id, "content": word} for call, word in pairs
            ]
            return [{"role": "user", "content": blocks}]
        case _:
            parts: list[JSON] = []
            for call, word in pairs:
                response: Object = {"name": call.name, "response": {"output": word}}
                parts.append({"functionResponse": {"id": call.id, **response} if call.id else response})
            return [{"role": "user", "parts": parts}]


class Loop:
    """A client's conversation, as it grows."""

    def __init__(self, house: House, client: str, *, stream: bool = False) -> None:
        self.house = house
        self.client = client
        self.stream = stream
        self.said: list[JSON] = []

    def ask(self, model: str) -> Answer:
        """The model's next turn, which is kept; exactly one request reached the upstream for it."""
        before = self.house.count
        reply = self.reply(model)
        answer = answered(self.client, reply, stream=self.stream)
        assert self.house.count == before + 1, "the upstream refused the first try"
        self.said += answer.echo
        return answer

    def reply(self, model: str) -> Reply:
        """What comes for the conversation so far."""
        return self.house.ask(self.client, model, asking(self.client, *self.said), stream=self.stream)

    def tell(self, answer: Answer, *words: str) -> None:
        """Add what the tools said."""
        self.said += results(self.client, answer, *words)

    def say(self, words: str) -> None:
        """Add a turn of the user."""
        body = conversation(self.client, user(words))[FIELD[self.client]]
        assert isinstance(body, list)
        self.said += body


def wire_blocks(upstream: str, body: Object) -> list[tuple[str, str]]:
    """The model's first turn in an upstream's request: kinds, each with its signature; text with its text,
    pieces of one text put together.
    """
    found: list[tuple[str, str]] = []
    match upstream:
        case "openai_responses":
            for item in objects(body, "input")[1:]:
                if item["type"] == "function_call_output":
                    break
                if item["type"] == "message":
                    content = item["content"]
                    text = content if isinstance(content, str) else str(objects(content)[0]["text"])
                    found.append(("text", text))
                else:
                    found.append((str(item["type"]), str(item.get("encrypted_content", ""))))
        case "anthropic":
            names = {"thinking": "signature", "redacted_thinking": "data", "text": "text"}
            for block in objects(body, "messages", 1, "content"):
                kind = str(block["type"])
                found.append((kind, str(block.get(names.get(kind, ""), ""))))
        case _:
            for part in objects(body, "contents", 1, "parts"):
                if "functionCall" in part:
                    found.append(("functionCall", str(part.get("thoughtSignature", ""))))
                elif not part.get("thought"):
                    found.append(("text", str(part["text"])))
    return _joined(found)


def _joined(blocks: list[tuple[str, str]]) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    for kind, text in blocks:
        if kind == "text" and out and out[-1][0] == "text":
            out[-1] = (kind, out[-1][1] + text)
        elif text or kind != "text":
            out.append((kind, text))
    return out


def written_blocks(upstream: str, values: tuple[str, ...]) -> list[tuple[str, str]]:
    """The turn of `signed_answer` as `wire_blocks` should find it."""
    text = ("text", "I look twice.")
    match upstream:
        case "openai_responses":
            first, second = values
            calls = [("function_call", "")] * 2
            return [("reasoning", first), text, ("reasoning", second), *calls]
        case "anthropic":
            first, hidden, second = values
            calls = [("tool_use", "")] * 2
            return [("thinking", first), ("redacted_thinking", hidden), text, ("thinking", second), *calls]
        case _:
            return [text, ("functionCall", values[0]), ("functionCall", "")]


def traces(values: tuple[str, ...]) -> list[bytes]:
    """What an opaque value looks like on the wire, as it is and in every wrapping that we use."""
    found = [b"dgm1.", b"ZGdtMS"]
    for value in values:
        found.append(value.encode())
        found.append(base64.b64encode(value.encode()).rstrip(b"="))
        found.append(base64.urlsafe_b64encode(value.encode()).rstrip(b"="))
    return found
