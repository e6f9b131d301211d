"""Clients of every dialect: how they ask, and how they read answers, errors and streams."""

import contextlib
import http.client
import json
from collections.abc import Iterator
from typing import NamedTuple

from tests.conftest import LiveGateway

from dragoman.testing.grammar import anthropic, gemini, openai_chat, openai_responses
from dragoman.testing.json_value import JSON, Object, decode_object

PATIENCE = 20.0
"""Seconds after which a silent gateway counts as hanging."""

MODELS = {
    "openai_chat": "gpt-4o",
    "openai_responses": "gpt-4.1",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
}
"""A model of each dialect's vendor."""


class Reply(NamedTuple):
    """One HTTP answer. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def object(self) -> Object:
        return decode_object(self.body)


class Told(NamedTuple):
    """An error as its client reads it; `word` is the dialect's own type or status."""

    message: str
    word: str
    param: str | None = None
    code: str | None = None


class Ask(NamedTuple):
    """One HTTP request."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def text(self, *, length: int | None = None) -> bytes:
        """The request as it stands on the wire; `length` announces another length than its own."""
        headers = {"host": "gateway", **self.headers, "content-length": str(length or len(self.body))}
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


class Client:
    """How clients of one dialect ask a gateway, and how they read what comes."""

    def __init__(self, name: str, gateway: LiveGateway) -> None:
        self.name = name
        self.gateway = gateway
        self.grammar = {
            "openai_chat": openai_chat,
            "openai_responses": openai_responses,
            "anthropic": anthropic,
            "gemini": gemini,
        }[name]

    def at(self, gateway: LiveGateway) -> "Client":
        """The same client at another gateway."""
        return Client(self.name, gateway)

    def credentials(self, key: str) -> dict[str, str]:
        """The headers by which clients of this dialect present a key."""
        match self.name:
            case "openai_chat" | "openai_responses":
                return {"authorization": f"Bearer {key}"}
            case "anthropic":
                return {"x-api-key": key, "anthropic-version": "2023-06-01"}
            case _:
                return {"x-goog-api-key": key}

    def target(self, model: str, *, stream: bool = False) -> str:
        match self.name:
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

    def request(self, model: str, *, stream: bool = False, words: str = "Good evening") -> Object:
        """The body of a small, valid request."""
        said: list[JSON] = [{"role": "user", "content": words}]
        match self.name:
            case "openai_chat":
                asked: Object = {"model": model, "messages": said}
            case "openai_responses":
                asked = {"model": model, "input": said}
            case "anthropic":
                asked = {"model": model, "max_tokens": 900, "messages": said}
            case _:
                return {"contents": [{"role": "user", "parts": [{"text": words}]}]}
        return asked | {"stream": True} if stream else asked

    def ask(self, model: str, *, stream: bool = False, body: Object | bytes | None = None) -> Ask:
        """A whole request with the client's key; `body` takes the place of the usual one."""
        if body is None:
            body = self.request(model, stream=stream)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json", **self.credentials(self.gateway.key)}
        return Ask("POST", self.target(model, stream=stream), headers, data)

    def send(self, ask: Ask) -> Reply:
        """The answer to a request, read to its end."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(ask.method, ask.target, ask.body, ask.headers)
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, headers, answer.read())

    def get(self, model: str, *, stream: bool = False, body: Object | bytes | None = None) -> Reply:
        """The answer to `ask`."""
        return self.send(self.ask(model, stream=stream, body=body))

    def read_error(self, reply: Reply) -> Told:
        """The error that an answer is, its form checked."""
        _good(self.grammar.check_error(reply.body), reply)
        assert reply.headers["content-type"].startswith("application/json")
        assert reply.headers["x-request-id"].startswith("req_")
        told = self.told(reply.object)
        if self.name == "anthropic":
            assert reply.headers["request-id"] == reply.headers["x-request-id"]
        if self.name == "gemini":
            assert told.code == str(reply.status)
        return told

    def told(self, envelope: Object) -> Told:
        """The error in an error object."""
        error = envelope["error"]
        assert isinstance(error, dict)
        message = str(error["message"])
        match self.name:
            case "openai_chat" | "openai_responses":
                assert error.keys() == {"message", "type", "param", "code"}
                return Told(message, str(error["type"]), _text(error["param"]), _text(error["code"]))
            case "anthropic":
                return Told(message, str(error["type"]))
            case _:
                return Told(
                    message, str(error["status"]), _violation(error.get("details")), str(error["code"])
                )

    def frames(self, stream: bytes) -> list[Object]:
        """The JSON objects in a stream of server-sent events."""
        lines = stream.replace(b"\r\n", b"\n").split(b"\n")
        texts = [line[6:] for line in lines if line.startswith(b"data: ") and line != b"data: [DONE]"]
        return [decode_object(text) for text in texts]

    def stream_error(self, reply: Reply) -> Told | None:
        """The error inside a streamed answer, whose form is checked; None for a good one."""
        assert reply.status == 200, reply
        assert reply.headers["content-type"].startswith("text/event-stream")
        _good(self.grammar.check_stream(reply.body), reply)
        return next((self.told(frame) for frame in self.frames(reply.body) if "error" in frame), None)

    def finished(self, stream: bytes) -> bool:
        """Whether a stream tells its client that the answer is complete."""
        marks = {
            "openai_chat": ('"finish_reason":"',),
            "openai_responses": ("response.completed", "response.incomplete"),
            "anthropic": ("message_stop", '"stop_reason":"'),
            "gemini": ('"finishReason"',),
        }
        return any(mark in stream.decode() for mark in marks[self.name])

    def words(self, reply: Reply) -> str:
        """The text of an answer, streamed or whole."""
        streamed = reply.headers["content-type"].startswith("text/event-stream")
        answers = self.frames(reply.body) if streamed else [reply.object]
        if self.name == "openai_responses":
            # events behind the deltas repeat what they said
            said = "response.output_text.delta"
            answers = [
                {"text": answer["delta"]} if streamed else {"output": answer.get("output")}
                for answer in answers
                if not streamed or answer["type"] == said
            ]
        return "".join(text for answer in answers for text in texts(answer))


def _good(problems: list[str], reply: Reply) -> None:
    assert not problems, f"{problems} in {reply}"


def _text(value: JSON) -> str | None:
    assert value is None or isinstance(value, str)
    return value


def texts(value: JSON) -> Iterator[str]:
    """The visible text in an answer or a frame of any dialect, in order."""
    if isinstance(value, list):
        for element in value:
            yield from texts(element)
    elif isinstance(value, dict) and not value.get("thought"):
        for name, inner in value.items():
            if name in {"content", "text"} and isinstance(inner, str):
                yield inner
            else:
                yield from texts(inner)


def _violation(value: JSON) -> str | None:
    """The field that Google's `BadRequest` detail names."""
    if isinstance(value, list):
        return next((found for element in value if (found := _violation(element))), None)
    if not isinstance(value, dict):
        return None
    field = value.get("field")
    return field if isinstance(field, str) else _violation(list(value.values()))
