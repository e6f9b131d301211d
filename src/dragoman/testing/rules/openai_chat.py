"""What OpenAI refuses on `POST /v1/chat/completions`: credentials, paths, and every field's rules.

Written from OpenAI's documentation and recorded error answers, without a look at how our own
dialect reads requests: what one gets wrong, the other shows.
"""

from dragoman.models.profile import Profile, profile_of
from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import decode_json
from dragoman.testing.rules.openai_errors import Field, refused, unsupported_parameter
from dragoman.testing.rules.openai_messages import check_messages
from dragoman.testing.rules.openai_tools import check_response_format, check_tools
from dragoman.testing.rules.refusal import Access, RefusedError

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
_NO_TOOLS_WITH_EFFORT = ("gpt-5.4", "gpt-5.5")
_NO_TOOLS_WITH_REASONING = ("gpt-5.6", "gpt-6")
"""Models that refuse function tools together with reasoning on this endpoint."""


def check_access(incoming: Incoming, access: Access) -> None:
    """Raise `RefusedError` for a request without a key that OpenAI knows."""
    scheme, _, key = incoming.headers.get("authorization", "").partition(" ")
    if access.open or (scheme.lower() == "bearer" and access.knows_key(key)):
        return
    if not key:
        raise refused(
            "You didn't provide an API key. You need to provide your API key in an Authorization header "
            "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            status=401,
        )
    raise refused(
        f"Incorrect API key provided: {key[:4]}****. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        code="invalid_api_key",
        status=401,
    )


def no_such_route(incoming: Incoming) -> RefusedError:
    """What OpenAI answers where it serves nothing."""
    return refused(f"Invalid URL ({incoming.method} {incoming.path})", status=404)


def wrong_method(incoming: Incoming) -> RefusedError:
    """What OpenAI answers to a known path with another method."""
    hint = "(HINT: Perhaps you meant to use a different HTTP method?)"
    message = f"Not allowed to {incoming.method} on {incoming.path} {hint}"
    return refused(message, code="method_not_supported", status=405)


def no_such_model(model: str) -> RefusedError:
    """What OpenAI answers for a model that it does not have."""
    message = f"The model `{model}` does not exist or you do not have access to it."
    return refused(message, code="model_not_found", status=404)


def check_request(incoming: Incoming, access: Access) -> None:
    """Raise `RefusedError` for a request that OpenAI refuses."""
    try:
        value = decode_json(incoming.body)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not _is_json(incoming):
        raise refused(
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using "
            "your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not "
            "valid JSON.)"
        )
    body = Field("", value)
    model = value.get("model")
    if model is None:
        raise refused("you must provide a model parameter")
    name = Field("model", model).string()
    if not access.knows_model(name):
        raise no_such_model(name)
    profile = profile_of(name)
    unknown = [field for field in value if field not in _KNOWN]
    if profile.family.startswith("gpt-") and profile.reasoning == "none" and value.get("reasoning_effort"):
        unknown.append("reasoning_effort")
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        raise refused(f"Unrecognized request argument{plural} supplied: {', '.join(unknown)}")
    check_messages(body.required("messages"))
    _check_limits(body, profile)
    _check_sampling(body)
    check_tools(body)
    check_response_format(body, profile)
    _check_stream(body)
    _check_others(body)
    if profile.max_tokens_field == "max_completion_tokens":
        _check_reasoning_model(body, profile, name)


def _is_json(incoming: Incoming) -> bool:
    return incoming.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


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
    for name, least, most in (
        ("temperature", 0, 2),
        ("top_p", 0, 1),
        ("presence_penalty", -2, 2),
        ("frequency_penalty", -2, 2),
    ):
        if (field := body.member(name)) is not None:
            field.decimal(least, most)
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


def _check_stream(body: Field) -> None:
    stream = body.member("stream")
    streamed = stream is not None and stream.boolean()
    if (options := body.member("stream_options")) is not None:
        if not streamed:
            message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
            raise refused(message, "stream_options")
        options.only("include_usage", "include_obfuscation")
        for name in ("include_usage", "include_obfuscation"):
            if (option := options.member(name)) is not None:
                option.boolean()


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
    if (metadata := body.member("metadata")) is not None:
        pairs = metadata.object()
        if len(pairs) > 16:
            raise metadata.invalid(
                f"too many properties. Expected an object with at most 16 properties, but got an object with "
                f"{len(pairs)} properties instead.",
                "object_above_max_properties",
            )
        for name, value in pairs.items():
            Field("metadata", name).string(64)
            Field(f"metadata.{name}", value).string(512)
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
    if body.member("tools") is not None and _tools_refused(model, reasoning=reasoning, effort=effort):
        raise refused(
            f"Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. "
            "Please use /v1/responses instead.",
            "reasoning_effort",
        )


def _tools_refused(model: str, *, reasoning: bool, effort: Field | None) -> bool:
    if model.startswith(_NO_TOOLS_WITH_EFFORT):
        return reasoning and effort is not None
    return model.startswith(_NO_TOOLS_WITH_REASONING) and reasoning


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
