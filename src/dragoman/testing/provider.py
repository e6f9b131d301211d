"""The fake provider: one HTTP request in, the answer that a strict vendor would give out. No sockets.

It speaks OpenAI Chat Completions and Responses, Anthropic Messages and Google generateContent, each
under its own paths, counts tokens and makes embeddings. Requests are first held against the vendor's
rules (`rules/`), then answered: with what a test has laid out (`script.py`), else by the demo model
(`actor.py`).
"""

import hashlib
import http
import itertools
import time
from collections.abc import Callable, Mapping

import msgspec

from dragoman.conversation.failure import Failure, FailureError
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import Request
from dragoman.conversation.response import Response
from dragoman.dialects.dialect import Dialect, ModelCard, Reply
from dragoman.dialects.registry import DIALECTS
from dragoman.models.profile import families, profile_of
from dragoman.testing.actor import act
from dragoman.testing.billing import Account
from dragoman.testing.bound_thinking import bind_thinking
from dragoman.testing.completion import complete
from dragoman.testing.counting import count_anthropic, count_gemini, count_responses
from dragoman.testing.delivery import failed_answer, streamed_answer, whole_answer
from dragoman.testing.embedding import embed_gemini, embed_openai
from dragoman.testing.exchange import Answer, Incoming, json_answer, read_query
from dragoman.testing.json_value import decode_object
from dragoman.testing.kept import KeptAnswers
from dragoman.testing.rules import openai_completions, openai_responses
from dragoman.testing.rules.openai_errors import Field
from dragoman.testing.rules.refusal import Access, RefusedError
from dragoman.testing.script import Received, Script, Scripted
from dragoman.testing.vendors import VENDORS, Purpose, Route, Vendor, model_of, route_of

DEMO_MODEL = "demo"
"""The name that newcomers use; any other is served alike, with the rules of the model so named."""

_ID_PREFIXES = {
    "openai_chat": "chatcmpl-",
    "openai_responses": "resp_",
    "anthropic": "msg_01",
    "gemini": "",
}
_OWNERS = {"openai_chat": "openai", "anthropic": "anthropic", "gemini": "google"}
_MODELS_CREATED = 1_735_689_600


class FakeProvider:
    """A stand-in for the vendors.

    `keys` are the API keys it knows; None lets everybody in. `models` are the only model names it
    serves; None serves any. `pace` is in seconds between the frames of the demo model's streams.
    `clock` gives the time in Unix seconds. `script` holds what tests lay out, and what came: the
    latest `kept` requests, or all of them. `actor` is the model behind it all: it answers a request
    that kept the vendor's rules where nothing is laid out for it, and is told which extra parts of
    an answer the request asks for; it may also say in what manner the answer goes out, or fails.
    """

    def __init__(
        self,
        *,
        keys: frozenset[str] | None = None,
        models: tuple[str, ...] | None = None,
        pace: float = 0.0,
        clock: Callable[[], float] = time.time,
        kept: int | None = None,
        actor: Callable[[Request, frozenset[str]], Response | Scripted] = act,
    ) -> None:
        self.script = Script(kept)
        self._access = Access(keys, None if models is None else frozenset(models))
        self._models = models
        self._pace = pace
        self._clock = clock
        self._actor = actor
        self._numbers = itertools.count(1)
        self._kept = KeptAnswers()

    def answer(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer to one request. `path` and `query` are as they stand in the URL, without the
        question mark; header names are in any case.
        """
        lowered = {name.lower(): value for name, value in headers.items()}
        return self.receive(Incoming(method, path, read_query(query), lowered, body))[1]

    def receive(self, incoming: Incoming) -> tuple[Received, Answer]:
        """Record a request and answer it; the record can then tell that its client has left."""
        received = self.script.record(incoming)
        try:
            received.answer = self._answered(incoming)
        except RefusedError as refusal:
            received.answer = refusal.answer
        return received, received.answer

    def _answered(self, incoming: Incoming) -> Answer:
        route = route_of(incoming)
        vendor = VENDORS[route.dialect]
        if route.purpose is Purpose.NONE:
            raise vendor.no_such_route(incoming)
        vendor.check_access(incoming, self._access)
        if incoming.method not in route.methods:
            raise vendor.wrong_method(incoming)
        match route.purpose:
            case Purpose.MODELS:
                return self._listed(DIALECTS[route.dialect], vendor, route.location.model)
            case Purpose.KEPT if incoming.method == "DELETE":
                return self._kept.deleted(route.kept)
            case Purpose.KEPT:
                return self._kept.found(route.kept)
            case Purpose.KEPT_ITEMS:
                return self._kept.listed(route.kept, incoming)
            case Purpose.CANCEL:
                return self._kept.cancelled(route.kept)
            case _:
                return self._modelled(incoming, route, vendor)

    def _modelled(self, incoming: Incoming, route: Route, vendor: Vendor) -> Answer:
        """The answer to a request that names a model."""
        spoken = route.purpose in {Purpose.ANSWER, Purpose.COMPLETE}
        scripted = self.script.take(model_of(incoming, route), spoken=spoken)
        number = str(next(self._numbers)).encode()
        identity = hashlib.sha256(number + b"\0" + incoming.body).hexdigest()[:24]
        answer = None
        if scripted is None or scripted.checked or route.purpose is Purpose.COMPLETE:
            answer = self._checked(incoming, route, vendor, scripted, identity)
        account = Account(
            route.dialect if route.purpose is not Purpose.COMPLETE else "openai_completions",
            incoming.body,
            route.location,
            embedding=route.purpose in {Purpose.EMBED, Purpose.EMBED_BATCH},
        )
        if scripted is not None and isinstance(scripted.answer, Answer):
            return _billed(scripted.answer, account if route.purpose is not Purpose.COUNT else None)
        if scripted is not None and isinstance(scripted.answer, Failure):
            return failed_answer(DIALECTS[route.dialect], scripted.answer, identity, scripted.delay)
        if answer is not None:
            return _billed(answer, account if route.purpose is not Purpose.COUNT else None)
        return self._spoken(incoming, route, scripted, identity)

    def _checked(
        self, incoming: Incoming, route: Route, vendor: Vendor, scripted: Scripted | None, identity: str
    ) -> Answer | None:
        """Hold a request against its vendor's rules; the answer, where it takes no dialect to write it."""
        access = self._access
        match route.purpose:
            case Purpose.COUNT:
                return self._counted(incoming, route, identity)
            case Purpose.EMBED if route.dialect == "openai_chat":
                return embed_openai(incoming, access)
            case Purpose.EMBED | Purpose.EMBED_BATCH:
                batch = route.purpose is Purpose.EMBED_BATCH
                return embed_gemini(incoming, route.location.model or "", access, batch=batch)
            case Purpose.COMPLETE:
                body = openai_completions.check_request(incoming, access)
                return complete(body, scripted, identity, int(self._clock()), self._pace)
            case _:
                vendor.check_request(incoming, access)
                return None

    def _counted(self, incoming: Incoming, route: Route, identity: str) -> Answer:
        try:
            match route.dialect:
                case "anthropic":
                    return count_anthropic(incoming, self._access)
                case "gemini":
                    return count_gemini(incoming, route.location, self._access)
                case _:
                    return count_responses(incoming, self._access, self._kept)
        except FailureError as error:
            return failed_answer(DIALECTS[route.dialect], error.failure, identity)

    def _spoken(self, incoming: Incoming, route: Route, scripted: Scripted | None, identity: str) -> Answer:
        """What the model says, in the dialect of the request."""
        if route.dialect != "openai_responses":
            return self._written(incoming.body, route, scripted, identity)
        given = decode_object(incoming.body)
        body = self._kept.completed(Field("", given))
        if scripted is None or scripted.checked:
            openai_responses.check_conversation(body)
        whole = msgspec.json.encode(body.value)
        previous = given.get("previous_response_id")
        answer = self._written(
            whole, route, scripted, identity, previous if isinstance(previous, str) else None
        )
        self._kept.keep(body, answer)
        return answer

    def _written(
        self,
        body: bytes,
        route: Route,
        scripted: Scripted | None,
        identity: str,
        previous: str | None = None,
    ) -> Answer:
        """The answer to a complete request; `previous` is the kept answer that it went on from."""
        dialect = DIALECTS[route.dialect]
        try:
            request = dialect.parse_request(body, route.location)
        except FailureError as error:
            return failed_answer(dialect, error.failure, identity)
        if previous is not None:
            named = Opaque(dialect.name, "previous_response_id", msgspec.json.encode(previous))
            request = msgspec.structs.replace(request, extras=(*request.extras, named))
        if scripted is not None and isinstance(scripted.answer, Response):
            response, manner = scripted.answer, scripted
        else:
            said = self._actor(request, _included(body))
            manner = said if isinstance(said, Scripted) else Scripted(said, pace=self._pace)
            if isinstance(manner.answer, Answer):
                return manner.answer
            if isinstance(manner.answer, Failure):
                return failed_answer(dialect, manner.answer, identity, manner.delay)
            response = manner.answer
            profile = profile_of(request.model)
            if profile.preserved_thinking:
                response = bind_thinking(response, profile.family, body)
        now = int(self._clock())
        response = msgspec.structs.replace(
            response,
            id=response.id or _ID_PREFIXES[dialect.name] + identity,
            model=response.model or request.model,
            created=response.created or now,
        )
        origin = f"fake/{profile_of(request.model).family}"
        reply = Reply(request, route.location, now, identity, "fp_demo", origin)
        write = streamed_answer if request.stream else whole_answer
        account = Account(dialect.name, body, route.location, usage=response.usage)
        return _billed(write(dialect, reply, response, manner), account)

    def _listed(self, dialect: Dialect, vendor: Vendor, wanted: str | None) -> Answer:
        names = self._models
        if names is None:
            owner = _OWNERS[dialect.name]
            known = [name for family in families() if family.owner == owner for name in family.models]
            names = (DEMO_MODEL, *known)
        cards = [
            ModelCard(name, _MODELS_CREATED, "demo", profile_of(name).max_output_tokens) for name in names
        ]
        if wanted is None:
            return json_answer(200, dialect.render_models(cards))
        found = next((card for card in cards if card.id == wanted), None)
        if found is None:
            raise vendor.no_such_model(wanted)
        return json_answer(200, dialect.render_model(found))


def _billed(answer: Answer, account: Account | None) -> Answer:
    """A good answer with what it takes to bill it."""
    if answer.status != http.HTTPStatus.OK:
        return answer
    return msgspec.structs.replace(answer, account=account)


def _included(body: bytes) -> frozenset[str]:
    """The extra parts of an answer that a request of OpenAI's asks for."""
    include = decode_object(body).get("include")
    return frozenset(str(word) for word in include) if isinstance(include, list) else frozenset()
