"""`dragoman translate` shows what would go upstream, and what a client would get, and sends nothing."""

import itertools
import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.cli.main import main
from dragoman.conversation.blocks import Text
from dragoman.conversation.fold import unfold
from dragoman.conversation.request import Message, Request, Role, Sampling
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Location, Reply, Target
from dragoman.dialects.registry import DIALECTS
from dragoman.models.profile import profile_of

MODELS = {
    "openai_chat": "gpt-4o",
    "openai_responses": "gpt-4.1",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
}
"""A model of each format's maker."""

PATHS = {
    "openai_chat": "/chat/completions",
    "openai_responses": "/responses",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/gemini-2.5-flash:generateContent",
}
PAIRS = pytest.mark.parametrize(("source", "destination"), list(itertools.product(MODELS, MODELS)))
SECRET = "sk-never-to-be-shown-0123456789"
MESSAGES: dict[str, Any] = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 10,
    "top_k": 3,
    "messages": [{"role": "user", "content": "Hi"}],
}
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
VISIBLE_WORDS = WORDS.filter(lambda words: not words.isspace())
"""Anthropic refuses messages of white space, so they are sent as something else."""


def translate(source: str, destination: str, data: bytes | str, *more: str) -> Result:
    return CliRunner().invoke(main, ["translate", "--from", source, "--to", destination, *more], input=data)


def sent(result: Result) -> tuple[list[str], dict[str, Any]]:
    """The head of the request that is shown, and its body."""
    assert result.exit_code == 0, result.output
    head, _, body = result.stdout.partition("\n\n")
    return head.splitlines(), json.loads(body)


def target(dialect: str) -> Target:
    return Target(dialect, MODELS[dialect], f"{dialect}/x", profile_of(MODELS[dialect]))


def asking(dialect: str, words: str, temperature: float | None = None) -> bytes:
    """A request in a format."""
    turns = (Message(Role.USER, (Text(words),)),)
    request = Request(
        dialect, MODELS[dialect], turns, max_tokens=50, sampling=Sampling(temperature=temperature)
    )
    return DIALECTS[dialect].render_request(request, target(dialect)).wire.body


def answer(words: str) -> Response:
    choice = Choice(0, (Text(words),), Stop(StopReason.END))
    return Response("id-1", "some-model", (choice,), Usage(input=1, output=2))


def reply(dialect: str, *, stream: bool = False) -> Reply:
    request = Request(dialect, "some-model", (), stream=stream, stream_usage=True)
    return Reply(request, Location("some-model", stream), 1, "f" * 24, "fp_1234567890", "x/y")


def streamed(dialect: str, words: str) -> bytes:
    encoder = DIALECTS[dialect].stream_encoder(reply(dialect, stream=True))
    return b"".join(encoder.encode(event) for event in unfold(answer(words))) + encoder.close()


# --- requests ------------------------------------------------------------------------------------


@PAIRS
@settings(max_examples=5)
@given(words=VISIBLE_WORDS, temperature=st.none() | st.floats(0, 1))
def test_every_request_is_shown_in_every_format(
    source: str, destination: str, words: str, temperature: float | None
) -> None:
    shown = translate(source, destination, asking(source, words, temperature), "--model", MODELS[destination])
    head, body = sent(shown)
    assert head[0] == f"POST {PATHS[destination]}"
    assert "content-type: application/json" in head
    again = DIALECTS[destination].parse_request(json.dumps(body).encode(), Location(MODELS[destination]))
    assert again.model == MODELS[destination]
    assert [message.blocks for message in again.messages] == [(Text(words),)]
    assert again.sampling.temperature == temperature


def test_the_losses_go_to_standard_error_in_the_clients_words() -> None:
    shown = translate("anthropic", "openai_chat", json.dumps(MESSAGES), "--model", "gpt-4o")
    _, body = sent(shown)
    assert body["max_tokens"] == 10
    assert "top_k" not in shown.stdout
    assert shown.stderr.startswith("\nlosses:\n")
    assert 'top_k;kind=dropped;path="$.top_k"' in shown.stderr


def test_without_losses_there_is_nothing_on_standard_error() -> None:
    assert translate("anthropic", "anthropic", json.dumps(MESSAGES)).stderr == ""


def test_what_the_gateway_does_itself_is_named() -> None:
    asked = {"model": "m", "n": 3, "messages": [{"role": "user", "content": "Hi"}]}
    shown = translate("openai_chat", "anthropic", json.dumps(asked), "--model", "claude-sonnet-4-5")
    assert shown.exit_code == 0
    assert "done to the answer by the gateway: fan_out" in shown.stderr


def test_the_model_is_the_requests_own_unless_said() -> None:
    assert sent(translate("anthropic", "gemini", json.dumps(MESSAGES)))[0][0] == (
        "POST /v1beta/models/claude-sonnet-4-5:generateContent"
    )


@pytest.mark.parametrize(("option", "streams"), [((), False), (("--streamed-request",), True)])
def test_googles_streamed_requests_are_told_by_an_option(option: tuple[str, ...], streams: bool) -> None:
    shown = translate("gemini", "openai_chat", asking("gemini", "Hi"), "--model", "gpt-4o", *option)
    assert sent(shown)[1].get("stream", False) is streams


# --- answers -------------------------------------------------------------------------------------


@PAIRS
@settings(max_examples=5)
@given(words=WORDS)
def test_every_answer_is_shown_in_every_format(source: str, destination: str, words: str) -> None:
    given_body = DIALECTS[source].render_response(answer(words), reply(source))
    shown = translate(source, destination, given_body, "--response", "--model", "some-model")
    assert shown.exit_code == 0
    read = DIALECTS[destination].parse_response(shown.stdout.encode(), "x/y")
    assert [block.text for block in read.choices[0].blocks if isinstance(block, Text)] == [words]


@PAIRS
@settings(max_examples=5)
@given(words=WORDS)
def test_every_stream_is_shown_in_every_format(source: str, destination: str, words: str) -> None:
    shown = translate(source, destination, streamed(source, words), "--stream", "--model", "some-model")
    assert shown.exit_code == 0
    decoder = DIALECTS[destination].stream_decoder("x/y")
    events = [*decoder.feed(shown.stdout_bytes), *decoder.close()]
    said = "".join(getattr(event, "text", "") for event in events)
    assert said == words
    assert shown.stderr == ""


# --- what cannot be translated -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "data", "field"),
    [
        (
            "openai_chat",
            '{"model": "m", "messages": [{"role": "critic", "content": "x"}]}',
            "messages[0].role",
        ),
        ("openai_responses", '{"model": "m", "input": [{"role": "user", "content": 5}]}', "input[0].content"),
        ("anthropic", '{"model": "m", "messages": []}', "max_tokens"),
        ("gemini", '{"contents": [{"parts": [{"functionCall": {}}]}]}', "contents[0].parts[0]"),
        ("openai_chat", '{"messages": [{"role": "user", "content": "x"}]}', "model"),
    ],
)
def test_a_request_that_cannot_be_read_ends_with_status_2_and_names_the_field(
    source: str, data: str, field: str
) -> None:
    # what passes through unread is the upstream's to judge
    for destination in MODELS.keys() - {source}:
        shown = translate(source, destination, data)
        assert shown.exit_code == 2
        assert shown.stdout == ""
        assert field in shown.stderr
        assert "Traceback" not in shown.stderr


@pytest.mark.parametrize("option", [(), ("--response",), ("--stream",), ("--streamed-request",)])
@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[]", b"null", b"5"])
@PAIRS
def test_what_is_no_request_and_no_answer_ends_with_status_2(
    source: str, destination: str, data: bytes, option: tuple[str, ...]
) -> None:
    shown = translate(source, destination, data, *option)
    assert shown.exit_code == 2
    assert shown.stdout == ""
    assert len(shown.stderr.strip().splitlines()) == 1


def test_content_that_the_target_cannot_take_is_refused_by_its_place() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    asked = {"model": "m", "messages": [{"role": "user", "content": [sound]}]}
    shown = translate("openai_chat", "anthropic", json.dumps(asked))
    assert shown.exit_code == 2
    assert "messages[0].content[0]" in shown.stderr


def test_a_format_that_is_not_known_is_refused_with_those_that_are() -> None:
    shown = translate("latin", "gemini", "{}")
    assert shown.exit_code == 2
    assert all(name in shown.stderr for name in MODELS)


# --- secrets -------------------------------------------------------------------------------------


@PAIRS
def test_no_key_is_shown(source: str, destination: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "DRAGOMAN_KEY"):
        monkeypatch.setenv(name, SECRET)
    shown = translate(source, destination, asking(source, "Hi"), "--model", MODELS[destination])
    head, _ = sent(shown)
    assert SECRET not in shown.stdout + shown.stderr
    named = {line.partition(":")[0].lower() for line in head[1:]}
    assert named.isdisjoint({"authorization", "x-api-key", "x-goog-api-key", "api-key"})
