"""Whole requests for OpenAI and the hosts that are like it."""

import msgspec

from dragoman.conversation.blocks import Text
from dragoman.conversation.loss import Loss, dropped, emulated
from dragoman.conversation.request import Request
from dragoman.dialects.bare_word import wants_bare_word
from dragoman.dialects.custom_tools import custom_tools
from dragoman.dialects.dialect import Emulation, Rendered, Target, WireRequest
from dragoman.dialects.foreign_fields import check_foreign_fields, foreign_losses
from dragoman.dialects.openai_chat.field_paths import FIELD_PATHS
from dragoman.dialects.openai_chat.passthrough import PATH
from dragoman.dialects.openai_chat.render_message import render_messages
from dragoman.dialects.openai_chat.render_output import render_output
from dragoman.dialects.openai_chat.render_tools import (
    NAMES,
    cache_control,
    render_tool_choice,
    render_tools,
)
from dragoman.dialects.openai_chat.wire import NAME, WEB_SEARCH
from dragoman.dialects.openai_effort import render_effort
from dragoman.dialects.openai_family import UNMARKED_PROMPT, own_fields
from dragoman.dialects.openai_settings import Body, accepted_sampling, capped, render_terms
from dragoman.dialects.openai_tool_choice import Chosen
from dragoman.dialects.rejected_fields import rejected_field
from dragoman.dialects.tool_names import ToolNames, tool_names

MAX_STOPS = 4


def render_request(request: Request, target: Target) -> Rendered:
    """Write a request for a target. The same request gives the same bytes.

    Raises `FailureError` for content and tools that the target cannot take.
    """
    check_foreign_fields(request, NAME)
    losses: list[Loss] = []
    names = tool_names(request, NAMES)
    tools, search = render_tools(request, target, names, losses)
    form = render_output(request, target, losses)
    choice: Chosen | None = None
    if tools and request.tool_choice is not None:
        choice = render_tool_choice(request.tool_choice, request, target, names, losses)
    added = (form.instruction, None if choice is None else choice.instruction)
    system = (*request.system, *(Text(words) for words in added if words is not None))
    messages, lost = render_messages(request, target, system, names)
    losses.extend(lost)
    body: Body = {"model": target.model, "messages": messages}
    _lengths(request, target, body, losses)
    effort = _reasoning(request, target, body, losses)
    _sampling(request, target, effort, body, losses)
    if form.value is not None:
        body["response_format"] = form.value
    if tools:
        body["tools"] = tools
        if choice is not None:
            body["tool_choice"] = choice.value
        if request.parallel_tool_calls is False:
            body["parallel_tool_calls"] = False
    if search is not None:
        body[WEB_SEARCH] = search
    if request.cache is not None and request.dialect == NAME:
        body["cache_control"] = cache_control(request.cache.ttl)
    elif request.cache is not None:
        losses.append(UNMARKED_PROMPT)
    render_terms(request, NAME, body, losses)
    if request.stream:
        body["stream"] = True
        if target.host.stream_options:
            body["stream_options"] = {"include_usage": True}
    _extras(request, body, losses)
    emulation = _emulation(request, target, names, body, losses)
    if form.wrapped_in is not None:
        bare = wants_bare_word(request)
        emulation = msgspec.structs.replace(emulation, wrapped_in=form.wrapped_in, bare=bare)
    for name in sorted(target.host.rejects & body.keys()) if target.host.rejects else ():
        del body[name]
        losses.append(rejected_field(name, FIELD_PATHS, target.provider))
    return Rendered(WireRequest(PATH, msgspec.json.encode(body)), tuple(losses), emulation)


def _lengths(request: Request, target: Target, body: Body, losses: list[Loss]) -> None:
    """How long the answer may be, and where it ends."""
    if request.max_tokens is not None:
        field = target.host.max_tokens_field or target.profile.max_tokens_field
        body[field] = capped(request.max_tokens, target, losses)
    if request.stop and target.profile.stop_sequences and len(request.stop) <= MAX_STOPS:
        body["stop"] = list(request.stop)


def _reasoning(request: Request, target: Target, body: Body, losses: list[Loss]) -> str | None:
    """The effort that is asked for, in OpenAI's word; the client's own switch for its host goes as it is."""
    if request.verbosity is not None:
        body["verbosity"] = request.verbosity
    reasoning = request.reasoning
    if reasoning is not None and target.profile.reasoning != "effort":
        switch = {one.field: msgspec.Raw(one.json) for one in reasoning.opaque if one.dialect == NAME}
        body.update(switch)
        if switch and reasoning.effort in {None, "none"}:
            return reasoning.effort
    effort = render_effort(request, target, losses)
    if effort is not None:
        body["reasoning_effort"] = effort
    return effort


def _sampling(request: Request, target: Target, effort: str | None, body: Body, losses: list[Loss]) -> None:
    sampling, profile = request.sampling, target.profile
    knobs: Body = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "logit_bias": sampling.logit_bias,
    }
    if not profile.penalties:
        wanted = [name for name in ("presence_penalty", "frequency_penalty") if knobs.pop(name, None)]
        losses.extend(dropped(f"$.{name}", name, f"{target.model} refuses it") for name in wanted)
    body.update(accepted_sampling(knobs, request, target, effort, losses))
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if sampling.top_k is not None:
        if request.dialect == NAME:
            body["top_k"] = sampling.top_k
        else:
            losses.append(dropped("$.top_k", "top_k", "OpenAI's format has no such field"))
    if request.candidates > 1 and profile.candidates:
        body["n"] = request.candidates
    if request.top_logprobs is not None:
        body["logprobs"] = True
        if request.top_logprobs:
            body["top_logprobs"] = request.top_logprobs


def _extras(request: Request, body: Body, losses: list[Loss]) -> None:
    for extra in own_fields(request.extras, NAME):
        # Responses keeps answers unless told not to, Chat Completions the other way round
        if extra.dialect == NAME or (extra.field, extra.json) != ("store", b"false"):
            body.setdefault(extra.field, msgspec.Raw(extra.json))
    losses.extend(foreign_losses(request, NAME))


def _emulation(
    request: Request, target: Target, names: ToolNames, body: Body, losses: list[Loss]
) -> Emulation:
    """What the gateway has to do itself, and the fields that it therefore keeps back."""
    rejects = target.host.rejects
    stop: tuple[str, ...] = ()
    if request.stop and ("stop" not in body or "stop" in rejects):
        body.pop("stop", None)
        stop = request.stop
        losses.append(emulated("$.stop", "stop", "the gateway stops the answer itself"))
    copies = 1
    if request.candidates > 1 and ("n" not in body or "n" in rejects):
        body.pop("n", None)
        copies = request.candidates
        losses.append(emulated("$.n", "n", "one request for each answer"))
    single = "parallel_tool_calls" in body and "parallel_tool_calls" in rejects
    if "logprobs" in rejects and body.pop("top_logprobs", None) is not None:
        losses.append(
            dropped("$.top_logprobs", "top_logprobs", f"{target.provider} gives no log probabilities")
        )
    if single:
        del body["parallel_tool_calls"]
        losses.append(emulated("$.parallel_tool_calls", "parallel_tool_calls", "only the first call is kept"))
    return Emulation(
        stop=stop,
        fan_out=copies,
        single_call=single,
        tool_names=names.changed,
        custom_tools=frozenset() if target.host.custom_tools else custom_tools(request),
    )
