"""A refusal that says what to do better is learnt from; any other is the client's to see."""

import pytest

from dragoman.conversation.blocks import Text, Thinking, ToolCall
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import Message, Request, Role
from dragoman.dialects.dialect import Host, Target
from dragoman.gateway.repairs import Learnt, refuses_signatures, repaired, unsigned
from dragoman.models.profile import Profile

TARGET = Target("p", "m", "p/unknown", Profile("unknown", prefill=True, system_in_place=True))


def refusal(message: str, status: int = 400, param: str | None = None, code: str | None = None) -> Failure:
    return Failure(FailureKind.INVALID_REQUEST, message, param=param, code=code, status=status)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("Unsupported parameter: 'frequency_penalty' is not supported with this model.", "frequency_penalty"),
        ("Unrecognized request argument supplied: verbosity", "verbosity"),
        ("Unknown parameter: 'web_search_options'.", "web_search_options"),
        ("cache_control.ttl: Extra inputs are not permitted", "cache_control"),
        ("property 'seed' is unsupported", "seed"),
    ],
)
def test_a_field_that_is_refused_by_name_is_left_out(message: str, field: str) -> None:
    better = repaired(refusal(message), TARGET)
    assert better is not None
    assert better.target.host.rejects == {field}


def test_the_name_may_stand_in_the_param_of_the_error() -> None:
    better = repaired(refusal("No.", param="logit_bias", code="unsupported_parameter"), TARGET)
    assert better is not None
    assert better.target.host.rejects == {"logit_bias"}


@pytest.mark.parametrize(
    ("known", "message", "expected"),
    [
        (
            "max_tokens",
            "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
            "max_completion_tokens",
        ),
        (
            "max_completion_tokens",
            "Unrecognized request argument supplied: max_completion_tokens",
            "max_tokens",
        ),
    ],
)
def test_a_limit_goes_by_the_name_that_is_understood(known: str, message: str, expected: str) -> None:
    host = Host(max_tokens_field="max_tokens" if known == "max_tokens" else "max_completion_tokens")
    target = Target("p", "m", "p/unknown", TARGET.profile, host)
    better = repaired(refusal(message), target)
    assert better is not None
    assert better.target.host.max_tokens_field == expected


@pytest.mark.parametrize(
    ("message", "field", "value"),
    [
        ("`temperature` is deprecated for this model.", "sampling", "none"),
        ("Function tools with reasoning_effort are not supported for m here.", "chat_tools", "never"),
        ("This model does not support assistant message prefill.", "ends_with_model", False),
        ("Requests ending with a model turn are not supported.", "prefill", False),
        ("role 'system' is not supported on this model", "system_in_place", False),
        ("tool_choice: this model does not support forcing a tool", "forced_tools", False),
        ("Schema is too complex for compilation.", "json_schema", False),
    ],
)
def test_what_a_model_does_not_take_changes_its_profile(message: str, field: str, value: object) -> None:
    better = repaired(refusal(message), TARGET)
    assert better is not None
    assert getattr(better.target.profile, field) == value


@pytest.mark.parametrize(
    "failure",
    [
        refusal("messages: at least one message is required"),
        refusal("Unsupported parameter: 'messages' is not supported."),
        refusal("Unsupported parameter: 'seed'", status=403),
        Failure(FailureKind.CONTEXT_OVERFLOW, "Unsupported parameter: 'seed'", status=400),
        Failure(FailureKind.INVALID_REQUEST, "Unsupported parameter: 'seed'"),
    ],
)
def test_any_other_refusal_teaches_nothing(failure: Failure) -> None:
    assert repaired(failure, TARGET) is None


def test_the_same_refusal_is_not_learnt_from_twice() -> None:
    failure = refusal("Unrecognized request argument supplied: verbosity")
    better = repaired(failure, TARGET)
    assert better is not None
    assert repaired(failure, better.target) is None


@pytest.mark.parametrize(
    ("failure", "lasting"),
    [
        (refusal("Unsupported parameter: 'seed' is not supported with this model."), True),
        (refusal("`temperature` is deprecated for this model."), True),
        (refusal("Unsupported value: 'temperature' does not support 0.5. Only the default (1) is."), True),
        (refusal("No.", param="service_tier", code="unsupported_value"), False),
        (refusal("Unsupported value: 'reasoning_effort' does not support 'minimal' with this model."), False),
        (refusal("No.", param="reasoning.summary", code="unsupported_parameter"), False),
        (refusal("metadata.team: Extra inputs are not permitted"), False),
        (refusal("Thinking may not be enabled when tool_choice forces tool use."), False),
        (refusal("'top_p' is not supported while reasoning is on."), False),
        (refusal("Schema is too complex for compilation."), False),
    ],
)
def test_only_what_holds_for_every_request_is_a_lesson(failure: Failure, lasting: bool) -> None:
    better = repaired(failure, TARGET)
    assert better is not None
    assert better.lasting is lasting


@pytest.mark.parametrize(
    "failure",
    [
        refusal("Unsupported parameter: 'response_format' is not supported with this model."),
        refusal("output_config.format: Extra inputs are not permitted"),
        refusal("No.", param="text.format", code="unsupported_parameter"),
    ],
)
def test_the_form_of_the_answer_is_brought_about_in_another_way_and_never_left_out(failure: Failure) -> None:
    better = repaired(failure, TARGET)
    assert better is not None
    assert not better.target.profile.json_schema
    assert not better.target.host.rejects
    assert repaired(failure, better.target) is None


def test_refused_signatures_are_recognised_and_taken_out() -> None:
    assert refuses_signatures(refusal("messages.1.content.0: Invalid `signature` in `thinking` block"))
    assert refuses_signatures(refusal("Function call f is missing a thought_signature"))
    assert not refuses_signatures(refusal("messages: required"))
    signature = Signature("anthropic", "", "s")
    call = ToolCall("c", "f", "{}", signature=signature)
    turn = Message(Role.ASSISTANT, (Thinking("t", signature), Text("x", signature=signature), call))
    assert unsigned(Request("anthropic", "m", (turn,))).messages[0].blocks == (
        Text("x"),
        ToolCall("c", "f", "{}"),
    )


def test_what_was_learnt_is_known_for_that_model_alone_and_forgotten_last_in_use() -> None:
    learnt = Learnt(most=2)
    targets = [Target("p", f"m{number}", "o", TARGET.profile) for number in range(3)]
    better = [Target("p", one.model, "o", one.profile, Host(stream_options=False)) for one in targets]
    learnt.learn(better[0])
    assert learnt.known(targets[0]) is better[0]
    assert learnt.known(targets[1]) is targets[1]
    learnt.learn(better[1])
    learnt.known(targets[0])
    learnt.learn(better[2])
    assert learnt.known(targets[0]) is better[0]
    assert learnt.known(targets[1]) is targets[1]
