"""Requests held against the vendors' rules, and what comes of it."""

from collections.abc import Callable

import msgspec
import pytest

from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import Object, decode_object
from dragoman.testing.rules import anthropic, gemini, openai_chat, openai_responses
from dragoman.testing.rules.refusal import Access, RefusedError

Refusal = Callable[[Object], Object | None]


@pytest.fixture
def openai_refusal() -> Refusal:
    """The error that OpenAI answers to a request with these fields; None where it is accepted."""

    def refusal(fields: Object) -> Object | None:
        hello: Object = {"role": "user", "content": "Hello"}
        body = msgspec.json.encode({"model": "gpt-4o", "messages": [hello], **fields})
        headers = {"content-type": "application/json"}
        try:
            openai_chat.check_request(Incoming("POST", "/v1/chat/completions", {}, headers, body), Access())
        except RefusedError as refused:
            error = decode_object(refused.answer.body)["error"]
            assert isinstance(error, dict)
            return {"status": refused.answer.status, **error}
        return None

    return refusal


@pytest.fixture
def responses_refusal() -> Refusal:
    """The error that OpenAI answers to a request of Responses with these fields (None leaves one out);
    None where it is accepted.
    """

    def refusal(fields: Object) -> Object | None:
        whole: Object = {"model": "gpt-4o", "input": "Hello", **fields}
        body = msgspec.json.encode({name: value for name, value in whole.items() if value is not None})
        headers = {"content-type": "application/json"}
        try:
            read = openai_responses.read_request(
                Incoming("POST", "/v1/responses", {}, headers, body), Access()
            )
            openai_responses.check_conversation(read)
        except RefusedError as refused:
            error = decode_object(refused.answer.body)["error"]
            assert isinstance(error, dict)
            return {"status": refused.answer.status, **error}
        return None

    return refusal


@pytest.fixture
def anthropic_refusal() -> Callable[..., str | None]:
    """The message that Anthropic answers to a request with these fields (None leaves one out) and
    headers; None where it is accepted.
    """

    def refusal(fields: Object, **headers: str) -> str | None:
        hello: Object = {"role": "user", "content": "Hello"}
        whole: Object = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": [hello], **fields}
        body = msgspec.json.encode({name: value for name, value in whole.items() if value is not None})
        named = {"anthropic-version": "2023-06-01"}
        named.update({name.replace("_", "-"): value for name, value in headers.items()})
        try:
            anthropic.check_request(Incoming("POST", "/v1/messages", {}, named, body), Access())
        except RefusedError as refused:
            answer = refused.answer
        else:
            return None
        body = decode_object(answer.body)
        error = body["error"]
        assert isinstance(error, dict)
        assert (answer.status, body["type"], error["type"]) == (400, "error", "invalid_request_error")
        assert body["request_id"]
        return str(error["message"])

    return refusal


@pytest.fixture
def gemini_refusal() -> Callable[..., str | None]:
    """The message that Google answers to a request with these fields; None where it is accepted."""

    def refusal(fields: Object, model: str = "gemini-2.5-flash") -> str | None:
        hello: Object = {"role": "user", "parts": [{"text": "Hello"}]}
        body = msgspec.json.encode({"contents": [hello], **fields})
        path = f"/v1beta/models/{model}:generateContent"
        try:
            gemini.check_request(Incoming("POST", path, {}, {}, body), Access())
        except RefusedError as refused:
            answer = refused.answer
        else:
            return None
        error = decode_object(answer.body)["error"]
        assert isinstance(error, dict)
        assert (answer.status, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
        return str(error["message"])

    return refusal
