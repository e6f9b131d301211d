"""Embeddings: passed through to a target of the client's own format, else translated between the two."""

import contextlib
from collections.abc import Mapping

import msgspec

from dragoman.conversation.embedding import EmbeddingRequest, EmbeddingResponse
from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.loss import Loss
from dragoman.conversation.token_estimate import estimate_text_tokens
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Dialect, Embedding, Head
from dragoman.gateway.answer_headers import answer_headers, told_id, upstream_id, wants_strictness
from dragoman.gateway.attempt import Attempt, UnservableError
from dragoman.gateway.call import Call, Client
from dragoman.gateway.entrance import check_model
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.inquiry import ESTIMATED, Inquiry, Told, Whole
from dragoman.gateway.losses import check_losses, localized
from dragoman.gateway.record import render_route
from dragoman.providers.provider import Provider
from dragoman.routing.needs import Needs
from dragoman.routing.route import Route


async def embed(gateway: Gateway, call: Call, client: Client) -> None:
    """Serve one request for embeddings. Every failure reaches the client in its own dialect; nothing is
    raised but cancellation, which is how a client that leaves closes the upstream.
    """
    inquiry = Inquiry(gateway, call, client, "embedding")
    await inquiry.run(_Embeddings(inquiry).answer)


class _Embeddings:
    """The embeddings of one request on their way."""

    def __init__(self, inquiry: Inquiry) -> None:
        self._inquiry = inquiry
        self._call = inquiry.call
        self._ours = _embedding_of(inquiry.call.dialect)
        self._request: EmbeddingRequest | None = None

    async def answer(self) -> Whole:
        """The client's answer. Raises `FailureError`."""
        call, inquiry = self._call, self._inquiry
        head = self._ours.read_head(call.body, call.location)
        inquiry.record.model = head.model
        check_model(call.key, head.model)
        route = inquiry.gateway.router.resolve(head.model)
        dialects = inquiry.gateway.dialects
        targets = [
            candidate
            for candidate in route.targets
            if embedding_dialect(dialects, candidate.provider, call.dialect) is not None
        ]
        if not targets:
            raise _nowhere(route)
        route = msgspec.structs.replace(route, targets=tuple(targets))

        async def attempt(begun: Attempt) -> Whole:
            return await self._attempt(head, route, begun)

        return await inquiry.first_that_answers(route, attempt, Needs(tags=frozenset(call.key.tags)))

    async def _attempt(self, head: Head, route: Route, attempt: Attempt) -> Whole:
        call, record = self._call, self._inquiry.record
        provider, target = attempt.target.provider, attempt.target.target
        spoken = embedding_dialect(self._inquiry.gateway.dialects, provider, call.dialect)
        if spoken is None:
            raise _nowhere(route)
        attempt.record.upstream_dialect = spoken.name
        record.losses = ()
        if spoken is call.dialect and target.host.rejects.isdisjoint(head.fields):
            attempt.record.plan = "passthrough"
            return await self._passed_through(head, spoken, attempt)
        attempt.record.plan = "translation"
        return await self._translated(route, spoken, attempt)

    async def _passed_through(self, head: Head, spoken: Dialect, attempt: Attempt) -> Whole:
        wire = self._ours.passthrough(head, self._call.body, attempt.target.target)
        attempt.prompt_usage = self._estimated
        told = await self._inquiry.ask(attempt, spoken, wire)
        tokens = self._ours.meter_response(told.body)
        try:
            self._account(attempt, tokens)
        except FailureError:
            # inputs in a form of the host's own, which it has understood: nobody says what they took
            attempt.record.estimated = False
        return Whole(self._headers(attempt.target.provider, told), told.body)

    async def _translated(self, route: Route, spoken: Dialect, attempt: Attempt) -> Whole:
        provider, target = attempt.target.provider, attempt.target.target
        theirs = _embedding_of(spoken)
        request = self._read()
        try:
            rendered = theirs.render_request(request, target)
        except FailureError as error:
            raise UnservableError(error.failure) from None
        self._report(route, localized(rendered.losses, self._call.dialect.field_paths))
        parts = _parts(request, theirs.max_inputs)
        wires = (
            [rendered.wire]
            if len(parts) == 1
            else [theirs.render_request(part, target).wire for part in parts]
        )
        asked: list[EmbeddingRequest] = []
        attempt.prompt_usage = lambda: Usage(input=sum(map(_estimate, asked)))
        told: list[Told] = []
        for wire, part in zip(wires, parts, strict=True):
            asked.append(part)
            told.append(await self._inquiry.ask(attempt, spoken, wire))
        response = _joined(
            [theirs.parse_response(one.body, part) for one, part in zip(told, parts, strict=True)]
        )
        tokens = self._account(attempt, response.prompt_tokens)
        response = msgspec.structs.replace(response, prompt_tokens=tokens, estimated=attempt.record.estimated)
        headers = self._headers(provider, told[-1])
        if response.estimated:
            headers.append(ESTIMATED)
        return Whole(headers, self._ours.render_response(response, request))

    def _read(self) -> EmbeddingRequest:
        """The client's request, read once. Raises `FailureError` that names the field at fault."""
        if self._request is None:
            self._request = self._ours.parse_request(self._call.body, self._call.location)
        return self._request

    def _report(self, route: Route, losses: tuple[Loss, ...]) -> None:
        if route.on_loss == "reject" or wants_strictness(self._call.headers):
            check_losses(losses)
        self._inquiry.record.losses = losses
        self._inquiry.record.report_losses = route.on_loss != "drop"

    def _account(self, attempt: Attempt, tokens: int | None) -> int:
        """The tokens that the inputs took; where nobody says it, about."""
        record = attempt.record
        record.estimated = tokens is None
        if tokens is None:
            tokens = _estimate(self._read())
        record.usage = Usage(input=tokens)
        return tokens

    def _estimated(self) -> Usage | None:
        """About what an attempt has cost that was given up before its upstream told; None where the request
        went through unread and cannot be read.
        """
        with contextlib.suppress(FailureError):
            return Usage(input=_estimate(self._read()))
        return None

    def _headers(self, provider: Provider, told: Told) -> list[tuple[str, str]]:
        record = self._inquiry.record
        return answer_headers(
            self._call.request_id,
            "application/json",
            record.losses if record.report_losses else (),
            upstream_id=told_id(upstream_id(told.upstream.headers), provider.secrets),
            route=render_route(record),
        )


def embedding_dialect(dialects: Mapping[str, Dialect], provider: Provider, asked: Dialect) -> Dialect | None:
    """The wire format in which a provider is asked for embeddings: the client's own where it is spoken
    there, else the first that has them; None where none has.
    """
    for name in (asked.name, *provider.dialects):
        if name in provider.dialects and dialects[name].embedding is not None:
            return dialects[name]
    return None


def _embedding_of(dialect: Dialect) -> Embedding:
    if dialect.embedding is None:
        raise ValueError(f"{dialect.name} has no embeddings")
    return dialect.embedding


def _nowhere(route: Route) -> FailureError:
    targets = ", ".join(f"{one.provider.name}/{one.target.model}" for one in route.targets)
    return invalid(
        f"The model '{route.name}' leads to {targets}, where there are no embeddings. Ask for an embedding "
        "model at a provider that speaks OpenAI's or Google's format.",
        "model",
        "embeddings_not_supported",
    )


def _parts(request: EmbeddingRequest, most: int) -> list[EmbeddingRequest]:
    """The request as several with at most so many inputs each, in order."""
    inputs = request.inputs
    if len(inputs) <= most:
        return [request]
    return [
        msgspec.structs.replace(request, inputs=inputs[start : start + most])
        for start in range(0, len(inputs), most)
    ]


def _estimate(request: EmbeddingRequest) -> int:
    """The tokens that the inputs have, about."""
    return sum(estimate_text_tokens(one) if isinstance(one, str) else len(one) for one in request.inputs)


def _joined(answers: list[EmbeddingResponse]) -> EmbeddingResponse:
    """The answers to the parts of one request as the answer to all of it."""
    counts = [answer.prompt_tokens for answer in answers]
    known = [count for count in counts if count is not None]
    return EmbeddingResponse(
        answers[0].model,
        tuple(vector for answer in answers for vector in answer.vectors),
        sum(known) if len(known) == len(counts) else None,
    )
