"""The doors of a gateway: paths, keys, headers and other forms that each vendor's clients use."""

import base64
import struct

from dragoman.conformance.exact_json import decode_object, encode
from dragoman.conformance.feature import ANSWER, Feature, asking, say
from dragoman.conformance.features_gateway import embedding_answer
from dragoman.conformance.features_tools import CLOCK, calling
from dragoman.conformance.gateway_client import Answered
from dragoman.conformance.members import first, string
from dragoman.conformance.question import Question, ask
from dragoman.conformance.stage import Stage
from dragoman.testing.grammar.shape import child
from dragoman.testing.json_value import JSON, Object

_PLAIN = asking(Question("", ask()))
_WHOLE = ("whole",)


async def _send(stage: Stage, path: str, headers: dict[str, str], body: Object) -> Answered:
    stage.lay_out(say(ANSWER))
    mine = {**headers, **stage.subject.headers}
    mine |= stage.subject.upstream_headers.get(stage.upstream.name, {})
    return await stage.http.send("POST", stage.subject.url(path), mine, encode(body).encode())


async def _other_keys(stage: Stage) -> None:
    """Each way in which this format's clients present a key."""
    body = stage.client.write(_PLAIN(stage))
    path = stage.client.path(stage.model, stage.streamed)
    key = stage.subject.key
    version = {"anthropic-version": "2023-06-01"} if stage.client.name == "anthropic" else {}
    ways = [(path, {"authorization": f"Bearer {key}", **version})]
    if stage.client.name == "gemini":
        ways.append((f"{path}{'&' if '?' in path else '?'}key={key}", {}))
    for where, headers in ways:
        answered = await _send(stage, where, headers, body)
        way = "in the query" if "key=" in where else "as a bearer token"
        stage.expect(
            answered.status == 200, f"HTTP {answered.status} for a key {way}: {answered.body[:120]!r}"
        )


async def _other_paths(stage: Stage) -> None:
    """The same endpoint as other versions of the vendor's SDKs write it."""
    body = stage.client.write(_PLAIN(stage))
    path = stage.client.path(stage.model, stage.streamed)
    path = path.replace("/v1beta/", "/v1/") if stage.client.name == "gemini" else f"{path}?beta=true"
    answered = await _send(stage, path, stage.headers(), body)
    stage.expect(answered.status == 200, f"HTTP {answered.status} at {path}: {answered.body[:120]!r}")


async def _named(stage: Stage) -> None:
    answered = await _send(
        stage,
        stage.client.path(stage.model, stage.streamed),
        stage.headers(),
        stage.client.write(_PLAIN(stage)),
    )
    header = "request-id" if stage.client.name == "anthropic" else "x-request-id"
    stage.expect(bool(answered.headers.get(header)), f"the answer has no `{header}`")


async def _legacy(stage: Stage) -> None:
    """OpenAI's functions of before there were tools."""
    question = _PLAIN(stage)
    functions: list[JSON] = [{"name": CLOCK.name, "description": CLOCK.description, "parameters": _NOTHING}]
    body: Object = {**stage.client.write(question), "functions": functions, "function_call": "auto"}
    stage.lay_out(calling(stage, (CLOCK.name, "{}")))
    path = stage.client.path(stage.model, False)
    answered = await stage.http.send("POST", stage.subject.url(path), stage.headers(), encode(body).encode())
    stage.require(answered.status == 200, f"HTTP {answered.status}: {answered.body[:160]!r}")
    choice = first(decode_object(answered.body), "choices")
    call = child(child(choice, "message"), "function_call")
    stage.expect(call.get("name") == CLOCK.name, f"the message is {child(choice, 'message')}")
    stage.expect(
        choice.get("finish_reason") == "function_call", f"it ends with {choice.get('finish_reason')}"
    )


_NOTHING: Object = {"type": "object", "properties": {}}


async def _packed(stage: Stage) -> None:
    model = stage.subject.model(stage.upstream.name, "embedding")
    body: Object = {"model": model, "input": "one", "encoding_format": "base64"}
    stage.lay_out(embedding_answer(stage.upstream.name, 1))
    path = stage.subject.url("/v1/embeddings")
    answered = await stage.http.send("POST", path, stage.headers(), encode(body).encode())
    stage.require(answered.status == 200, f"HTTP {answered.status}: {answered.body[:160]!r}")
    entry = first(decode_object(answered.body), "data")
    packed = string(entry, "embedding")
    stage.require(bool(packed), f"the vector is {str(entry.get('embedding'))[:80]}")
    wanted = base64.b64encode(struct.pack("<3f", 0.5, -0.25, 0.125)).decode()
    stage.expect(packed == wanted, f"the vector is {packed!r}")


FEATURES = (
    Feature(
        "keys",
        "Access",
        "A key as a bearer token, and for Google in the query",
        "statements 1 and 2: every way in which the vendors' SDKs present keys",
        _PLAIN,
        play=_other_keys,
        clients=frozenset({"anthropic", "gemini"}),
    ),
    Feature(
        "paths",
        "Access",
        "Queries that mean nothing here, and Google's other version",
        "statements 2 and 3: /v1beta/ and /v1/; unknown members of the query are ignored",
        _PLAIN,
        play=_other_paths,
    ),
    Feature(
        "request-id",
        "Access",
        "The answer names the request",
        "OpenAI: x-request-id; Anthropic: request-id (statement 99)",
        _PLAIN,
        play=_named,
        clients=frozenset({"openai_chat", "openai_responses", "anthropic"}),
    ),
    Feature(
        "legacy-functions",
        "Access",
        "OpenAI's functions of before there were tools",
        "Chat Completions: functions and function_call, deprecated and still answered in kind",
        _PLAIN,
        play=_legacy,
        modes=_WHOLE,
        clients=frozenset({"openai_chat"}),
        upstreams=frozenset({"openai_responses", "anthropic", "gemini"}),
    ),
    Feature(
        "embeddings-packed",
        "Access",
        "Embeddings in base64, as OpenAI's SDK asks for them",
        "OpenAI: encoding_format base64 is little-endian float32",
        _PLAIN,
        play=_packed,
        modes=_WHOLE,
        clients=frozenset({"openai_chat"}),
        upstreams=frozenset({"gemini"}),
    ),
)
