"""What a request brings along for its own format alone."""

import msgspec
import pytest

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import FailureError
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import FunctionTool, Message, Request, Role
from dragoman.dialects.dialect import Target
from dragoman.dialects.foreign_fields import check_foreign_fields, foreign_losses
from dragoman.dialects.registry import DIALECTS
from dragoman.models.profile import UNKNOWN

REFUSED = [
    Opaque("openai_chat", "modalities", b'["text", "audio"]'),
    Opaque("gemini", "generationConfig.responseModalities", b'["IMAGE"]'),
    Opaque("gemini", "cachedContent", b'"cachedContents/1"'),
    Opaque("openai_responses", "previous_response_id", b'"resp_1"'),
    Opaque("openai_responses", "conversation", b'{"id": "conv_1"}'),
    Opaque("openai_responses", "prompt", b'{"id": "pmpt_1"}'),
    Opaque("openai_responses", "background", b"true"),
    Opaque("openai_responses", "tool_choice", b'{"type": "file_search"}'),
    Opaque("anthropic", "container", b'"container_1"'),
    Opaque("anthropic", "thread", b'{"type": "create"}'),
    Opaque("anthropic", "mcp_servers", b'[{"type": "url", "url": "https://example.com", "name": "m"}]'),
]
DROPPED = [
    Opaque("openai_chat", "modalities", b'["text"]'),
    Opaque("openai_chat", "prediction", b'{"type": "content", "content": "audio"}'),
    Opaque("gemini", "safetySettings", b"[]"),
    Opaque("openai_responses", "truncation", b'"auto"'),
    Opaque("openai_responses", "max_tool_calls", b"3"),
    Opaque("openai_responses", "context_management", b"[]"),
    Opaque("anthropic", "mcp_servers", b"[]"),
    Opaque("anthropic", "container", b"null"),
    Opaque("anthropic", "thread", b"null"),
]


def bringing(extra: Opaque) -> Request:
    """A request of the field's own format."""
    messages = (Message(Role.USER, (Text("Hello"),)),)
    return Request(extra.dialect, "m", messages, extras=(extra,))


@pytest.mark.parametrize("extra", REFUSED, ids=lambda extra: extra.field)
def test_a_field_that_changes_what_the_answer_is_is_refused_by_name(extra: Opaque) -> None:
    for name, dialect in DIALECTS.items():
        if name == extra.dialect:
            check_foreign_fields(bringing(extra), name)
            continue
        with pytest.raises(FailureError) as caught:
            dialect.render_request(bringing(extra), Target("p", "m", "p/unknown", UNKNOWN))
        assert caught.value.failure.param == extra.field


@pytest.mark.parametrize("extra", DROPPED, ids=lambda extra: extra.field)
def test_every_other_field_is_dropped_and_reported(extra: Opaque) -> None:
    for name, dialect in DIALECTS.items():
        if name != extra.dialect:
            rendered = dialect.render_request(bringing(extra), Target("p", "m", "p/unknown", UNKNOWN))
            assert f"$.{extra.field}" in [loss.path for loss in rendered.losses]


@pytest.mark.parametrize(("user", "paths"), [("me", []), ("you", ["$.safety_identifier"])])
def test_who_asks_is_said_by_its_neutral_name(user: str, paths: list[str]) -> None:
    named = bringing(Opaque("openai_chat", "safety_identifier", b'"me"'))
    request = msgspec.structs.replace(named, user=user)
    assert [loss.path for loss in foreign_losses(request, "anthropic")] == paths
    # Google hears of nobody, and its loss is told by the name that the client used
    target = Target("p", "m", "p/unknown", UNKNOWN)
    lost = [loss.path for loss in DIALECTS["gemini"].render_request(request, target).losses]
    assert sorted(lost) == ["$.safety_identifier", *(["$.user"] if paths else [])]


def test_a_copy_of_what_every_format_can_say_is_no_loss() -> None:
    copy = Opaque("gemini", "generationConfig.responseSchema", b'{"type":"OBJECT"}')
    assert list(foreign_losses(bringing(copy), "anthropic")) == []


@pytest.mark.parametrize("field", ["store", "stream_options"])
def test_what_the_gateway_sees_to_itself_is_no_loss(field: str) -> None:
    assert list(foreign_losses(bringing(Opaque("openai_responses", field, b"{}")), "anthropic")) == []


@pytest.mark.parametrize(
    ("client", "dialect"), [("openai_chat", "openai_responses"), ("openai_responses", "openai_chat")]
)
@pytest.mark.parametrize("field", ["prompt_cache_key", "safety_identifier", "moderation"])
def test_fields_of_both_of_openais_formats_are_no_loss_between_them(
    client: str, dialect: str, field: str
) -> None:
    assert list(foreign_losses(bringing(Opaque(client, field, b'"x"')), dialect)) == []
    assert len(list(foreign_losses(bringing(Opaque(client, field, b'"x"')), "gemini"))) == 1


def test_a_tool_that_answers_after_the_turn_is_refused_by_its_place() -> None:
    late = FunctionTool("f", opaque=(Opaque("openai_responses", "async", b"true"),))
    request = Request(
        "openai_responses", "m", (Message(Role.USER, (Text("Hello"),)),), tools=(FunctionTool("g"), late)
    )
    check_foreign_fields(request, "openai_responses")
    with pytest.raises(FailureError) as caught:
        check_foreign_fields(request, "openai_chat")
    assert caught.value.failure.param == "tools[1].async"


def test_what_a_model_said_aloud_and_its_vendor_keeps_cannot_be_said_elsewhere() -> None:
    said = Message(Role.ASSISTANT, (), opaque=(Opaque("openai_chat", "audio", b'{"id":"audio_1"}'),))
    messages = (Message(Role.USER, (Text("Hi"),)), said)
    for name, dialect in DIALECTS.items():
        request = Request("openai_chat", "m", messages)
        if name == "openai_chat":
            check_foreign_fields(request, name)
            continue
        with pytest.raises(FailureError) as caught:
            dialect.render_request(request, Target("p", "m", "p/unknown", UNKNOWN))
        assert caught.value.failure.param == "messages[1].audio"


def test_unknown_fields_of_turns_and_blocks_are_reported_where_they_stand() -> None:
    turn = Message(
        Role.USER,
        (Text("a"), Text("b", opaque=(Opaque("anthropic", "weird", b"1"), Opaque("anthropic", "id", b"2")))),
        opaque=(Opaque("anthropic", "output_config", b"{}"),),
    )
    request = Request("anthropic", "m", (turn,))
    assert [loss.path for loss in foreign_losses(request, "gemini")] == [
        "$.messages[0].output_config",
        "$.messages[0].content[1].weird",
    ]
    assert list(foreign_losses(request, "anthropic")) == []
