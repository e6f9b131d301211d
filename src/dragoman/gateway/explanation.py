"""What would become of a request: which targets, in which order and why, and what each would be sent.

The same functions that serve exchanges do the work; nothing is sent, and nothing is remembered.
"""

from collections.abc import Iterable, Mapping

import msgspec

from dragoman.access.key_info import KeyInfo
from dragoman.access.keys import OPEN
from dragoman.config.settings import Conditions, Strategy
from dragoman.conversation.failure import FailureError, invalid
from dragoman.dialects.dialect import Dialect, Head, Location
from dragoman.dialects.format_choice import spoken_format
from dragoman.gateway.answer_headers import render_losses
from dragoman.gateway.entrance import check_model
from dragoman.gateway.plan import Translation, plan
from dragoman.routing.needs import Needs, needs_of
from dragoman.routing.route import Hedge, Route, RouteTarget
from dragoman.routing.router import Router
from dragoman.routing.traffic import TargetState, Traffic


class Limits(msgspec.Struct, frozen=True):
    """How many requests may be at a target at once; None for no limit."""

    route: int | None
    provider: int | None


class Candidate(msgspec.Struct, frozen=True, omit_defaults=True):
    """A target that would be asked, and what it would be sent."""

    target: str
    state: str
    upstream_dialect: str
    plan: str = ""
    """Empty where no request was given."""
    losses: tuple[str, ...] = ()
    emulated: tuple[str, ...] = ()
    """What the gateway would do to the answer."""
    unservable: str = ""
    """Why this target cannot be sent the request at all."""
    conditions: Conditions | None = None
    weight: float = 1.0
    price: float | None = None
    """US dollars for a million input and a quarter of a million output tokens."""
    limits: Limits = Limits(None, None)
    in_flight: int = 0


class Excluded(msgspec.Struct, frozen=True):
    """A target that would not be asked."""

    target: str
    reason: str


class Explanation(msgspec.Struct, frozen=True):
    """What would become of a request. `candidates` are in the order in which they would be asked."""

    model: str
    route: str | None
    """The route of the configuration; None for a model that leads to a provider by its own name."""
    strategy: Strategy
    attempts: int
    """The most upstream requests for one request."""
    timeouts: dict[str, float]
    """In seconds."""
    affinity: float
    hedge: Hedge | None
    on_loss: str
    needs: Needs | None
    """What the request needs; None where none was given."""
    candidates: tuple[Candidate, ...]
    excluded: tuple[Excluded, ...]


def explain(
    router: Router,
    traffic: Traffic,
    dialects: Mapping[str, Dialect],
    *,
    dialect: Dialect,
    model: str | None,
    body: bytes | None,
    tags: Iterable[str] = (),
    stream: bool = False,
    key: KeyInfo = OPEN,
) -> Explanation:
    """Explain a request of a dialect or, without a body, a model's name.

    `model` goes before the model that the request names itself. Raises `FailureError` for a model that
    leads nowhere or that the key may not use, and for a request that cannot be read.
    """
    head, needs = None, None
    if body is not None:
        location = Location(model, stream)
        body = _named(dialect, body, location)
        head = dialect.read_head(body, location)
        needs = needs_of(dialect.parse_request(body, location), tags, stream=head.stream)
    name = model or ("" if head is None else head.model)
    if not name:
        raise invalid("Name the model to explain, or give a request that names one.", "model")
    check_model(key, name)
    route = router.resolve(name)
    choice = traffic.choose(route, needs or Needs(stream=stream, tags=frozenset(tags)))
    states = {(one.name, one.credential): one for one in traffic.targets()}
    return Explanation(
        model=name,
        route=route.name if route.configured else None,
        strategy=route.strategy,
        attempts=route.attempts,
        timeouts=msgspec.structs.asdict(route.timeouts),
        affinity=route.affinity if route.chooses else 0.0,
        hedge=route.hedge,
        on_loss=route.on_loss,
        needs=needs,
        candidates=tuple(
            _candidate(route, one, states.get((one.name, one.credential)), dialects, dialect, head, body)
            for one in choice.candidates
        ),
        excluded=tuple(Excluded(one.target.label, one.reason) for one in choice.excluded),
    )


def _named(dialect: Dialect, body: bytes, location: Location) -> bytes:
    """The request with the model in it, where its format has it there and it lacks it."""
    try:
        dialect.read_head(body, location)
    except FailureError as error:
        if location.model is None or error.failure.param != "model":
            raise
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        return msgspec.json.encode({"model": location.model, **fields})
    return body


def _candidate(
    route: Route,
    candidate: RouteTarget,
    standing: TargetState | None,
    dialects: Mapping[str, Dialect],
    dialect: Dialect,
    head: Head | None,
    body: bytes | None,
) -> Candidate:
    target, provider = candidate.target, candidate.provider
    shown = Candidate(
        target=candidate.label,
        state="healthy" if standing is None else standing.state,
        upstream_dialect=provider.dialects[0],
        conditions=candidate.when,
        weight=candidate.weight,
        price=candidate.price,
        limits=Limits(candidate.max_concurrent, provider.max_concurrent),
        in_flight=0 if standing is None else standing.in_flight,
    )
    if head is None or body is None:
        return shown
    spoken = dialects[spoken_format(provider.dialects, dialect.name, head, target)]
    shown = msgspec.structs.replace(shown, upstream_dialect=spoken.name)
    try:
        planned = plan(dialect, head, body, spoken, target)
    except FailureError as error:
        return msgspec.structs.replace(shown, unservable=error.failure.message)
    if not isinstance(planned, Translation):
        return msgspec.structs.replace(shown, plan="passthrough")
    if not route.show_reasoning and spoken is not dialect:
        planned = planned.with_hidden_reasoning()
    return msgspec.structs.replace(
        shown,
        plan="translation",
        losses=tuple(render_losses((loss,)) for loss in planned.losses),
        emulated=planned.emulation.named,
    )


class _Posted(msgspec.Struct, forbid_unknown_fields=True):
    """What `POST /dragoman/explain` takes."""

    model: str | None = None
    dialect: str = "openai_chat"
    request: msgspec.Raw = msgspec.Raw()
    stream: bool = False


_POSTED = msgspec.json.Decoder(_Posted)


def explain_posted(
    body: bytes,
    router: Router,
    traffic: Traffic,
    dialects: Mapping[str, Dialect],
    key: KeyInfo,
) -> bytes:
    """The same over HTTP: `{"model"?: ..., "dialect"?: ..., "request"?: {...}, "stream"?: ...}`, for this
    key, with the targets as they are at this moment.

    Raises `FailureError` that names the field at fault.
    """
    try:
        posted = _POSTED.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(f"The body is not what is explained here: {error}.") from None
    if posted.dialect not in dialects:
        known = ", ".join(dialects)
        raise invalid(f"'dialect' is '{posted.dialect[:50]}'; expected one of: {known}.", "dialect")
    explanation = explain(
        router,
        traffic,
        dialects,
        dialect=dialects[posted.dialect],
        model=posted.model,
        body=None if bytes(posted.request) in {b"", b"null"} else bytes(posted.request),
        tags=key.tags,
        stream=posted.stream,
        key=key,
    )
    return msgspec.json.encode(explanation)
