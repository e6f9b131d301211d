"""What OpenAI refuses on `POST /v1/responses`: every field's rules.

Written from OpenAI's documentation and recorded error answers, without a look at how our own
dialect reads requests: what one gets wrong, the other shows. Rules that need what OpenAI has kept
(earlier answers, items by reference) are not here but in `kept.py`, which completes a request first.
"""

from dragoman.models.profile import Profile, profile_of
from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import JSON
from dragoman.testing.rules.openai_body import check_metadata, check_ranges, read_body
from dragoman.testing.rules.openai_errors import Field, refused
from dragoman.testing.rules.openai_responses_items import check_input
from dragoman.testing.rules.openai_responses_tools import check_format, check_tool_choice, check_tools
from dragoman.testing.rules.refusal import Access, RefusedError

LEAST_OUTPUT = 16
"""The smallest `max_output_tokens`."""

_COUNTED = (
    "conversation",
    "input",
    "instructions",
    "model",
    "parallel_tool_calls",
    "personality",
    "previous_response_id",
    "reasoning",
    "text",
    "tool_choice",
    "tools",
    "truncation",
)
"""The fields of a request for a count."""

_KNOWN = (
    "access_programs",
    "background",
    "background_options",
    "client_metadata",
    "context_management",
    "conversation",
    "image",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
)
_INCLUDED = (
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
)
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_SUMMARIES = ("auto", "concise", "detailed")
_TIERS = ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")
_LONGEST_KEY = 64


def no_such_model(model: str) -> RefusedError:
    """What OpenAI answers here for a model that it does not have: no 404, other than elsewhere."""
    message = f"The requested model '{model}' does not exist."
    return refused(message, "model", "model_not_found")


def read_request(incoming: Incoming, access: Access) -> Field:
    """The request, its own fields right; `check_conversation` looks at what it goes on from. Raises
    `RefusedError` for a request that OpenAI refuses.
    """
    body = read_body(incoming)
    body.only(*_KNOWN)
    profile = _check_model(body, access, needed=body.member("prompt") is None)
    _check_origin(body)
    _check_limits(body)
    _check_switches(body)
    _check_words(body)
    _check_include(body, profile)
    _check_sampling(body, profile)
    _check_answer(body, profile)
    return body


def read_count(incoming: Incoming, access: Access) -> Field:
    """A request for a count of input tokens, its own fields right, as by `read_request`."""
    body = read_body(incoming)
    body.only(*_COUNTED)
    profile = _check_model(body, access, needed=True)
    _check_origin(body)
    _check_switches(body)
    _check_words(body)
    _check_answer(body, profile)
    return body


def check_conversation(body: Field) -> None:
    """Raise `RefusedError` for input that OpenAI refuses, once it is complete: with everything that it
    goes on from before it.
    """
    given = body.member("input")
    if given is not None:
        check_input(given)
    form = body.member("text")
    kind = None if form is None else form.member("format")
    if kind is not None and kind.object().get("type") == "json_object" and not _says_json(body.value):
        raise refused(
            "Response input messages must contain the word 'json' in some form to use 'text.format' of type "
            "'json_object'.",
            "input",
        )


def _check_model(body: Field, access: Access, *, needed: bool) -> Profile:
    model = body.member("model")
    if model is None and not needed:
        return profile_of("")
    name = body.required("model").string()
    if not access.knows_model(name):
        raise no_such_model(name)
    return profile_of(name)


def _check_origin(body: Field) -> None:
    """What the request goes on from, and that it says anything at all."""
    if (previous := body.member("previous_response_id")) is not None:
        begins_with(previous, "resp")
    if (conversation := body.member("conversation")) is not None:
        if isinstance(conversation.value, dict):
            conversation.only("id")
            conversation = conversation.required("id")
        begins_with(conversation, "conv")
        if previous is not None:
            raise refused(
                "Mutually exclusive parameters: 'previous_response_id' and 'conversation'. Ensure you are "
                "only providing one of: 'previous_response_id' or 'conversation'.",
                code="mutually_exclusive_parameters",
            )
    if (instructions := body.member("instructions")) is not None:
        instructions.string()
    origins = ("input", "previous_response_id", "prompt", "conversation")
    if all(body.member(name) is None for name in origins):
        raise refused(
            "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided.",
            "input",
            "missing_required_parameter",
        )


def begins_with(field: Field, prefix: str) -> str:
    """The id. Raises `RefusedError` for one of another kind."""
    value = field.string()
    if not value.startswith(prefix):
        problem = f"'{value}'. Expected an ID that begins with '{prefix}'."
        raise field.invalid(problem)
    return value


def _check_limits(body: Field) -> None:
    if (limit := body.member("max_output_tokens")) is not None:
        limit.integer(LEAST_OUTPUT)
    if (calls := body.member("max_tool_calls")) is not None:
        calls.integer(1)
    if (top := body.member("top_logprobs")) is not None:
        top.integer(0, 20)
    check_ranges(body, ("temperature", 0, 2), ("top_p", 0, 1))


def _check_switches(body: Field) -> None:
    for name in ("background", "parallel_tool_calls", "store", "stream"):
        if (field := body.member(name)) is not None:
            field.boolean()
    if (options := body.member("stream_options")) is not None:
        if body.object().get("stream") is not True:
            message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
            raise refused(message, "stream_options")
        options.only("include_obfuscation")
        if (padded := options.member("include_obfuscation")) is not None:
            padded.boolean()
    check_metadata(body)


def _check_words(body: Field) -> None:
    for name, words in (
        ("service_tier", _TIERS),
        ("truncation", ("auto", "disabled")),
        ("prompt_cache_retention", ("in_memory", "24h")),
    ):
        if (field := body.member(name)) is not None:
            field.word(*words)
    for name in ("prompt_cache_key", "safety_identifier"):
        if (field := body.member(name)) is not None:
            field.string(_LONGEST_KEY)
    if (user := body.member("user")) is not None:
        user.string()
    if (cache := body.member("prompt_cache_options")) is not None:
        cache.only("comparison_response_id", "mode", "prewarm", "ttl")
        if (mode := cache.member("mode")) is not None:
            mode.word("implicit", "explicit")
        if (ttl := cache.member("ttl")) is not None:
            ttl.word("30m", "12h")
    if (prompt := body.member("prompt")) is not None:
        prompt.only("id", "variables", "version")
        begins_with(prompt.required("id"), "pmpt")


def _check_include(body: Field, profile: Profile) -> None:
    if (include := body.member("include")) is None:
        return
    for element in include.elements("strings"):
        asked = element.word(*_INCLUDED)
        if asked == "reasoning.encrypted_content" and _never_reasons(profile):
            raise refused("Encrypted content is not supported with this model.", "include")


def _never_reasons(profile: Profile) -> bool:
    return profile.family.startswith(("gpt-", "o-")) and profile.reasoning == "none"


def _check_sampling(body: Field, profile: Profile) -> None:
    """Reasoning models take no sampling, or only with reasoning off."""
    config = body.member("reasoning")
    effort = None if config is None else config.object().get("effort")
    reasoning = profile.reasoning_default if effort is None else effort != "none"
    if profile.sampling == "none" or (profile.sampling == "unless_reasoning" and reasoning):
        for name, harmless in (("temperature", 1), ("top_p", 1), ("top_logprobs", 0)):
            field = body.member(name)
            if field is not None and field.value != harmless:
                message = f"Unsupported parameter: '{name}' is not supported with this model."
                raise refused(message, name)


def _check_answer(body: Field, profile: Profile) -> None:
    """Reasoning, tools, and the form of the answer."""
    if (reasoning := body.member("reasoning")) is not None:
        _check_reasoning(reasoning, profile, str(body.object().get("model")))
    offered = check_tools(body)
    check_tool_choice(body, offered)
    if (text := body.member("text")) is not None:
        text.only("format", "verbosity")
        if (verbosity := text.member("verbosity")) is not None:
            verbosity.word("low", "medium", "high")
        if (form := text.member("format")) is not None:
            check_format(form, profile)


def _check_reasoning(reasoning: Field, profile: Profile, model: str) -> None:
    reasoning.only("context", "effort", "generate_summary", "mode", "summary")
    for name, words in (
        ("effort", _EFFORTS),
        ("summary", _SUMMARIES),
        ("generate_summary", _SUMMARIES),
        ("context", ("auto", "current_turn", "all_turns")),
        ("mode", ("standard", "pro")),
    ):
        if (field := reasoning.member(name)) is None:
            continue
        field.word(*words)
        if _never_reasons(profile):
            message = f"Unsupported parameter: '{field.path}' is not supported with this model."
            raise refused(message, field.path, "unsupported_parameter")
    effort = reasoning.member("effort")
    # what these models take only here, and not on the older endpoint
    more = ("max",) if profile.chat_tools == "never" else ()
    supported = (*profile.efforts, *more)
    if effort is not None and profile.efforts and effort.value not in supported:
        quoted = [f"'{one}'" for one in supported]
        raise refused(
            f"Unsupported value: '{effort.value}' is not supported with the '{model}' model. Supported "
            f"values are: {', '.join(quoted[:-1])}, and {quoted[-1]}.",
            effort.path,
            "unsupported_value",
        )


def _says_json(value: JSON) -> bool:
    """Whether any text of the input's messages has the word in it."""
    match value:
        case str():
            return "json" in value.lower()
        case list():
            return any(_says_json(element) for element in value)
        case dict():
            return any(_says_json(value[name]) for name in ("input", "content", "text") if name in value)
        case _:
            return False
