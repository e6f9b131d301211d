"""Whole requests for OpenAI's Responses and the hosts that are like it."""

import msgspec

from dragoman.conversation.blocks import Text, Unknown
from dragoman.conversation.loss import Loss, approximated, dropped, emulated
from dragoman.conversation.request import Request
from dragoman.dialects.bare_word import wants_bare_word
from dragoman.dialects.custom_tools import custom_tools
from dragoman.dialects.dialect import Emulation, Rendered, Target, WireRequest
from dragoman.dialects.foreign_fields import check_foreign_fields, foreign_losses
from dragoman.dialects.openai_effort import render_effort
from dragoman.dialects.openai_family import (
    UNMARKED,
    UNMARKED_PROMPT,
    own_fields,
)
from dragoman.dialects.openai_responses.field_paths import FIELD_PATHS
from dragoman.dialects.openai_responses.render_input import instruction_item, render_input
from dragoman.dialects.openai_responses.render_output import Form, render_output
from dragoman.dialects.openai_responses.render_tools import NAMES, render_tool_choice, render_tools
from dragoman.dialects.openai_responses.wire import ENCRYPTED, LOGPROBS, MIN_OUTPUT, NAME, PATH
from dragoman.dialects.openai_settings import Body, accepted_sampling, capped, render_terms
from dragoman.dialects.rejected_fields import rejected_field
from dragoman.dialects.tool_names import ToolNames, tool_names

_KEPT_UPSTREAM = frozenset({"previous_response_id", "conversation", "prompt"})
"""Fields by which a request goes on from what the upstream keeps."""

_MARK = "prompt_cache_breakpoint"
_BETWEEN_INSTRUCTIONS = "\n\n"


def render_request(request: Request, target: Target) -> Rendered:
    """Write a request for a target. The same request gives the same bytes.

    Raises `FailureError` for content and tools that the target cannot take.
    """
    check_foreign_fields(request, NAME)
    losses: list[Loss] = []
    names = tool_names(request, NAMES)
    tools = render_tools(request, target, names, losses)
    form = render_output(request, target, losses)
    body: Body = {"model": target.model}
    added = [] if form.instruction is None else [form.instruction]
    if tools and request.tool_choice is not None:
        chosen = render_tool_choice(request.tool_choice, request, target, names, losses)
        body["tool_choice"] = chosen.value
        added.extend([] if chosen.instruction is None else [chosen.instruction])
    _conversation(request, target, names, added, form, body, losses)
    if tools:
        body["tools"] = tools
        if request.parallel_tool_calls is False:
            body["parallel_tool_calls"] = False
    _text(request, form, body)
    _length(request, target, body, losses)
    effort = _reasoning(request, target, body, losses)
    _sampling(request, target, effort, body, losses)
    render_terms(request, NAME, body, losses)
    _storage(request, target, body)
    if request.stream:
        body["stream"] = True
    for extra in own_fields(request.extras, NAME):
        body.setdefault(extra.field, msgspec.Raw(extra.json))
    losses.extend(foreign_losses(request, NAME))
    emulation = _emulation(request, target, names, form, body, losses)
    for name in sorted(target.host.rejects & body.keys()) if target.host.rejects else ():
        del body[name]
        losses.append(rejected_field(name, FIELD_PATHS, target.provider))
    return Rendered(WireRequest(PATH, msgspec.json.encode(body)), tuple(losses), emulation)


def _conversation(
    request: Request,
    target: Target,
    names: ToolNames,
    added: list[str],
    form: Form,
    body: Body,
    losses: list[Loss],
) -> None:
    """The instructions and the turns. Instructions are a string, unless they carry marks for the cache or
    have to say "json", which OpenAI looks for in `input` only: then they are its first item.
    """
    system = (*request.system, *(Text(words) for words in added))
    items, lost = render_input(request, target, names, complete=_is_complete(request))
    losses.extend(lost)
    marked = any(one.field == _MARK for text in system for one in own_fields(text.opaque, NAME))
    if system and (marked or (form.says_json and request.dialect != NAME)):
        items = [instruction_item(system, target.host.instructions_role or "developer", request), *items]
    elif system:
        body["instructions"] = _BETWEEN_INSTRUCTIONS.join(text.text for text in system)
    if any(text.cache is not None for text in system) and not marked:
        losses.append(UNMARKED)
    if request.cache is not None:
        losses.append(UNMARKED_PROMPT)
    if items or _is_complete(request):
        body["input"] = items or [{"type": "message", "role": "user", "content": "(empty message)"}]


def _is_complete(request: Request) -> bool:
    """Whether the request holds its whole conversation, and nothing of it is kept upstream."""
    return not (
        any(one.dialect == NAME and one.field in _KEPT_UPSTREAM for one in request.extras)
        or any(
            isinstance(block, Unknown) and block.dialect == NAME and block.kind == "item_reference"
            for message in request.messages
            for block in message.blocks
        )
    )


def _text(request: Request, form: Form, body: Body) -> None:
    text: Body = {}
    if form.value is not None:
        text["format"] = form.value
    if request.verbosity is not None:
        text["verbosity"] = request.verbosity
    if text:
        body["text"] = text


def _length(request: Request, target: Target, body: Body, losses: list[Loss]) -> None:
    if request.max_tokens is None:
        return
    limit = capped(request.max_tokens, target, losses)
    if limit < MIN_OUTPUT:
        losses.append(
            approximated("$.max_tokens", "max_tokens", f"the smallest limit here is {MIN_OUTPUT} tokens")
        )
        limit = MIN_OUTPUT
    body["max_output_tokens"] = limit


def _reasoning(request: Request, target: Target, body: Body, losses: list[Loss]) -> str | None:
    """How much to reason, and whether in readable summaries; the effort that is asked for."""
    only_here = target.profile.reasoning == "effort" and target.profile.chat_tools == "never"
    effort = render_effort(request, target, losses, ("max",) if only_here else ())
    wire: Body = {} if effort is None else {"effort": effort}
    asked = request.reasoning
    if asked is not None and not _never_reasons(target):
        wire.update({one.field: msgspec.Raw(one.json) for one in asked.opaque if one.dialect == NAME})
        if asked.visible and request.dialect != NAME and target.profile.reasoning != "none":
            wire["summary"] = "auto"
    if wire:
        body["reasoning"] = wire
    return effort


def _never_reasons(target: Target) -> bool:
    """Whether the model is known not to reason: then OpenAI refuses to be asked for anything of it."""
    return target.profile.reasoning == "none" and target.profile.known


def _sampling(request: Request, target: Target, effort: str | None, body: Body, losses: list[Loss]) -> None:
    sampling = request.sampling
    knobs: Body = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    body.update(accepted_sampling(knobs, request, target, effort, losses))
    absent: Body = {
        "top_k": sampling.top_k,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "seed": sampling.seed,
        "logit_bias": sampling.logit_bias,
    }
    losses.extend(
        dropped(f"$.{name}", name, "the Responses format has no such field")
        for name, value in absent.items()
        if value is not None
    )
    if request.top_logprobs is not None:
        body["top_logprobs"] = request.top_logprobs


def _storage(request: Request, target: Target, body: Body) -> None:
    """Nothing is kept upstream for clients that cannot ask for it, so reasoning has to come back to us in
    full: encrypted.
    """
    own = {one.field: one.json for one in own_fields(request.extras, NAME)}
    if request.dialect != NAME and "store" not in own:
        body["store"] = False
    include: list[str] = [] if _never_reasons(target) else [ENCRYPTED]
    if request.top_logprobs is not None:
        include.append(LOGPROBS)
    if "include" in own:
        include.extend(msgspec.json.decode(own["include"], type=list[str]))
    if include:
        body["include"] = include


def _emulation(
    request: Request, target: Target, names: ToolNames, form: Form, body: Body, losses: list[Loss]
) -> Emulation:
    """What the gateway has to do itself, and the fields that it therefore keeps back."""
    if request.stop:
        losses.append(emulated("$.stop", "stop", "the gateway stops the answer itself"))
    if request.candidates > 1:
        losses.append(emulated("$.n", "n", "one request for each answer"))
    single = "parallel_tool_calls" in body and "parallel_tool_calls" in target.host.rejects
    if single:
        del body["parallel_tool_calls"]
        losses.append(emulated("$.parallel_tool_calls", "parallel_tool_calls", "only the first call is kept"))
    return Emulation(
        stop=request.stop,
        fan_out=request.candidates,
        single_call=single,
        tool_names=names.changed,
        custom_tools=frozenset() if target.host.custom_tools else custom_tools(request),
        wrapped_in=form.wrapped_in,
        bare=form.wrapped_in is not None and wants_bare_word(request),
    )
