"""Requests to the wire: how much the model may reason."""

from collections.abc import Callable

import pytest

from dragoman.conversation.blocks import Text, Thinking, ToolCall, ToolResult
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import (
    FunctionTool,
    Message,
    Reasoning,
    Request,
    Role,
    Sampling,
    ToolChoice,
    ToolChoiceMode,
)

RequestOf = Callable[..., Request]
BodyOf = Callable[..., dict[str, object]]
LossesOf = Callable[..., list[str]]
Parse = Callable[..., Request]


def enabled(budget: int) -> dict[str, object]:
    return {"type": "enabled", "budget_tokens": budget}


# --- models with adaptive thinking ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("reasoning", "thinking", "effort", "losses"),
    [
        (Reasoning(effort="high"), {"type": "adaptive"}, "high", []),
        (Reasoning(effort="minimal"), {"type": "adaptive"}, "low", ["effort_clamped"]),
        (Reasoning(effort="none"), {"type": "disabled"}, None, []),
        (Reasoning(budget=0), {"type": "disabled"}, None, []),
        (Reasoning(budget=-1), {"type": "adaptive"}, None, []),
        (Reasoning(budget=1000), {"type": "adaptive"}, "low", ["budget_to_effort"]),
        (Reasoning(budget=4097), {"type": "adaptive"}, "medium", ["budget_to_effort"]),
        (Reasoning(budget=20_000), {"type": "adaptive"}, "high", ["budget_to_effort"]),
        (Reasoning(budget=50_000), {"type": "adaptive"}, "xhigh", ["budget_to_effort"]),
        (Reasoning(visible=True), {"type": "adaptive", "display": "summarized"}, None, []),
        (Reasoning(visible=False), None, None, []),
        (Reasoning(effort="low", visible=False), {"type": "adaptive", "display": "omitted"}, "low", []),
    ],
)
def test_wishes_become_adaptive_thinking_and_an_effort(
    body_of: BodyOf,
    losses_of: LossesOf,
    request_of: RequestOf,
    reasoning: Reasoning,
    thinking: dict[str, str] | None,
    effort: str | None,
    losses: list[str],
) -> None:
    body = body_of(request_of(reasoning=reasoning), "opus")
    assert body.get("thinking") == thinking
    assert body.get("output_config") == (None if effort is None else {"effort": effort})
    assert losses_of(request_of(reasoning=reasoning), "opus") == losses


@pytest.mark.parametrize(
    ("efforts", "asked", "sent"),
    [
        (("low", "medium", "high"), "max", "high"),
        (("low", "medium", "high", "max"), "xhigh", "high"),
        (("medium", "high"), "low", "medium"),
        (("low", "high"), "of_the_future", "low"),
    ],
)
def test_efforts_move_down_to_the_nearest_and_up_only_from_below_all(
    body_of: BodyOf, request_of: RequestOf, efforts: tuple[str, ...], asked: str, sent: str
) -> None:
    body = body_of(request_of(reasoning=Reasoning(effort=asked)), "opus", efforts=efforts)
    assert body["output_config"] == {"effort": sent}


def test_a_model_that_always_reasons_does_so_as_little_as_it_can(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    request = request_of(reasoning=Reasoning(effort="none"))
    body = body_of(request, "opus", reasoning_off=False)
    assert "thinking" not in body
    assert body["output_config"] == {"effort": "low"}
    assert losses_of(request, "opus", reasoning_off=False) == ["reasoning_always_on"]


# --- models with a budget ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reasoning", "budget"),
    [
        (Reasoning(effort="minimal"), 1024),
        (Reasoning(effort="low"), 2048),
        (Reasoning(effort="medium"), 8192),
        (Reasoning(effort="high"), 16384),
        (Reasoning(budget=5000), 5000),
        (Reasoning(budget=10), 1024),
        (Reasoning(budget=-1), 8192),
        (Reasoning(visible=True), 8192),
        (Reasoning(visible=False), None),
        (Reasoning(effort="none"), None),
        (Reasoning(budget=0), None),
    ],
)
def test_wishes_become_a_budget(
    body_of: BodyOf, request_of: RequestOf, reasoning: Reasoning, budget: int | None
) -> None:
    body = body_of(request_of(reasoning=reasoning))
    assert body.get("thinking") == (None if budget is None else enabled(budget))
    assert body["max_tokens"] == 32_000


def test_a_cap_that_is_not_the_clients_grows_with_the_budget(body_of: BodyOf, request_of: RequestOf) -> None:
    body = body_of(request_of(reasoning=Reasoning(effort="xhigh")))
    assert body["thinking"] == enabled(32_768)
    assert body["max_tokens"] == 32_768 + 4096
    most = body_of(request_of(reasoning=Reasoning(effort="max")))
    assert most["thinking"] == enabled(63_999)
    assert most["max_tokens"] == 64_000


def test_a_budget_shrinks_below_the_clients_own_cap(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    request = request_of(reasoning=Reasoning(effort="high"), max_tokens=4000)
    body = body_of(request)
    assert (body["thinking"], body["max_tokens"]) == (enabled(2000), 4000)
    assert losses_of(request) == ["budget_shrunk"]
    tight = body_of(request_of(reasoning=Reasoning(effort="high"), max_tokens=1025))
    assert (tight["thinking"], tight["max_tokens"]) == (enabled(1024), 1025)


@pytest.mark.parametrize(
    "changes",
    [
        {"max_tokens": 1024},
        {"tools": (FunctionTool("f"),), "tool_choice": ToolChoice(ToolChoiceMode.REQUIRED)},
        {
            "messages": (
                Message(Role.USER, (Text("a"),)),
                Message(Role.ASSISTANT, (ToolCall("1", "f", "{}"),)),
                Message(Role.USER, (ToolResult("1", ()),)),
            )
        },
    ],
)
def test_a_budget_gives_way_to_what_it_does_not_go_along_with(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf, changes: dict[str, object]
) -> None:
    request = request_of(reasoning=Reasoning(effort="high"), **changes)
    assert "thinking" not in body_of(request)
    assert losses_of(request) == ["reasoning_off"]


def test_a_tool_loop_that_began_with_reasoning_goes_on_with_it(
    body_of: BodyOf, request_of: RequestOf
) -> None:
    signed = Thinking("hm", Signature("anthropic", "", "SIG"))
    messages = (
        Message(Role.USER, (Text("a"),)),
        Message(Role.ASSISTANT, (signed, ToolCall("1", "f", "{}"))),
        Message(Role.USER, (ToolResult("1", ()),)),
    )
    request = request_of(reasoning=Reasoning(effort="low"), messages=messages)
    assert body_of(request)["thinking"] == enabled(2048)


def test_sampling_that_does_not_go_along_with_a_budget_is_dropped(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    def sent(sampling: Sampling) -> tuple[set[str], list[str]]:
        request = request_of(reasoning=Reasoning(effort="low"), sampling=sampling)
        return set(body_of(request)) & {"temperature", "top_p", "top_k"}, losses_of(request)

    assert sent(Sampling(temperature=0.3, top_k=5)) == (set(), ["temperature", "top_k"])
    assert sent(Sampling(temperature=1.0)) == (set(), [])
    assert sent(Sampling(top_p=0.5)) == (set(), ["top_p"])
    assert sent(Sampling(top_p=0.95)) == ({"top_p"}, [])


# --- other models --------------------------------------------------------------------------------


def test_a_model_that_is_not_known_to_reason_is_not_asked_to(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    request = request_of(reasoning=Reasoning(effort="high"))
    assert "thinking" not in body_of(request, "unknown")
    assert losses_of(request, "unknown") == ["reasoning"]
    assert losses_of(request_of(reasoning=Reasoning(effort="none")), "unknown") == []


def test_models_with_words_alone_get_the_word(body_of: BodyOf, request_of: RequestOf) -> None:
    request = request_of(reasoning=Reasoning(budget=3000))
    body = body_of(request, "unknown", reasoning="effort", efforts=("low", "high"), family="kimi")
    assert body["output_config"] == {"effort": "low"}
    assert "thinking" not in body


# --- clients of this format ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "thinking"),
    [
        ("sonnet", {"type": "enabled", "budget_tokens": 50, "of_the_future": 1}),
        ("sonnet", {"type": "disabled"}),
        ("opus", {"type": "adaptive", "display": "updates"}),
        ("opus", {"type": "of_the_future"}),
        ("unknown", {"type": "enabled", "budget_tokens": 50}),
        ("unknown", {"type": "of_the_future"}),
    ],
)
def test_thinking_that_the_model_takes_goes_out_as_it_came(
    body_of: BodyOf, losses_of: LossesOf, parse: Parse, profile: str, thinking: dict[str, object]
) -> None:
    request = parse(thinking=thinking, max_tokens=4000)
    assert body_of(request, profile)["thinking"] == thinking
    assert losses_of(request, profile) == []


@pytest.mark.parametrize(
    ("facts", "thinking"),
    [
        ({"reasoning_between_tools": True}, {"type": "between_tools"}),
        ({"takes_budget": True}, {"type": "enabled", "budget_tokens": 2000}),
    ],
)
def test_only_some_models_take_these_kinds_of_thinking(
    body_of: BodyOf, parse: Parse, facts: dict[str, object], thinking: dict[str, object]
) -> None:
    request = parse(thinking=thinking, max_tokens=4000)
    assert body_of(request, "opus", **facts)["thinking"] == thinking
    assert body_of(request, "opus")["thinking"] != thinking


def test_a_model_that_keeps_reasoning_between_tools_is_asked_for_that_instead_of_none(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    request = request_of(reasoning=Reasoning(effort="none"))
    facts = {"reasoning_off": False, "reasoning_between_tools": True}
    assert body_of(request, "opus", **facts)["thinking"] == {"type": "between_tools"}
    assert losses_of(request, "opus", **facts) == ["reasoning_between_tools"]


def test_beside_reasoning_that_is_off_the_effort_has_its_limit(
    body_of: BodyOf, losses_of: LossesOf, parse: Parse
) -> None:
    request = parse(thinking={"type": "disabled"}, output_config={"effort": "max"}, max_tokens=4000)
    body = body_of(request, "opus", reasoning_off_up_to="high")
    assert body["thinking"] == {"type": "disabled"}
    assert body["output_config"] == {"effort": "high"}
    assert losses_of(request, "opus", reasoning_off_up_to="high") == ["effort_clamped"]
    assert body_of(request, "opus")["output_config"] == {"effort": "max"}


def test_thinking_that_the_model_does_not_take_is_translated(body_of: BodyOf, parse: Parse) -> None:
    request = parse(thinking={"type": "enabled", "budget_tokens": 9000}, max_tokens=10_000)
    body = body_of(request, "opus")
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": "medium"}
    adaptive = parse(thinking={"type": "adaptive"}, output_config={"effort": "low"}, max_tokens=10_000)
    assert body_of(adaptive)["thinking"] == enabled(2048)


def test_thinking_is_left_out_for_a_model_that_is_known_not_to_reason(
    body_of: BodyOf, losses_of: LossesOf, parse: Parse
) -> None:
    request = parse(thinking={"type": "enabled", "budget_tokens": 2000}, max_tokens=4000)
    assert "thinking" not in body_of(request, "unknown", family="claude-3")
    assert losses_of(request, "unknown", family="claude-3") == ["reasoning"]


def test_effort_alone_does_not_turn_thinking_on(body_of: BodyOf, losses_of: LossesOf, parse: Parse) -> None:
    request = parse(output_config={"effort": "low"})
    body = body_of(request, "opus")
    assert "thinking" not in body
    assert body["output_config"] == {"effort": "low"}
    assert body_of(request, "unknown")["output_config"] == {"effort": "low"}
    assert losses_of(request) == ["effort_dropped"]


def test_disabled_thinking_keeps_its_effort(body_of: BodyOf, parse: Parse) -> None:
    body = body_of(parse(thinking={"type": "disabled"}, output_config={"effort": "high"}), "opus")
    assert body["thinking"] == {"type": "disabled"}
    assert body["output_config"] == {"effort": "high"}


def test_the_clients_own_budget_gives_way_to_a_tool_loop_that_another_model_began(
    body_of: BodyOf, losses_of: LossesOf, parse: Parse
) -> None:
    sealed = "dgm1.Z2VtaW5pCmc.c2ln"
    answered: list[dict[str, object]] = [
        {"role": "user", "content": "Look."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": sealed},
                {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "seen"}]},
    ]
    request = parse(messages=answered, max_tokens=9000, thinking=enabled(2048))
    assert "thinking" not in body_of(request, "sonnet")
    assert "reasoning_off" in losses_of(request, "sonnet")
