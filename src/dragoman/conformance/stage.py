"""Where a feature is played: one client format, one upstream format, streamed or whole."""

import msgspec

from dragoman.conformance.exact_json import decode_object, encode
from dragoman.conformance.gateway_client import Answered, GatewayClient
from dragoman.conformance.question import Question
from dragoman.conformance.reply import Reply, Told
from dragoman.conformance.subject import Subject
from dragoman.conformance.wire import Wire
from dragoman.conversation.failure import Failure
from dragoman.conversation.response import Response
from dragoman.testing.exchange import Answer
from dragoman.testing.json_value import Object
from dragoman.testing.rules.refusal import Access, RefusedError
from dragoman.testing.script import Received, Scripted
from dragoman.testing.server import FakeServer
from dragoman.testing.vendors import VENDORS, Purpose, route_of

COPIES = 8
"""How often an answer is laid out: a gateway may try again, or ask for each candidate by itself."""

ACCEPTED = "the upstream's own rules for a request"


class Finding(msgspec.Struct, frozen=True):
    """What a gateway does wrong, and the rule that says so."""

    reason: str
    rule: str


class BrokenError(Exception):
    """The exchange went so wrong that nothing more can be looked at."""

    def __init__(self, reason: str, rule: str) -> None:
        super().__init__(reason)
        self.finding = Finding(reason, rule)


class ElsewhereError(Exception):
    """The gateway asked the upstream in another format than that of the cell."""


class Got(msgspec.Struct):
    """Both ends of one exchange."""

    answered: Answered
    reply: Reply
    received: tuple[Received, ...]
    asked: tuple[Question, ...]

    @property
    def question(self) -> Question:
        """What the upstream was asked, the last time."""
        return self.asked[-1]


class Stage:
    """One cell of the matrix while it is played."""

    def __init__(
        self,
        subject: Subject,
        http: GatewayClient,
        fake: FakeServer,
        client: Wire,
        upstream: Wire,
        *,
        streamed: bool,
        variant: str,
        rule: str,
    ) -> None:
        self.subject = subject
        self.client = client
        self.upstream = upstream
        self.streamed = streamed
        self.fake = fake
        self.http = http
        self.findings: list[Finding] = []
        self._rule = rule
        self._variant = variant

    @property
    def model(self) -> str:
        """The gateway's name of the model that is asked."""
        return self.subject.model(self.upstream.name, self._variant)

    def expect(self, ok: bool, reason: str, rule: str = "") -> None:
        """Note a finding unless `ok`."""
        if not ok:
            self.findings.append(Finding(reason, rule or self._rule))

    def require(self, ok: bool, reason: str, rule: str = "") -> None:
        """End the play with a finding unless `ok`."""
        if not ok:
            raise BrokenError(reason, rule or self._rule)

    # asking

    def headers(self, key: str | None = None) -> dict[str, str]:
        """What a client of this format sends, with the gateway's own wishes; `key` takes the place of the
        gateway's key.
        """
        own = self.subject.key
        theirs = self.subject.upstream_headers.get(self.upstream.name, {})
        headers = {**self.client.headers(own), **self.subject.headers, **theirs}
        if key is None or not own:
            return headers
        return {name: value.replace(own, key) for name, value in headers.items()}

    def url(self, question: Question) -> str:
        """Where the question goes."""
        return self.subject.url(self.client.path(question.model, question.stream))

    def body(self, question: Question) -> bytes:
        """The question as this client writes it. Raises `UnsayableError`."""
        return encode(self.client.write(question)).encode()

    def lay_out(self, *answers: Scripted | Response | Failure | Answer, copies: int = COPIES) -> None:
        """Forget what was, and lay out answers for what comes next."""
        self.fake.script.clear()
        for _ in range(copies):
            self.fake.script.add(*answers)

    async def send(self, question: Question) -> Answered:
        """The gateway's answer to the question, whatever it is."""
        return await self.http.send("POST", self.url(question), self.headers(), self.body(question))

    async def ask(self, question: Question, answer: Scripted | Response | Answer) -> Got:
        """Both ends of an exchange that has to go well."""
        self.lay_out(answer)
        return self.read(await self.send(question), question)

    def read(self, answered: Answered, question: Question) -> Got:
        """Both ends of an exchange that has gone well. Raises `BrokenError` for any other, and
        `ElsewhereError` where the upstream was asked in another format.
        """
        if answered.status != 200:
            raise BrokenError(self._blame(answered), ACCEPTED)
        reply = self.reply_of(answered, question)
        if reply.error is not None:
            raise BrokenError(
                f"an error in the answer: {reply.error.message[:200]}{self._refused()}", ACCEPTED
            )
        self.require(
            not answered.broken, "the connection broke before the answer was complete", "HTTP (RFC 9112)"
        )
        received = self.generations()
        self.require(bool(received), "no request reached the upstream", ACCEPTED)
        if any(route_of(one.incoming).dialect != self.upstream.name for one in received):
            raise ElsewhereError
        asked = tuple(self._question(one) for one in received)
        return Got(answered, reply, received, asked)

    def reply_of(self, answered: Answered, question: Question) -> Reply:
        """The answer as its client reads it. Raises `BrokenError` for a body that is no answer."""
        if question.stream and "json" not in answered.headers.get("content-type", ""):
            return self.client.read_stream(answered.body)
        if question.stream and answered.body.lstrip().startswith(b"["):
            return self.client.read_stream(answered.body)
        try:
            return self.client.read_answer(decode_object(answered.body))
        except ValueError as error:
            raise BrokenError(
                f"the answer is not JSON: {error}: {answered.body[:80]!r}", self._rule
            ) from None

    def generations(self) -> tuple[Received, ...]:
        """The requests for an answer that reached the upstream."""
        return tuple(
            one for one in self.fake.script.received if route_of(one.incoming).purpose is Purpose.ANSWER
        )

    def told(self, answered: Answered) -> Told | None:
        """The error in an answer, if it is in the client's envelope."""
        if self.client.check_error(answered.body):
            return None
        return self.client.read_error(decode_object(answered.body))

    def body_of(self, received: Received) -> Object:
        """A request's body as the upstream got it."""
        return decode_object(received.body)

    def _question(self, received: Received) -> Question:
        try:
            return self.upstream.read(self.body_of(received), received.path)
        except ValueError as error:
            raise BrokenError(f"the upstream got a body that is not JSON: {error}", ACCEPTED) from None

    def _blame(self, answered: Answered) -> str:
        told = self.told(answered)
        words = told.message if told else answered.body[:300].decode("utf-8", "replace")
        return f"HTTP {answered.status}: {words[:300]}{self._refused()}"

    def _refused(self) -> str:
        """What the upstream has against the last request."""
        received = self.generations()
        if not received:
            return " (nothing reached the upstream)"
        incoming = received[-1].incoming
        try:
            VENDORS[route_of(incoming).dialect].check_request(incoming, Access())
        except RefusedError as refusal:
            return f" (the upstream refused: {refusal.answer.body[:300].decode('utf-8', 'replace')})"
        return ""
