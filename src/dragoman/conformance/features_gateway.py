"""What a gateway does by itself: passing on, repeating itself exactly, its other endpoints."""

import array
import base64

import msgspec

from dragoman.conformance.exact_json import decode_object, encode
from dragoman.conformance.feature import ANSWER, Feature, asking, say
from dragoman.conformance.features_tools import WEATHER, call_id
from dragoman.conformance.gateway_client import Answered
from dragoman.conformance.members import objects_in, string
from dragoman.conformance.question import Call, Question, Result, Words, ask, assistant, user
from dragoman.conformance.stage import Got, Stage
from dragoman.testing.exchange import Answer, json_answer
from dragoman.testing.grammar.shape import children, whole
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.script import Scripted

_PLAIN = asking(Question("", ask()))
_UNKNOWN: Object = {"x_conformance": {"a": 1.5, "b": [None, "ü"]}}
_SAME = "statement 6: what is of one format passes without losing fields"
_ENVELOPE = "the vendor's error reference: every error is in the client's own envelope"


async def _unknown_fields(stage: Stage) -> None:
    question = Question(stage.model, ask(), stream=stage.streamed, extra=_UNKNOWN)
    got = await stage.ask(question, Scripted(say(ANSWER), checked=False))
    seen = stage.body_of(got.received[-1]).get("x_conformance")
    stage.expect(seen == _UNKNOWN["x_conformance"], f"the upstream got {seen} in the unknown field")


async def _repeats(stage: Stage) -> None:
    call = Call(call_id(stage.client.name) and "call_1", WEATHER.name, '{"city":"Oslo"}')
    result = Result(call.id, (Words("cold"),), WEATHER.name)
    turns = (user("Weather?"), assistant("I look.", call), user(result))
    question = Question(stage.model, turns, ("Be brief.",), (WEATHER,), stream=stage.streamed)
    bodies = [(await stage.ask(question, say(ANSWER))).received[-1].body for _ in range(2)]
    stage.expect(bodies[0] == bodies[1], "the same request led to two different ones upstream")


async def _appends(stage: Stage) -> None:
    call = Call(call_id(stage.client.name) and "call_1", WEATHER.name, '{"city":"Oslo"}')
    result = Result(call.id, (Words("cold"),), WEATHER.name)
    turns = (user("Hello"), assistant("Hello."), user("Weather?"), assistant(call), user(result))
    longer = (*turns, assistant("It is cold."), user("Thanks."))
    bodies: list[Object] = []
    for history in (turns, longer):
        question = Question(stage.model, history, ("Be brief.",), (WEATHER,), stream=stage.streamed)
        got = await stage.ask(question, say(ANSWER))
        bodies.append(stage.body_of(got.received[-1]))
    first, second = ([encode(part) for part in _history(body)] for body in bodies)
    stage.expect(second[: len(first)] == first, "the longer history does not begin with the shorter one")
    for member in ("system", "systemInstruction", "instructions", "tools"):
        same = bodies[0].get(member) == bodies[1].get(member)
        stage.expect(same, f"`{member}` has changed from one turn to the next")


def _history(body: Object) -> list[JSON]:
    for member in ("messages", "input", "contents"):
        inner = body.get(member)
        if isinstance(inner, list):
            return inner
    return []


def _cached(stage: Stage) -> Question:
    marked = user(Words("A long document.", cached=True), Words("What is in it?"))
    return Question(stage.model, (marked,), stream=stage.streamed)


def _marks(stage: Stage, got: Got) -> None:
    words = [part for part in got.question.parts("user") if isinstance(part, Words)]
    texts = [part.text for part in words]
    stage.expect(texts == ["A long document.", "What is in it?"], f"the upstream read {texts}")
    if stage.upstream.name == "anthropic":
        stage.expect(words[0].cached, "the cache mark is lost")


def _key_stays(stage: Stage, got: Got) -> None:
    if stage.subject.key in " ".join(stage.fake.provider.script.received[-1].headers.values()):
        known = any(stage.subject.key in value for value in stage.subject.headers.values())
        stage.expect(known, "the client's key went to the upstream")


async def _counts(stage: Stage) -> None:
    question = Question(stage.model, ask("How many tokens are these words?"), max_tokens=None)
    body = stage.client.write(question)
    match stage.client.name:
        case "anthropic":
            path = "/v1/messages/count_tokens"
            body.pop("max_tokens")
        case "gemini":
            path = f"/v1beta/models/{stage.model}:countTokens"
        case _:
            path = "/v1/responses/input_tokens"
            body.pop("store")
    stage.fake.script.clear()
    answered = await _post(stage, path, body)
    stage.require(answered.status == 200, f"HTTP {answered.status}: {answered.body[:200]!r}")
    told = decode_object(answered.body)
    member = "totalTokens" if stage.client.name == "gemini" else "input_tokens"
    stage.expect(whole(told, member) > 0, f"the count is {told}")
    wanted = stage.generations() == ()
    stage.expect(wanted, "counting has cost an answer", "statement 100: counting never asks the model")


async def _post(stage: Stage, path: str, body: Object) -> Answered:
    headers = stage.headers()
    return await stage.http.send("POST", stage.subject.url(path), headers, encode(body).encode())


_VECTORS = ((0.5, -0.25, 0.125), (1.0, 0.0, -1.0))


def embedding_answer(upstream: str, count: int) -> Answer:
    """So many vectors in the upstream's format."""
    vectors = _VECTORS[:count]
    if upstream == "gemini":
        given: JSON = [{"values": list(vector)} for vector in vectors]
        whole_body: Object = {"embeddings": given}
    else:
        data: list[JSON] = [
            {"object": "embedding", "index": index, "embedding": list(vector)}
            for index, vector in enumerate(vectors)
        ]
        usage: Object = {"prompt_tokens": 4, "total_tokens": 4}
        whole_body = {"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage}
    return json_answer(200, msgspec.json.encode(whole_body))


async def _embeds(stage: Stage) -> None:
    model = stage.subject.model(stage.upstream.name, "embedding")
    texts: list[JSON] = ["one", "two"]
    requests: list[JSON] = [
        {"model": f"models/{model}", "content": {"parts": [{"text": text}]}} for text in texts
    ]
    if stage.client.name == "gemini":
        path, body = f"/v1beta/models/{model}:batchEmbedContents", Object(requests=requests)
    else:
        path, body = "/v1/embeddings", Object(model=model, input=texts, encoding_format="float")
    stage.lay_out(embedding_answer(stage.upstream.name, 2))
    answered = await _post(stage, path, body)
    stage.require(answered.status == 200, f"HTTP {answered.status}: {answered.body[:200]!r}")
    vectors = _vectors(stage.client.name, decode_object(answered.body))
    stage.expect(vectors == [list(vector) for vector in _VECTORS], f"the client read {vectors}")


def _vectors(client: str, told: Object) -> list[list[float]]:
    key, member = ("embeddings", "values") if client == "gemini" else ("data", "embedding")
    found: list[list[float]] = []
    for one in children(told, key):
        values = one.get(member)
        if isinstance(values, str):
            data = base64.b64decode(values)
            found.append(list(array.array("f", data)))
        elif isinstance(values, list):
            found.append([float(value) for value in values if isinstance(value, int | float)])
    return found


async def _lists(stage: Stage) -> None:
    path = "/v1beta/models" if stage.client.name == "gemini" else "/v1/models"
    answered = await stage.http.send("GET", stage.subject.url(path), stage.headers())
    stage.require(answered.status == 200, f"HTTP {answered.status}: {answered.body[:200]!r}")
    told = decode_object(answered.body)
    member, field = ("models", "name") if stage.client.name == "gemini" else ("data", "id")
    names = [string(one, field).removeprefix("models/") for one in children(told, member)]
    stage.expect(stage.model in names, f"{stage.model} is not among {names[:12]}")
    if stage.client.name == "anthropic":
        kinds = {string(one, "type") for one in children(told, member)}
        stage.expect(kinds == {"model"}, f"the entries' types are {sorted(kinds)}")


async def _wrong_key(stage: Stage) -> None:
    question = Question(stage.model, ask(), stream=stage.streamed)
    headers = stage.headers("sk-wrong-0000000000")
    stage.lay_out(say(ANSWER))
    answered = await stage.http.send("POST", stage.url(question), headers, stage.body(question))
    stage.expect(answered.status in {400, 401, 403}, f"HTTP {answered.status} where 401 is due")
    problems = stage.client.check_error(answered.body)
    stage.expect(not problems, f"not in the client's envelope: {problems[:2]}")


async def _wrong_model(stage: Stage) -> None:
    question = Question("no-such-model-anywhere", ask(), stream=stage.streamed)
    stage.lay_out(say(ANSWER))
    answered = await stage.send(question)
    stage.expect(400 <= answered.status < 500, f"HTTP {answered.status} where 404 is due")
    problems = stage.client.check_error(answered.body)
    stage.expect(not problems, f"not in the client's envelope: {problems[:2]}")


async def _not_json(stage: Stage) -> None:
    question = Question(stage.model, ask(), stream=stage.streamed)
    answered = await stage.http.send("POST", stage.url(question), stage.headers(), b'{"model": "x", ')
    stage.expect(answered.status == 400, f"HTTP {answered.status} where 400 is due")
    problems = stage.client.check_error(answered.body)
    stage.expect(not problems, f"not in the client's envelope: {problems[:2]}")


async def _array(stage: Stage) -> None:
    question = Question(stage.model, ask(), stream=True)
    path = stage.client.path(stage.model, True).partition("?")[0]
    stage.lay_out(say(ANSWER))
    answered = await _post(stage, path, stage.client.write(question))
    stage.require(answered.status == 200, f"HTTP {answered.status}: {answered.body[:200]!r}")
    try:
        chunks = objects_in(msgspec.json.decode(answered.body))
    except msgspec.DecodeError:
        chunks = []
    told = any("candidates" in chunk for chunk in chunks) and answered.body.lstrip().startswith(b"[")
    stage.expect(told, f"the answer is no JSON array: {answered.body[:80]!r}")
    reply = stage.client.read_stream(answered.body)
    stage.expect(reply.text == ANSWER, f"the client read {reply.text!r}")


_ONE = ("whole",)

FEATURES = (
    Feature(
        "unknown-fields",
        "Gateway",
        "A field that nobody knows yet passes between equals",
        _SAME,
        _PLAIN,
        play=_unknown_fields,
        pairs="same",
        clients=frozenset({"openai_chat", "openai_responses", "anthropic"}),  # Google refuses them itself
    ),
    Feature(
        "repeats-itself",
        "Gateway",
        "The same request leads to the same bytes upstream",
        "statement 11: no clock, no chance and no other order of members",
        _PLAIN,
        play=_repeats,
    ),
    Feature(
        "append-only",
        "Gateway",
        "A longer history begins with the bytes of the shorter one",
        "statement 12: prompt caches and signed reasoning depend on an unchanged prefix",
        _PLAIN,
        play=_appends,
    ),
    Feature(
        "cache-marks",
        "Gateway",
        "Cache marks are kept for Anthropic, and kept from others",
        "statement 57: cache_control goes only where it is known",
        _cached,
        check=_marks,
        clients=frozenset({"anthropic"}),
    ),
    Feature(
        "client-key",
        "Gateway",
        "The client's key for the gateway does not go upstream",
        "statement 4: credentials stay on their side",
        _PLAIN,
        check=_key_stays,
        modes=_ONE,
    ),
    Feature(
        "stream-array",
        "Gateway",
        "Google's other form of a stream: one JSON array",
        "statement 5: server-sent events only with alt=sse",
        _PLAIN,
        play=_array,
        modes=("streamed",),
        clients=frozenset({"gemini"}),
    ),
    Feature(
        "count-tokens",
        "Gateway",
        "Tokens are counted without asking the model",
        "Anthropic: count_tokens; Google: countTokens; OpenAI: responses/input_tokens",
        _PLAIN,
        play=_counts,
        modes=_ONE,
        clients=frozenset({"openai_responses", "anthropic", "gemini"}),
    ),
    Feature(
        "embeddings",
        "Gateway",
        "Embeddings of two texts",
        "OpenAI: /v1/embeddings; Google: batchEmbedContents",
        _PLAIN,
        play=_embeds,
        modes=_ONE,
        clients=frozenset({"openai_chat", "gemini"}),
        upstreams=frozenset({"openai_chat", "gemini"}),
    ),
    Feature(
        "models",
        "Gateway",
        "The list of models, in the client's format",
        "the vendor's reference: list models (statement 10)",
        _PLAIN,
        play=_lists,
        modes=_ONE,
    ),
    Feature(
        "wrong-key", "Gateway", "A wrong key", _ENVELOPE, _PLAIN, play=_wrong_key, modes=_ONE, pairs="same"
    ),
    Feature(
        "wrong-model",
        "Gateway",
        "A model that the gateway does not have",
        _ENVELOPE,
        _PLAIN,
        play=_wrong_model,
        modes=_ONE,
        pairs="same",
    ),
    Feature(
        "broken-json",
        "Gateway",
        "A body that is not JSON",
        _ENVELOPE,
        _PLAIN,
        play=_not_json,
        modes=_ONE,
        pairs="same",
    ),
)
