"""Requests to the wire."""

import msgspec

from dragoman.conversation.blocks import CacheMark, Thinking
from dragoman.conversation.failure import invalid
from dragoman.conversation.loss import Loss, approximated, dropped, emulated
from dragoman.conversation.request import (
    FunctionTool,
    Message,
    OutputMode,
    Request,
    ToolChoiceMode,
)
from dragoman.dialects.anthropic import wire
from dragoman.dialects.anthropic.field_paths import FIELD_PATHS
from dragoman.dialects.anthropic.reasoning import Thought, render_reasoning
from dragoman.dialects.anthropic.render_content import (
    MAX_MARKS,
    CacheMarks,
    ContentRenderer,
    cache_control,
    check_content,
    count_marks,
)
from dragoman.dialects.anthropic.render_tools import (
    NAMES,
    Chosen,
    ToolRenderer,
    render_choice,
)
from dragoman.dialects.anthropic.turns import arranged
from dragoman.dialects.anthropic.wire import DIALECT
from dragoman.dialects.bare_word import wants_bare_word
from dragoman.dialects.custom_tools import custom_tools
from dragoman.dialects.dialect import Emulation, Rendered, Target, WireRequest
from dragoman.dialects.foreign_fields import check_foreign_fields, foreign_losses
from dragoman.dialects.json_schema.anthropic_strict import InexpressibleError, anthropic_strict_schema
from dragoman.dialects.json_schema.wrapping import (
    WRAPPED,
    inner_losses,
    is_object_schema,
    object_schema,
)
from dragoman.dialects.places import logprobs_field
from dragoman.dialects.rejected_fields import rejected_field
from dragoman.dialects.tool_names import tool_names

PATH = "/v1/messages"
HEADERS = (("anthropic-version", "2023-06-01"),)
"""The older version: the newer one refuses knobs that older models take. A client's own header wins."""

_DEFAULT_CAP = 32_000
"""The most output tokens that are asked for where the client says nothing: agents need long answers,
and the model's maximum counts against rate limits.
"""
_UNKNOWN_CAP = 4096
_LARGEST_WHOLE = 21_333
"""Output tokens above which an answer may take longer than the ten minutes that a whole one is waited
for: it is asked for as a stream, which the gateway puts together.
"""

_TIERS = {"auto": "auto", "default": "standard_only", "standard": "standard_only", "flex": "standard_only"}
_FAST_TIERS = frozenset({"priority", "fast", "scale"})

_SCHEMA = "$.response_format.json_schema.schema"
_ONE_OBJECT = "Respond with one JSON object only: no other text and no code fences."
_ONE_VALUE = "Respond with one JSON value only: no other text and no code fences."


def render_request(request: Request, target: Target) -> Rendered:
    """The request as the target gets it, the losses on the way, and what is left for the gateway to do.

    Raises `FailureError` (invalid request), naming the field, for content and for shapes of answers
    that the format cannot express.
    """
    return _Rendering(request, target).render()


class _Rendering:
    """One request on its way to the wire."""

    def __init__(self, request: Request, target: Target) -> None:
        self._request = request
        self._target = target
        self._profile = target.profile
        self._native = request.dialect == DIALECT
        self._losses: list[Loss] = []
        self._instructions: list[str] = []
        self._answer_tool: FunctionTool | None = None
        self._wrapped_in: str | None = None
        self._output_config: dict[str, msgspec.Raw] = {}

    def render(self) -> Rendered:
        request, profile, losses = self._request, self._profile, self._losses
        self._refuse()
        names = tool_names(request, NAMES)
        chosen = render_choice(request, profile, names, losses)
        if chosen.instruction is not None:
            self._instructions.append(chosen.instruction)
        self._render_output(names.unused("structured_output"))
        chosen = self._with_answer_tool(chosen)
        messages = arranged(request, self._target, losses)
        cap = self._max_tokens()
        thought = render_reasoning(request, messages, profile, cap, forced=chosen.forced, losses=losses)
        temperature, top_p, top_k = self._sampling(thought)
        if thought.effort is not None:
            self._output_config["effort"] = msgspec.Raw(msgspec.json.encode(thought.effort))
        stop, emulated_stop = self._stop()

        system = [block for block in request.system if block.text and not block.text.isspace()]
        marks = sum(tool.cache is not None for tool in chosen.tools if isinstance(tool, FunctionTool))
        marks += count_marks(system) + sum(count_marks(message.blocks) for message in messages)
        automatic = self._automatic_cache(marks)
        dealt = self._dealt(marks, automatic)

        # in the order of the prompt, in which the marks are dealt out
        tools = ToolRenderer(request, profile, names, dealt, losses).render(chosen.tools)
        content = ContentRenderer(names, dealt, losses)
        instructions = [wire.TextBlock(text) for text in self._instructions]
        headers = dict(HEADERS)
        body = wire.MessagesRequest(
            model=self._target.model,
            max_tokens=thought.max_tokens,
            system=[*content.blocks(system), *instructions] or None,
            messages=[content.message(message) for message in messages],
            tools=tools or None,
            tool_choice=chosen.choice,
            stop_sequences=stop or None,
            stream=request.stream or thought.max_tokens > _LARGEST_WHOLE,
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            thinking=self._bound(thought.thinking, messages, headers),
            output_config=self._output_config or None,
            metadata=None if request.user is None else wire.Metadata(request.user),
            service_tier=self._service_tier(),
            cache_control=None if automatic is None else cache_control(automatic),
        )
        self._report_unsaid()
        emulation = Emulation(
            stop=emulated_stop,
            wrapped_in=self._wrapped_in,
            bare=self._wrapped_in is not None and wants_bare_word(request),
            answer_tool=None if self._answer_tool is None else self._answer_tool.name,
            fan_out=self._fan_out(),
            tool_names=names.changed,
            custom_tools=custom_tools(request),
        )
        encoded = self._encoded(body)
        return Rendered(WireRequest(PATH, encoded, tuple(headers.items())), tuple(losses), emulation)

    def _refuse(self) -> None:
        request = self._request
        if request.top_logprobs is not None:
            field = logprobs_field(request.dialect)
            raise invalid(
                f"'{field}': this model does not report log probabilities.", field, "unsupported_parameter"
            )
        check_foreign_fields(request, DIALECT)
        check_content(request)

    # --- length, sampling, stop ------------------------------------------------------------------

    def _max_tokens(self) -> int:
        wanted, most = self._request.max_tokens, self._profile.max_output_tokens
        if wanted is None:
            return _UNKNOWN_CAP if most is None else min(most, _DEFAULT_CAP)
        if most is not None and wanted > most:
            self._losses.append(
                approximated("$.max_tokens", "max_tokens", f"this model writes at most {most} tokens")
            )
            return most
        return wanted

    def _sampling(self, thought: Thought) -> tuple[float | None, float | None, int | None]:
        sampling = self._request.sampling
        temperature, top_p, top_k = sampling.temperature, sampling.top_p, sampling.top_k
        if temperature is not None and temperature > 1:
            temperature = 1.0
            self._losses.append(approximated("$.temperature", "temperature", "temperatures go up to 1 here"))
        mode = self._profile.sampling
        if mode == "none" or (mode == "unless_reasoning" and thought.active):
            # what equals the default says nothing
            self._drop("temperature", temperature, neutral=1.0)
            self._drop("top_p", top_p, neutral=1.0)
            self._drop("top_k", top_k)
            return None, None, None
        if thought.manual:
            self._drop("temperature", temperature, neutral=1.0)
            self._drop("top_k", top_k)
            temperature = top_k = None
            if top_p is not None and not 0.95 <= top_p <= 1:
                self._drop("top_p", top_p)
                top_p = None
        if mode == "one" and temperature is not None and top_p is not None:
            self._drop("top_p", top_p, neutral=1.0)
            top_p = None
        return temperature, top_p, top_k

    def _drop(self, knob: str, value: float | None, neutral: float | None = None) -> None:
        if value is not None and value != neutral:
            self._losses.append(dropped(f"$.{knob}", knob, f"this model does not take {knob} as asked"))

    def _stop(self) -> tuple[list[str], tuple[str, ...]]:
        """Stop sequences for the wire, and those that the gateway has to look for itself."""
        stop = [sequence for sequence in self._request.stop if sequence]
        if stop and (not self._profile.stop_sequences or any(sequence.isspace() for sequence in stop)):
            self._losses.append(
                emulated("$.stop", "stop", "the gateway itself cuts the answer at the stop sequences")
            )
            return [], tuple(stop)
        return stop, ()

    # --- the form of the answer ------------------------------------------------------------------

    def _render_output(self, tool_name: str) -> None:
        for extra in self._request.extras:
            if extra.dialect == DIALECT and extra.field.startswith("output_config."):
                self._output_config[extra.field.removeprefix("output_config.")] = msgspec.Raw(extra.json)
        output = self._request.output
        if output is None or output.mode is OutputMode.TEXT:
            return
        if output.mode is OutputMode.JSON_OBJECT or output.schema is None:
            self._instruct(_ONE_OBJECT, "json_object")
            return
        if self._native:
            self._format(output.schema)
            return
        schema, wrapped_in = object_schema(output.schema)
        if self._profile.json_schema and (self._profile.tools_with_schema or not self._request.tools):
            found: list[Loss] = []
            try:
                schema = anthropic_strict_schema(schema, _SCHEMA, found)
            except InexpressibleError:
                pass
            else:
                self._format(schema)
                self._wrap(wrapped_in)
                self._losses.extend(inner_losses(found, _SCHEMA, wrapped_in))
                return
        if self._profile.forced_tools and is_object_schema(schema):
            self._answer_tool = FunctionTool(
                tool_name,
                description=output.description or "Give the final answer by calling this tool.",
                parameters=schema,
            )
            self._wrap(wrapped_in)
            self._losses.append(
                emulated(
                    "$.response_format",
                    "structured_output_tool",
                    "the answer is the input of a demanded tool",
                )
            )
            return
        if wants_bare_word(self._request):
            self._wrap(wrapped_in)
        else:
            schema = output.schema
        form = _ONE_OBJECT if is_object_schema(schema) else _ONE_VALUE
        schema_text = schema.decode()
        self._instruct(f"{form} It must match this JSON Schema: {schema_text}", "json_schema")

    def _wrap(self, wrapped_in: str | None) -> None:
        self._wrapped_in = wrapped_in
        if wrapped_in is not None:
            self._losses.append(emulated("$.response_format", "schema_wrapped", WRAPPED))

    def _format(self, schema: bytes) -> None:
        written = b'{"type":"json_schema","schema":' + schema + b"}"
        self._output_config["format"] = msgspec.Raw(written)

    def _instruct(self, text: str, code: str) -> None:
        self._instructions.append(text)
        self._losses.append(
            emulated("$.response_format", code, "the form of the answer is asked for in words")
        )

    def _with_answer_tool(self, chosen: Chosen) -> Chosen:
        tool = self._answer_tool
        if tool is None:
            return chosen
        mode = self._request.tool_choice.mode if self._request.tool_choice else ToolChoiceMode.AUTO
        alone = not chosen.tools or mode is ToolChoiceMode.NONE
        choice = wire.Choice("tool", tool.name) if alone else wire.Choice("any")
        if chosen.choice is not None and chosen.choice.type != "none":
            choice.disable_parallel_tool_use = chosen.choice.disable_parallel_tool_use
        return Chosen(choice, (*chosen.tools, tool))

    def _bound(
        self, thinking: msgspec.Raw | None, messages: tuple[Message, ...], headers: dict[str, str]
    ) -> msgspec.Raw | None:
        """`thinking`, with a wish for signed blocks to be dropped, rather than the request refused, where
        the prompt before them is not the same any more. Clients of this format have their own say.
        """
        if self._native or not self._profile.preserved_thinking:
            return thinking
        if not any(isinstance(block, Thinking) for message in messages for block in message.blocks):
            return thinking
        fields = {"type": msgspec.Raw(b'"adaptive"')} if thinking is None else _TOP.decode(thinking)
        if bytes(fields["type"]) != b'"adaptive"':
            return thinking
        if self._profile.betas:
            headers["anthropic-beta"] = ",".join(self._profile.betas)
        fields["block_binding"] = msgspec.Raw(b'{"prefix_mismatch_behavior":"drop_block"}')
        return msgspec.Raw(msgspec.json.encode(fields))

    # --- caching ---------------------------------------------------------------------------------

    def _automatic_cache(self, marks: int) -> CacheMark | None:
        """The mark on the whole prompt."""
        if self._request.cache is not None or marks or self._native:
            return self._request.cache
        if "cache_control" in self._target.host.rejects:
            return None
        # other vendors cache by themselves, and their clients count on it
        return CacheMark()

    def _dealt(self, marks: int, automatic: CacheMark | None) -> CacheMarks:
        """The marks that are left of the client's; one of this format knows the limit itself."""
        allowed = MAX_MARKS if automatic is None else MAX_MARKS - 1
        if self._native or marks <= allowed:
            return CacheMarks(marks, marks)
        self._losses.append(
            dropped("$.messages", "cache_marks", f"only the last {allowed} cache marks are kept")
        )
        return CacheMarks(marks, allowed)

    # --- the rest --------------------------------------------------------------------------------

    def _service_tier(self) -> str | None:
        tier = self._request.service_tier
        if tier is None:
            return None
        if tier in _TIERS:
            if tier == "flex":
                self._losses.append(
                    approximated(
                        "$.service_tier", "service_tier", "there is no cheaper tier: the standard one"
                    )
                )
            return _TIERS[tier]
        if tier in _FAST_TIERS:
            self._losses.append(
                approximated(
                    "$.service_tier", "service_tier", "the fast tier is used where the account has it"
                )
            )
            return "auto"
        if self._native:
            return tier
        self._losses.append(dropped("$.service_tier", "service_tier", f"there is no tier `{tier}` here"))
        return None

    def _fan_out(self) -> int:
        wanted = self._request.candidates
        if wanted > 1:
            self._losses.append(emulated("$.n", "n", f"the request is sent {wanted} times"))
        return max(1, wanted)

    def _report_unsaid(self) -> None:
        """Losses for the client's wishes that the format has no field for."""
        request = self._request
        sampling = request.sampling
        for name, value in (
            ("presence_penalty", sampling.presence_penalty),
            ("frequency_penalty", sampling.frequency_penalty),
            ("seed", sampling.seed),
            ("logit_bias", sampling.logit_bias or None),
            ("verbosity", request.verbosity),
            ("metadata", request.metadata or None),
        ):
            if value is not None and (value != 0 or name == "seed"):
                self._losses.append(dropped(f"$.{name}", name, f"the format has no {name}"))
        if any(message.name for message in request.messages):
            self._losses.append(dropped("$.messages", "message_name", "messages have no names here"))
        self._losses.extend(foreign_losses(request, DIALECT))

    def _encoded(self, body: wire.MessagesRequest) -> bytes:
        """The body, with the client's own fields of this format and without those that the host refuses."""
        encoded = msgspec.json.encode(body)
        extras = {
            extra.field: msgspec.Raw(extra.json)
            for extra in self._request.extras
            if extra.dialect == DIALECT and not extra.field.startswith("output_config.")
        }
        rejected = self._target.host.rejects
        if not extras and not rejected:
            return encoded
        fields = {**_TOP.decode(encoded), **extras}
        for name in sorted(rejected & fields.keys()):
            del fields[name]
            self._losses.append(rejected_field(name, FIELD_PATHS, self._target.provider))
        return msgspec.json.encode(fields)


_TOP = msgspec.json.Decoder(dict[str, msgspec.Raw])
