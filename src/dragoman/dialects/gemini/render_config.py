"""What is asked of the answer, written as `generationConfig`."""

import msgspec
from msgspec import Raw

from dragoman.conversation.loss import Loss, approximated, dropped, emulated
from dragoman.conversation.request import FunctionTool, OutputMode, Reasoning, Request
from dragoman.dialects.bare_word import wants_bare_word
from dragoman.dialects.dialect import Target
from dragoman.dialects.effort import effort_of, nearest_effort
from dragoman.dialects.json_schema.google_json import google_json_schema
from dragoman.dialects.json_schema.google_openapi import google_openapi_schema
from dragoman.models.profile import Profile

DIALECT = "gemini"

_MAX_STOPS = 5
_MAX_CANDIDATES = 8
_MAX_LOGPROBS = 20
_INT32 = 0x7FFFFFFF

_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
_MINIMAL = 1024
"""Tokens up to which a budget amounts to Google's lowest level."""
_LEVELS = ("minimal", "low", "medium", "high")
"""What is taken for offered where nothing is known."""


class Config(msgspec.Struct):
    """The members of `generationConfig`, and what has to be done besides."""

    members: dict[str, object] = {}
    losses: list[Loss] = []
    instruction: str | None = None
    """A sentence for the instructions, where the form of the answer cannot be demanded."""
    stop: tuple[str, ...] = ()
    fan_out: int = 1


def render_config(request: Request, target: Target) -> Config:
    """Write `generationConfig`."""
    config = Config()
    _add_sampling(config, request, target.profile)
    _add_length(config, request, target.profile)
    _add_candidates(config, request, target.profile)
    _add_output(config, request, target.profile)
    thinking = render_thinking(request.reasoning, target.profile, config.losses)
    if thinking:
        config.members["thinkingConfig"] = thinking
    return config


def _add_sampling(config: Config, request: Request, profile: Profile) -> None:
    sampling = request.sampling
    wanted = {
        "temperature": ("temperature", sampling.temperature),
        "topP": ("top_p", sampling.top_p),
        "topK": ("top_k", sampling.top_k),
        "presencePenalty": ("presence_penalty", sampling.presence_penalty),
        "frequencyPenalty": ("frequency_penalty", sampling.frequency_penalty),
    }
    refused = profile.sampling == "none" or (
        profile.sampling == "unless_reasoning" and _reasons(request.reasoning, profile)
    )
    for member, (name, value) in wanted.items():
        if value is None:
            continue
        second = profile.sampling == "one" and name == "top_p" and sampling.temperature is not None
        if refused or second:
            config.losses.append(dropped(f"$.{name}", name, "the model does not take it"))
        else:
            config.members[member] = value
    if sampling.seed is not None:
        seed = sampling.seed
        if not -_INT32 - 1 <= seed <= _INT32:
            seed &= _INT32
            config.losses.append(approximated("$.seed", "seed", "seeds have 32 bits"))
        config.members["seed"] = seed
    if sampling.logit_bias:
        config.losses.append(
            dropped("$.logit_bias", "logit_bias", "tokens of one model mean nothing to another")
        )


def _reasons(reasoning: Reasoning | None, profile: Profile) -> bool:
    if reasoning is None or (reasoning.effort is None and reasoning.budget is None):
        return profile.reasoning_default
    return reasoning.effort != "none" and reasoning.budget != 0


def _add_length(config: Config, request: Request, profile: Profile) -> None:
    limit = request.max_tokens
    if limit is not None:
        most = profile.max_output_tokens
        if most is not None and limit > most:
            config.losses.append(
                approximated("$.max_tokens", "max_tokens", f"the model writes at most {most}")
            )
            limit = most
        config.members["maxOutputTokens"] = limit
    stops = tuple(stop for stop in request.stop if stop)
    native = stops[:_MAX_STOPS] if profile.stop_sequences else ()
    if native:
        config.members["stopSequences"] = list(native)
    if len(native) < len(stops):
        config.stop = stops[len(native) :]
        config.losses.append(emulated("$.stop", "stop", f"the model takes {len(native)} of {len(stops)}"))


def _add_candidates(config: Config, request: Request, profile: Profile) -> None:
    if request.candidates > 1:
        if profile.candidates and request.candidates <= _MAX_CANDIDATES:
            config.members["candidateCount"] = request.candidates
        else:
            config.fan_out = request.candidates
            config.losses.append(emulated("$.n", "n", "each answer is a request of its own"))
    if request.top_logprobs is not None:
        config.members["responseLogprobs"] = True
        if request.top_logprobs:
            config.members["logprobs"] = min(request.top_logprobs, _MAX_LOGPROBS)


def _add_output(config: Config, request: Request, profile: Profile) -> None:
    output = request.output
    if output is None or output.mode is OutputMode.TEXT:
        return
    if wants_bare_word(request):
        # the client's own fields are written as they are
        return
    if output.mode is OutputMode.JSON_OBJECT or output.schema is None:
        wanted = "Respond with one JSON object only, without a code fence."
    else:
        schema = output.schema.decode("utf-8", "replace")
        wanted = (
            "Respond with JSON only, without a code fence. The JSON must match this JSON Schema:\n" + schema
        )
    functions = any(isinstance(tool, FunctionTool) for tool in request.tools)
    described = output.schema is not None and not profile.json_schema
    if described or (functions and not profile.tools_with_schema):
        config.instruction = wanted
        config.losses.append(
            emulated("$.response_format", "output_by_instruction", "the form of the answer is only asked for")
        )
        return
    config.members["responseMimeType"] = "application/json"
    own = any(
        field.dialect == DIALECT and field.field == "generationConfig.responseSchema"
        for field in request.extras
    )
    if output.schema is None or own:
        return
    path = "$.response_format.json_schema.schema"
    match profile.schema:
        case "json_schema":
            schema = google_json_schema(output.schema, path, config.losses)
            config.members["responseJsonSchema"] = Raw(schema)
        case "openapi":
            schema = google_openapi_schema(output.schema, path, config.losses)
            config.members["responseSchema"] = Raw(schema)


# --- reasoning -----------------------------------------------------------------------------------


def render_thinking(reasoning: Reasoning | None, profile: Profile, losses: list[Loss]) -> dict[str, object]:
    """The members of `thinkingConfig`: a budget or a level as the model takes it, never both."""
    if reasoning is None:
        return {}
    if profile.reasoning == "none":
        if reasoning.effort not in {None, "none"} or reasoning.budget not in {None, 0, -1}:
            losses.append(dropped("$.reasoning", "reasoning", "the model does not reason"))
        return {}
    members: dict[str, object] = {}
    if reasoning.visible:
        members["includeThoughts"] = True
    if profile.reasoning == "budget":
        budget = _budget(reasoning, profile, losses)
        if budget is not None:
            members["thinkingBudget"] = budget
    else:
        level = _level(reasoning, profile, losses)
        if level is not None:
            members["thinkingLevel"] = level.upper()
    return members


def _budget(reasoning: Reasoning, profile: Profile, losses: list[Loss]) -> int | None:
    most = profile.budget_max or _BUDGETS["high"]
    wanted = reasoning.budget
    if wanted is None and reasoning.effort is not None:
        wanted = _BUDGETS.get(reasoning.effort, most)
    if wanted is None or wanted < 0:
        return wanted
    if wanted == 0 and profile.reasoning_off:
        return 0
    if wanted == 0:
        losses.append(
            approximated("$.reasoning", "reasoning_always_on", "the model reasons at least a little")
        )
    budget = min(max(wanted, profile.budget_min), most)
    if reasoning.budget and budget != wanted:
        losses.append(
            approximated("$.reasoning", "reasoning_budget_clamped", f"{profile.budget_min} to {most} tokens")
        )
    return budget


def _level(reasoning: Reasoning, profile: Profile, losses: list[Loss]) -> str | None:
    wanted = reasoning.effort
    if wanted is None and reasoning.budget is not None and reasoning.budget >= 0:
        wanted = "minimal" if 0 < reasoning.budget <= _MINIMAL else effort_of(reasoning.budget)
        losses.append(
            approximated("$.reasoning", "reasoning_budget_as_level", f"{wanted} stands for the budget")
        )
    if wanted is None:
        return None
    level = nearest_effort(wanted, profile.efforts) or nearest_effort(wanted, _LEVELS)
    if wanted == "none":
        losses.append(
            approximated("$.reasoning", "reasoning_always_on", "the model reasons at least a little")
        )
    elif level != wanted:
        losses.append(approximated("$.reasoning", "reasoning_level_clamped", f"{level} stands for {wanted}"))
    return level
