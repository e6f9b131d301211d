"""What Anthropic refuses on `POST /v1/messages`, and on `/count_tokens` below it: credentials, headers,
and every field's rules.

Written from Anthropic's documentation and recorded error answers, without a look at how our own
dialect reads requests: what one gets wrong, the other shows.
"""

from dragoman.models.profile import Profile, profile_of
from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import decode_object
from dragoman.testing.rules.anthropic_binding import Binding
from dragoman.testing.rules.anthropic_blocks import check_block, check_marks
from dragoman.testing.rules.anthropic_errors import Node, refused
from dragoman.testing.rules.anthropic_tools import StrictSchema, check_tools
from dragoman.testing.rules.anthropic_turns import check_emptiness, check_turns, turns_of
from dragoman.testing.rules.refusal import Access, RefusedError

LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of the largest request that is read."""

OLDER, NEWEST = "2023-06-01", "2026-10-21"
"""The versions of the API: the newest has no sampling parameters any more."""

_KNOWN = frozenset(
    {
        "cache_control",
        "container",
        "diagnostics",
        "inference_geo",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "output_config",
        "service_tier",
        "speed",
        "stop_sequences",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)
_BETA = frozenset(
    {
        "billing_policy",
        "compaction",
        "context_management",
        "fallback_credit_token",
        "fallbacks",
        "mcp_servers",
        "output_format",
        "thread",
    }
)
"""Fields that are known only to a request with an `anthropic-beta` header."""

_MESSAGE = frozenset({"role", "content"})
"""The fields of a message; with per-turn control, which is in beta, each may say its own effort."""

_NOT_COUNTED = frozenset({"max_tokens", "metadata", "service_tier", "stop_sequences", "stream"})
"""Fields that a request for a count does not have."""

BINDING_BETA = "thinking-binding-controls-2026-08-01"
"""The beta feature that says what becomes of thinking from another conversation."""

_HARD = frozenset({"xhigh", "max"})
_THINKING_WHEN_HARD = frozenset({"claude-opus-5", "claude-sonnet-5.5"})
"""Models whose thinking cannot be turned off at the highest efforts."""

_SAMPLING = ("temperature", "top_p", "top_k")
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_THINKING_MEMBERS = {
    "enabled": frozenset({"type", "budget_tokens", "display"}),
    "adaptive": frozenset({"type", "display", "block_binding"}),
    "disabled": frozenset({"type"}),
    "between_tools": frozenset({"type"}),
}


def check_access(incoming: Incoming, access: Access) -> None:
    """Raise `RefusedError` for a request without a key that Anthropic knows."""
    if access.open:
        return
    key = incoming.headers.get("x-api-key")
    scheme, _, token = incoming.headers.get("authorization", "").partition(" ")
    if key is not None:
        if not access.knows_key(key):
            raise refused("invalid x-api-key", "authentication_error", 401)
    elif scheme.lower() == "bearer":
        if not access.knows_key(token):
            raise refused("Invalid bearer token", "authentication_error", 401)
    else:
        raise refused("x-api-key header is required", "authentication_error", 401)


def no_such_route(incoming: Incoming) -> RefusedError:
    """What Anthropic answers where it serves nothing."""
    return refused(f"Not Found: {incoming.path}", "not_found_error", 404)


def wrong_method(incoming: Incoming) -> RefusedError:
    """What Anthropic answers to a known path with another method."""
    return refused(f"Method Not Allowed: {incoming.method}", status=405)


def no_such_model(model: str) -> RefusedError:
    """What Anthropic answers for a model that it does not have."""
    return refused(f"model: {model}", "not_found_error", 404)


def check_version(incoming: Incoming) -> str:
    """The version that the request asks for. Raises `RefusedError` for none, or for one that never was."""
    version = incoming.headers.get("anthropic-version")
    if not version:
        raise refused("anthropic-version: header is required")
    if version not in {"2023-01-01", OLDER, NEWEST}:
        raise refused(f'anthropic-version: "{version}" is not a valid version')
    return version


def check_request(incoming: Incoming, access: Access) -> None:
    """Raise `RefusedError` for a request that Anthropic refuses."""
    _check(incoming, access, frozenset())


def check_count(incoming: Incoming, access: Access) -> None:
    """Raise `RefusedError` for a request for a count that Anthropic refuses."""
    _check(incoming, access, _NOT_COUNTED)


def _check(incoming: Incoming, access: Access, without: frozenset[str]) -> None:
    newest = check_version(incoming) == NEWEST
    beta = bool(incoming.headers.get("anthropic-beta"))
    if len(incoming.body) > LARGEST_BODY:
        raise refused("Request exceeds the maximum size", "request_too_large", 413)
    try:
        value = decode_object(incoming.body)
    except ValueError as error:
        raise refused(f"The request body is not valid JSON: {error}") from None
    body = Node("", value)
    model = body.required("model").string()
    if not access.knows_model(model):
        raise no_such_model(model)
    profile = profile_of(model)
    known = _KNOWN | _BETA if beta else _KNOWN
    body.object(known - without)
    _check_scalars(body)
    if "max_tokens" not in without:
        _check_limit(body, model, profile)
    messages = _check_messages(body, newest=newest, beta=beta)
    _check_system(body)
    manual = _check_thinking(body, profile, model, betas=_betas(incoming))
    _check_sampling(body, profile, newest=newest, manual=manual)
    check_tools(body, profile, thinking_by_budget=manual, beta=beta)
    _check_output(body, profile, model)
    check_marks(body)
    binding = Binding(value) if profile.preserved_thinking and not _drops_unbound(body) else None
    check_turns(turns_of(messages), profile, binding, manual_thinking=manual)


def _check_scalars(body: Node) -> None:
    if (stream := body.member("stream")) is not None:
        stream.boolean()
    if (tier := body.member("service_tier")) is not None:
        tier.word("auto", "standard_only")
    if (speed := body.member("speed")) is not None:
        speed.word("standard", "fast")
    if (metadata := body.member("metadata")) is not None:
        metadata.object(frozenset({"user_id"}))
        if (user := metadata.member("user_id")) is not None:
            user.string()
    if (stops := body.member("stop_sequences")) is not None:
        for stop in stops.elements():
            if not stop.string().strip():
                raise refused("stop_sequences: each stop sequence must contain non-whitespace")


def _check_limit(body: Node, model: str, profile: Profile) -> None:
    limit = body.required("max_tokens").integer(0)
    if profile.max_output_tokens is not None and limit > profile.max_output_tokens:
        raise refused(
            f"max_tokens: {limit} > {profile.max_output_tokens}, which is the maximum allowed number of "
            f"output tokens for {model}"
        )


def _check_messages(body: Node, *, newest: bool, beta: bool) -> list[Node]:
    messages = body.required("messages").elements()
    if not messages:
        raise refused("messages: at least one message is required")
    for message in messages:
        message.object(_MESSAGE | {"output_config"} if beta else _MESSAGE)
        role = message.required("role").word("user", "assistant", "system")
        content = message.required("content")
        if not isinstance(content.value, str):
            for block in content.elements():
                check_block(block, role, newest=newest, beta=beta)
        check_emptiness(message, role)
    return messages


def _check_system(body: Node) -> None:
    system = body.member("system")
    if system is None:
        return
    if isinstance(system.value, str):
        if system.value and not system.value.strip():
            raise refused("system: text content blocks must contain non-whitespace text")
        return
    for block in system.elements():
        block.tag("text")
        check_block(block, "system", newest=False, beta=False)
        text = block.under("text").value
        if not text:
            raise refused("system: text content blocks must be non-empty")
        if not str(text).strip():
            raise refused("system: text content blocks must contain non-whitespace text")


def _betas(incoming: Incoming) -> frozenset[str]:
    named = incoming.headers.get("anthropic-beta", "").split(",")
    return frozenset(beta.strip() for beta in named)


def _drops_unbound(body: Node) -> bool:
    """Whether thinking of another conversation is to be left out rather than refused."""
    binding = body.under("thinking").under("block_binding")
    return binding.under("prefix_mismatch_behavior").value == "drop_block"


def _check_thinking(body: Node, profile: Profile, model: str, *, betas: frozenset[str]) -> bool:
    """Whether thinking is asked for with a budget."""
    thinking = body.member("thinking")
    if thinking is None:
        return False
    kind = thinking.tag("adaptive", "between_tools", "disabled", "enabled")
    inner = thinking.tagged(kind)
    inner.object(_THINKING_MEMBERS[kind])
    if (display := inner.member("display")) is not None:
        display.word("summarized", "omitted", "updates")
    if (binding := inner.member("block_binding")) is not None:
        if BINDING_BETA not in betas:
            raise binding.error("Extra inputs are not permitted")
        binding.object(frozenset({"prefix_mismatch_behavior"}))
        binding.required("prefix_mismatch_behavior").word("error", "drop_block")
    known = profile.family != "unknown"
    if known and kind != "disabled" and profile.reasoning == "none":
        raise refused(f"'{model}' does not support thinking.")
    match kind:
        case "adaptive" if known and profile.reasoning == "budget":
            raise refused("adaptive thinking is not supported on this model")
        case "between_tools" if known and profile.family != "claude-sonnet-5.5":
            raise refused("between_tools thinking is not supported on this model")
        case "disabled" if not profile.reasoning_off:
            raise refused('"thinking.type.disabled" is not supported for this model.')
        case "disabled" | "between_tools" if _effort(body) in _HARD and profile.family in _THINKING_WHEN_HARD:
            raise refused(
                f'"thinking.type.{kind}" is not supported with effort "{_effort(body)}" on this model. Use '
                '"high" or lower.'
            )
        case "enabled":
            if profile.reasoning == "adaptive" and profile.sampling == "none":
                raise refused(
                    '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" '
                    'and "output_config.effort" to control thinking behavior.'
                )
            budget = inner.required("budget_tokens").integer(profile.budget_min)
            limit = body.member("max_tokens")
            if limit is not None and budget >= limit.integer():
                raise refused("`max_tokens` must be greater than `thinking.budget_tokens`.")
            return True
        case _:
            pass
    return False


def _effort(body: Node) -> str | None:
    effort = body.under("output_config").under("effort").value
    return effort if isinstance(effort, str) else None


def _check_sampling(body: Node, profile: Profile, *, newest: bool, manual: bool) -> None:
    fields = {name: field for name in _SAMPLING if (field := body.member(name)) is not None}
    for name, field in fields.items():
        if newest:
            raise field.error("Extra inputs are not permitted")
        if name == "top_k":
            field.integer(0)
        elif not 0 <= field.number() <= 1:
            raise refused(f"{name}: range: 0..1")
    values = {name: field.value for name, field in fields.items()}
    if profile.sampling == "none":
        for name, value in values.items():
            if value != 1 or name == "top_k":
                raise refused(f"`{name}` is deprecated for this model.")
    if manual:
        if values.get("temperature", 1) != 1:
            raise refused("`temperature` may only be set to 1 when thinking is enabled.")
        if "top_k" in values:
            raise refused("`top_k` must be unset when thinking is enabled.")
        if "top_p" in fields and fields["top_p"].number() < 0.95:
            raise refused("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")
    if profile.sampling == "one" and {"temperature", "top_p"} <= values.keys():
        raise refused(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
        )


def _check_output(body: Node, profile: Profile, model: str) -> None:
    config = body.member("output_config")
    if config is None:
        return
    config.object(frozenset({"effort", "format", "task_budget"}))
    if (effort := config.member("effort")) is not None:
        effort.word(*_EFFORTS)
        known = profile.family != "unknown"
        if known and profile.reasoning != "adaptive" and "opus-4-5" not in model:
            raise refused("This model does not support the effort parameter.")
        if known and profile.efforts and effort.value not in profile.efforts:
            raise refused(
                f"This model does not support effort level '{effort.value}'. Supported levels: "
                f"{', '.join(profile.efforts)}."
            )
    if (form := config.member("format")) is not None:
        form.tag("json_schema")
        form.object(frozenset({"type", "schema"}))
        schema = form.required("schema")
        schema.object()
        if not profile.json_schema:
            raise refused(f"output_config.format: '{model}' does not support output format.")
        StrictSchema(schema.path, schema.value).check()
