"""What is asked of the answer, written."""

import json

import msgspec
import pytest

from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import FunctionTool, OutputFormat, OutputMode, Reasoning, Request, Sampling
from dragoman.dialects.dialect import Target
from dragoman.dialects.gemini.render_config import Config, render_config
from dragoman.models.profile import UNKNOWN, Profile


def rendered(target: Target, **fields: object) -> Config:
    request = msgspec.structs.replace(Request("openai_chat", "m", ()), **fields)
    return render_config(request, target)


def written(config: Config) -> object:
    return json.loads(msgspec.json.encode(config.members))


def codes(config: Config) -> list[str]:
    return [loss.code for loss in config.losses]


def with_profile(target: Target, **changes: object) -> Target:
    return msgspec.structs.replace(target, profile=msgspec.structs.replace(target.profile, **changes))


def test_nothing_asked_is_nothing_written(new: Target) -> None:
    config = rendered(new)
    assert config == Config()


def test_sampling_goes_over(new: Target) -> None:
    config = rendered(new, sampling=Sampling(0.5, 0.9, 40, 1.0, -1.0, 7))
    assert written(config) == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "presencePenalty": 1.0,
        "frequencyPenalty": -1.0,
        "seed": 7,
    }
    assert codes(config) == []


def test_sampling_that_a_model_ignores_is_dropped_and_recorded(new: Target) -> None:
    config = rendered(with_profile(new, sampling="none"), sampling=Sampling(0.5, 0.9, seed=7))
    assert written(config) == {"seed": 7}
    assert [loss.path for loss in config.losses] == ["$.temperature", "$.top_p"]


def test_one_of_two_is_the_temperature(new: Target) -> None:
    target = with_profile(new, sampling="one")
    assert written(rendered(target, sampling=Sampling(0.5, 0.9))) == {"temperature": 0.5}
    assert written(rendered(target, sampling=Sampling(top_p=0.9))) == {"topP": 0.9}


@pytest.mark.parametrize(
    ("reasoning", "kept"),
    [
        (None, False),
        (Reasoning(visible=True), False),
        (Reasoning(effort="low"), False),
        (Reasoning(effort="none"), True),
        (Reasoning(budget=0), True),
    ],
)
def test_sampling_may_depend_on_reasoning(new: Target, reasoning: Reasoning | None, kept: bool) -> None:
    config = rendered(
        with_profile(new, sampling="unless_reasoning"), sampling=Sampling(0.5), reasoning=reasoning
    )
    assert ("temperature" in config.members) is kept


@pytest.mark.parametrize(
    ("seed", "folded"), [(2**31 - 1, 2**31 - 1), (-(2**31), -(2**31)), (2**40 + 5, 5), (2**63, 0)]
)
def test_seeds_fit_into_32_bits(new: Target, seed: int, folded: int) -> None:
    config = rendered(new, sampling=Sampling(seed=seed))
    assert written(config) == {"seed": folded}
    assert codes(config) == ([] if seed == folded else ["seed"])


def test_token_biases_are_dropped_and_recorded(new: Target) -> None:
    assert codes(rendered(new, sampling=Sampling(logit_bias={"50256": -100}))) == ["logit_bias"]


def test_length_is_clamped_to_the_model(old: Target) -> None:
    assert written(rendered(old, max_tokens=100)) == {"maxOutputTokens": 100}
    config = rendered(old, max_tokens=100_000)
    assert written(config) == {"maxOutputTokens": 8192}
    assert codes(config) == ["max_tokens"]


def test_stop_sequences_beyond_five_are_the_gateways_business(new: Target) -> None:
    assert written(rendered(new, stop=("a", "", "b"))) == {"stopSequences": ["a", "b"]}
    config = rendered(new, stop=tuple("abcdefg"))
    assert written(config) == {"stopSequences": list("abcde")}
    assert config.stop == ("f", "g")
    assert codes(config) == ["stop"]
    config = rendered(with_profile(new, stop_sequences=False), stop=("a",))
    assert (config.members, config.stop) == ({}, ("a",))


def test_several_answers(new: Target, old: Target) -> None:
    assert written(rendered(old, candidates=3)) == {"candidateCount": 3}
    for target, wanted in ((new, 3), (old, 9)):
        config = rendered(target, candidates=wanted)
        assert (config.members, config.fan_out, codes(config)) == ({}, wanted, ["n"])


@pytest.mark.parametrize(("wanted", "expected"), [(0, None), (3, 3), (50, 20)])
def test_log_probabilities(new: Target, wanted: int, expected: int | None) -> None:
    members: dict[str, object] = {"responseLogprobs": True}
    if expected is not None:
        members["logprobs"] = expected
    assert written(rendered(new, top_logprobs=wanted)) == members


SCHEMA = b'{"type":"object","properties":{"a":{"const":1}}}'
JSON = OutputFormat(OutputMode.JSON_OBJECT)
BY_SCHEMA = OutputFormat(OutputMode.JSON_SCHEMA, SCHEMA)
FUNCTIONS = (FunctionTool("f"),)


def test_the_form_of_the_answer(new: Target, old: Target) -> None:
    assert rendered(new, output=OutputFormat(OutputMode.TEXT)) == Config()
    assert written(rendered(new, output=JSON)) == {"responseMimeType": "application/json"}
    assert written(rendered(new, output=BY_SCHEMA)) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object", "properties": {"a": {"enum": [1]}}},
    }
    config = rendered(old, output=BY_SCHEMA)
    assert written(config) == {
        "responseMimeType": "application/json",
        "responseSchema": {
            "type": "OBJECT",
            "properties": {"a": {"type": "INTEGER", "description": "must be 1"}},
            "propertyOrdering": ["a"],
        },
    }
    assert codes(config) == ["schema_relaxed"]


def test_a_schema_beside_functions_is_only_asked_for_where_it_must(new: Target, old: Target) -> None:
    assert rendered(new, output=BY_SCHEMA, tools=FUNCTIONS).instruction is None
    config = rendered(old, output=BY_SCHEMA, tools=FUNCTIONS)
    assert config.members == {}
    assert config.instruction is not None
    assert SCHEMA.decode() in config.instruction
    assert codes(config) == ["output_by_instruction"]
    config = rendered(old, output=JSON, tools=FUNCTIONS)
    assert config.instruction == "Respond with one JSON object only, without a code fence."


def test_a_model_without_schemas_is_asked_in_words(new: Target) -> None:
    target = with_profile(new, json_schema=False)
    assert rendered(target, output=BY_SCHEMA).instruction is not None
    assert written(rendered(target, output=JSON)) == {"responseMimeType": "application/json"}


def test_googles_own_schema_is_not_written_twice(new: Target) -> None:
    own = Opaque("gemini", "generationConfig.responseSchema", b'{"type":"OBJECT"}')
    assert written(rendered(new, output=BY_SCHEMA, extras=(own,))) == {"responseMimeType": "application/json"}


LEVEL = Profile("g", reasoning="level", efforts=("low", "medium", "high"), reasoning_off=False)
MINIMAL = Profile("g", reasoning="level", efforts=("minimal", "low", "high"), reasoning_off=False)
BUDGET = Profile("g", reasoning="budget", budget_min=128, budget_max=32768, reasoning_off=False)
FLASH = Profile("g", reasoning="budget", budget_min=0, budget_max=24576)


@pytest.mark.parametrize(
    ("profile", "reasoning", "expected", "losses"),
    [
        (LEVEL, Reasoning(), {}, []),
        (LEVEL, Reasoning(visible=True), {"includeThoughts": True}, []),
        (LEVEL, Reasoning(visible=False), {}, []),
        (LEVEL, Reasoning(effort="medium"), {"thinkingLevel": "MEDIUM"}, []),
        (LEVEL, Reasoning(effort="minimal"), {"thinkingLevel": "LOW"}, ["reasoning_level_clamped"]),
        (LEVEL, Reasoning(effort="max"), {"thinkingLevel": "HIGH"}, ["reasoning_level_clamped"]),
        (LEVEL, Reasoning(effort="strange"), {"thinkingLevel": "MEDIUM"}, ["reasoning_level_clamped"]),
        (LEVEL, Reasoning(effort="none"), {"thinkingLevel": "LOW"}, ["reasoning_always_on"]),
        (LEVEL, Reasoning(budget=-1), {}, []),
        (
            LEVEL,
            Reasoning(budget=0),
            {"thinkingLevel": "LOW"},
            ["reasoning_budget_as_level", "reasoning_always_on"],
        ),
        (LEVEL, Reasoning(budget=10_000), {"thinkingLevel": "MEDIUM"}, ["reasoning_budget_as_level"]),
        (
            LEVEL,
            Reasoning(budget=50_000),
            {"thinkingLevel": "HIGH"},
            ["reasoning_budget_as_level", "reasoning_level_clamped"],
        ),
        (MINIMAL, Reasoning(effort="none"), {"thinkingLevel": "MINIMAL"}, ["reasoning_always_on"]),
        (MINIMAL, Reasoning(effort="medium"), {"thinkingLevel": "LOW"}, ["reasoning_level_clamped"]),
        (BUDGET, Reasoning(), {}, []),
        (BUDGET, Reasoning(effort="minimal"), {"thinkingBudget": 1024}, []),
        (BUDGET, Reasoning(effort="medium"), {"thinkingBudget": 8192}, []),
        (BUDGET, Reasoning(effort="max"), {"thinkingBudget": 32768}, []),
        (BUDGET, Reasoning(effort="none"), {"thinkingBudget": 128}, ["reasoning_always_on"]),
        (BUDGET, Reasoning(budget=50), {"thinkingBudget": 128}, ["reasoning_budget_clamped"]),
        (BUDGET, Reasoning(budget=99_999), {"thinkingBudget": 32768}, ["reasoning_budget_clamped"]),
        (BUDGET, Reasoning(budget=-1), {"thinkingBudget": -1}, []),
        (FLASH, Reasoning(effort="none"), {"thinkingBudget": 0}, []),
        (FLASH, Reasoning(budget=0, visible=True), {"includeThoughts": True, "thinkingBudget": 0}, []),
        (UNKNOWN, Reasoning(effort="high", visible=True), {}, ["reasoning"]),
        (UNKNOWN, Reasoning(effort="none", budget=-1), {}, []),
    ],
)
def test_reasoning_is_a_budget_or_a_level_and_never_both(
    profile: Profile, reasoning: Reasoning, expected: dict[str, object], losses: list[str]
) -> None:
    config = rendered(Target("g", "m", "o", profile), reasoning=reasoning)
    assert config.members.get("thinkingConfig", {}) == expected
    assert codes(config) == losses
