"""What OpenAI refuses on `POST /v1/chat/completions`: every field's rules.

Written from OpenAI's documentation and recorded error answers, without a look at how our own
dialect reads requests: what one gets wrong, the other shows.
"""

from dragoman.models.profile import Profile, profile_of
from dragoman.testing.exchange import Incoming
from dragoman.testing.rules.openai_body import (
    check_metadata,
    check_ranges,
    check_stream,
    read_body,
    read_model,
    refuse_unknown,
)
from dragoman.testing.rules.openai_completions import COMPLETION_MODELS
from dragoman.testing.rules.openai_errors import Field, refused, unsupported_parameter
from dragoman.testing.rules.openai_messages import check_messages
from dragoman.testing.rules.openai_tools import check_response_format, check_tools
from dragoman.testing.rules.refusal import Access

_KNOWN = frozenset(
    {
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "modalities",
        "model",
        "moderation",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    }
)
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_TIERS = ("auto", "default", "flex", "scale", "priority", "fast")


def check_request(incoming: Incoming, access: Access) -> None:
    """Raise `RefusedError` for a request that OpenAI refuses."""
    body = read_body(incoming)
    name = read_model(body, access)
    profile = profile_of(name)
    if name.startswith(COMPLETION_MODELS):
        raise refused(
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you "
            "mean to use v1/completions?",
            "model",
            status=404,
        )
    unreasoning = profile.family.startswith("gpt-") and profile.reasoning == "none"
    effort = body.member("reasoning_effort")
    refuse_unknown(body, _KNOWN - {"reasoning_effort"} if unreasoning and effort is not None else _KNOWN)
    check_messages(body.required("messages"), profile)
    _check_limits(body, profile)
    _check_sampling(body)
    check_tools(body)
    check_response_format(body, profile)
    check_stream(body)
    _check_others(body)
    if profile.max_tokens_field == "max_completion_tokens":
        _check_reasoning_model(body, profile, name)


def _check_limits(body: Field, profile: Profile) -> None:
    older, newer = body.member("max_tokens"), body.member("max_completion_tokens")
    if older is not None and newer is not None:
        raise refused(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            "max_tokens",
            "invalid_parameter_combination",
        )
    if older is not None and profile.max_tokens_field == "max_completion_tokens":
        raise unsupported_parameter("max_tokens", " Use 'max_completion_tokens' instead.")
    for limit in (older, newer):
        if limit is None:
            continue
        asked = limit.integer(1)
        if profile.max_output_tokens is not None and asked > profile.max_output_tokens:
            raise refused(
                f"{limit.path} is too large: {asked}. This model supports at most "
                f"{profile.max_output_tokens} completion tokens, whereas you provided {asked}.",
                limit.path,
                "invalid_value",
            )


def _check_sampling(body: Field) -> None:
    check_ranges(
        body,
        ("temperature", 0, 2),
        ("top_p", 0, 1),
        ("presence_penalty", -2, 2),
        ("frequency_penalty", -2, 2),
    )
    if (n := body.member("n")) is not None:
        n.integer(1, 128)
    if (seed := body.member("seed")) is not None:
        seed.integer()
    if (bias := body.member("logit_bias")) is not None:
        for token, value in bias.object().items():
            Field(f"logit_bias.{token}", value).decimal(-100, 100)
    logprobs = body.member("logprobs")
    wanted = logprobs is not None and logprobs.boolean()
    if (top := body.member("top_logprobs")) is not None:
        top.integer(0, 20)
        if not wanted:
            message = "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled."
            raise refused(message, "top_logprobs")
    if (stop := body.member("stop")) is not None and not isinstance(stop.value, str):
        if not isinstance(stop.value, list):
            raise stop.wrong_type("one of a string or array of strings")
        for sequence in stop.elements("strings", most=4):
            sequence.string()


def _check_others(body: Field) -> None:
    for name, words in (
        ("reasoning_effort", _EFFORTS),
        ("verbosity", ("low", "medium", "high")),
        ("service_tier", _TIERS),
    ):
        if (field := body.member(name)) is not None:
            field.word(*words)
    for name, longest in (("user", None), ("safety_identifier", 64), ("prompt_cache_key", None)):
        if (field := body.member(name)) is not None:
            field.string(longest)
    if (store := body.member("store")) is not None:
        store.boolean()
    check_metadata(body)
    if (modalities := body.member("modalities")) is not None:
        asked = [one.word("text", "audio") for one in modalities.elements("strings", least=1)]
        if "audio" in asked:
            audio = body.required("audio")
            audio.required("voice")
            audio.required("format").word("wav", "aac", "mp3", "flac", "opus", "pcm16")


def _check_reasoning_model(body: Field, profile: Profile, model: str) -> None:
    """The rules of OpenAI's newer models, most of them about what goes with reasoning."""
    effort = body.member("reasoning_effort")
    if effort is not None and profile.efforts and effort.value not in profile.efforts:
        quoted = [f"'{one}'" for one in profile.efforts]
        raise refused(
            f"Unsupported value: 'reasoning_effort' does not support '{effort.value}' with this model. "
            f"Supported values are: {', '.join(quoted[:-1])}, and {quoted[-1]}.",
            "reasoning_effort",
            "unsupported_value",
        )
    if not profile.stop_sequences and body.member("stop") is not None:
        raise unsupported_parameter("stop")
    reasoning = effort.value != "none" if effort is not None else profile.reasoning_default
    if profile.sampling == "none" or (profile.sampling == "unless_reasoning" and reasoning):
        _check_no_sampling(body)
    if _has_functions(body) and _tools_refused(profile, reasoning=reasoning, effort=effort):
        raise refused(
            f"Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. "
            "Please use /v1/responses instead.",
            "reasoning_effort",
        )


def _has_functions(body: Field) -> bool:
    return body.member("tools") is not None or body.member("functions") is not None


def _tools_refused(profile: Profile, *, reasoning: bool, effort: Field | None) -> bool:
    """Whether the model takes function tools only on the newer endpoint, the way it is asked here."""
    match profile.chat_tools:
        case "always":
            return False
        case "without_effort":
            return reasoning and effort is not None
        case "reasoning_off":
            return reasoning
        case "never":
            return True


def _check_no_sampling(body: Field) -> None:
    temperature = body.member("temperature")
    if temperature is not None and temperature.value != 1:
        raise refused(
            f"Unsupported value: 'temperature' does not support {temperature.value} with this model. Only "
            "the default (1) value is supported.",
            "temperature",
            "unsupported_value",
        )
    for name, harmless in (
        ("top_p", 1),
        ("presence_penalty", 0),
        ("frequency_penalty", 0),
        ("logprobs", False),
        ("top_logprobs", None),
        ("logit_bias", None),
    ):
        field = body.member(name)
        if field is not None and field.value != harmless:
            raise unsupported_parameter(name)
