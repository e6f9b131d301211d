"""Upstreams that are stuck, each in its own way: the limit that is for it ends the wait, and says so.

For every client, at an upstream of its own format and at one of another. Those that are stuck in the same
way are asked at the same time: what costs time here is waiting.
"""

import contextlib
import http.client
import itertools
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.conftest import CLIENT_KEY, ROUTES, UPSTREAM_KEY, LiveGateway, serving
from tests.live.client import MODELS, Client, Reply
from tests.live.conftest import SECOND_MODELS
from tests.live.raw_upstream import Line, RawUpstream, pieces_of, saying
from tests.live.stuck import (
    CASES,
    EARLY,
    SLACK,
    TICK,
    Case,
    Spoken,
    Stuck,
    Told,
    ask_all,
    before_the_answer,
    begin,
    begins_an_error,
    check,
    check_left,
    dialect_of,
    dribble,
    drips_its_head,
    says_nothing,
    says_the_head_only,
    sends_comments,
    sends_interim_answers,
    streamed,
    up_to_the_first_word,
)

from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

LIMITS = {"connect": 0.3, "first_event": 0.5, "between_events": 0.4, "total": 10.0}
"""Seconds that the gateway allows."""
OF_ROUTE = {"connect": 0.2, "first_event": 0.35, "between_events": 0.25, "total": 0.6}
"""Seconds that some of its routes allow in place of those."""
AMPLE = 5.0
"""For what a busy machine must not fail before the limit that is looked at."""
SLOW = 1.0
KEEP_ALIVE = 0.1

HELLO = saying("Good morning to you and to all who are with you, wherever you may be on this day.")

GATEWAY = """
[server]
port = 0
[auth]
keys = ["{key}"]
[timeouts]
connect = {connect}
first_event = {first_event}
between_events = {between_events}
total = {total}
keep_alive = {keep_alive}
[retries]
attempts = 1
[health]
min_failures = 1000000
"""
PROVIDER = """
[providers.{place}_{name}]
dialect = "{name}"
base_url = "{url}"
api_key = "{key}"
"""
ROUTE = """
[routes.{place}_{name}]
targets = ["{place}_{name}/{model}"]
timeouts = {{ {patient} }}
[routes.{place}_{name}_of_route]
targets = ["{place}_{name}/{model}"]
timeouts = {{ connect = {connect}, first_event = {first_event} }}
[routes.{place}_{name}_begun]
targets = ["{place}_{name}/{model}"]
timeouts = {{ connect = {ample}, first_event = {ample} }}
[routes.{place}_{name}_begun_of_route]
targets = ["{place}_{name}/{model}"]
timeouts = {{ connect = {ample}, first_event = {ample}, between_events = {between_events} }}
[routes.{place}_{name}_slow]
targets = ["{place}_{name}/{model}"]
timeouts = {{ connect = {ample}, first_event = {ample}, between_events = {slow} }}
[routes.{place}_{name}_total]
targets = ["{place}_{name}/{model}"]
timeouts = {{ total = {total} }}
[routes.{place}_{name}_or_fake]
targets = ["{place}_{name}/{model}", "fake_{name}/{second}"]
attempts = 2
timeouts = {{ {patient} }}
"""

BEFORE = [
    says_nothing,
    says_the_head_only,
    sends_comments,
    drips_its_head,
    sends_interim_answers,
    begins_an_error,
]
"""Ways to be stuck before the answer has begun."""


@pytest.fixture(scope="module")
def limited(
    fake_upstream: FakeServer,
    raw_upstream: RawUpstream,
    places: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LiveGateway]:
    """A gateway with tight limits, and routes with others, to each place in each dialect."""
    parts = [GATEWAY.format(key=CLIENT_KEY, keep_alive=KEEP_ALIVE, **LIMITS)]
    addresses = {
        "raw": places["raw"],
        "full": places["full"],
        "tls": f"https://127.0.0.1:{raw_upstream.port}",
        "fake": fake_upstream.url,
    }
    for place, url in addresses.items():
        # only places that do not take connections are to be given up for that
        late = place in {"full", "tls"}
        limits = OF_ROUTE if late else {**OF_ROUTE, "connect": AMPLE}
        for name, model in MODELS.items():
            base = f"{url}/v1" if name.startswith("openai_") else url
            parts.append(PROVIDER.format(place=place, name=name, url=base, key=UPSTREAM_KEY))
            parts.append(
                ROUTE.format(
                    place=place,
                    name=name,
                    model=model,
                    second=SECOND_MODELS[name],
                    ample=AMPLE,
                    slow=SLOW,
                    patient="" if late else f"connect = {AMPLE}",
                    **limits,
                )
            )
    with serving("".join(parts), tmp_path_factory.mktemp("limited")) as running:
        yield running


@pytest.fixture(scope="module")
def spoken(limited: LiveGateway) -> dict[str, list[bytes]]:
    """A streamed answer of each dialect, frame by frame."""
    return {
        name: pieces_of(Client(name, limited).ask(model, stream=True), Scripted(HELLO))
        for name, model in MODELS.items()
    }


@pytest.fixture(scope="module")
def written(limited: LiveGateway) -> dict[str, bytes]:
    """A whole answer of each dialect."""
    return {
        name: b"".join(pieces_of(Client(name, limited).ask(model), Scripted(HELLO)))
        for name, model in MODELS.items()
    }


# --- ways to be stuck before the answer has begun ------------------------------------------------


@pytest.mark.parametrize("play", BEFORE)
@pytest.mark.parametrize("limits", [LIMITS, OF_ROUTE], ids=["global", "of the route"])
def test_an_answer_that_does_not_begin_is_ended_by_first_event(
    limited: LiveGateway, raw: RawUpstream, play: Callable[[Line], None], limits: dict[str, float]
) -> None:
    raw.play = stuck = Stuck(play)
    told = ask_all(limited, "raw_{}" if limits is LIMITS else "raw_{}_of_route", CASES)
    check(told, "first_event", limits["first_event"])
    check_left(told, stuck)


@pytest.mark.parametrize("more", ["nothing", "comments", "half a frame, byte by byte"])
def test_a_stream_whose_frames_say_nothing_is_ended_by_first_event(
    limited: LiveGateway, raw: RawUpstream, spoken: Spoken, more: str
) -> None:
    """OpenAI's first frame holds the role, Anthropic's the message: neither is anything of an answer."""

    def play(line: Line) -> None:
        pieces = spoken[dialect_of(line)]
        begun = before_the_answer(dialect_of(line), pieces)
        line.begin()
        line.send(b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces[:begun]))
        if more == "comments":
            dribble(line, b"6\r\n: hi\n\n\r\n")
        elif more != "nothing":
            for byte in pieces[begun][:-2]:
                line.chunk(bytes([byte]))
                time.sleep(TICK)

    raw.play = stuck = Stuck(play)
    told = ask_all(limited, "raw_{}", [case for case in CASES if case.stream])
    check(told, "first_event", LIMITS["first_event"])
    check_left(told, stuck)


# --- connecting ----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["full", "tls"])
@pytest.mark.parametrize("limits", [LIMITS, OF_ROUTE], ids=["global", "of the route"])
def test_a_connection_that_does_not_come_about_is_ended_by_connect(
    limited: LiveGateway, raw: RawUpstream, place: str, limits: dict[str, float]
) -> None:
    """One port takes no more connections, one takes them and never answers TLS."""
    raw.play = says_nothing
    told = ask_all(limited, f"{place}_{{}}" if limits is LIMITS else f"{place}_{{}}_of_route", CASES)
    check(told, "connect", limits["connect"])


# --- ways to be stuck in the middle --------------------------------------------------------------


@pytest.mark.parametrize("more", ["nothing", "half a frame, byte by byte"])
@pytest.mark.parametrize("limits", [LIMITS, OF_ROUTE], ids=["global", "of the route"])
def test_a_stream_that_gets_stuck_is_ended_by_between_events(
    limited: LiveGateway, raw: RawUpstream, spoken: Spoken, more: str, limits: dict[str, float]
) -> None:
    def play(line: Line) -> None:
        pieces = spoken[dialect_of(line)]
        begun = up_to_the_first_word(pieces)
        line.begin()
        line.chunk(b"".join(pieces[:begun]))
        if more != "nothing":
            for byte in pieces[begun][:-2]:
                line.chunk(bytes([byte]))
                time.sleep(TICK)

    raw.play = stuck = Stuck(play)
    told = ask_all(
        limited,
        "raw_{}_begun" if limits is LIMITS else "raw_{}_begun_of_route",
        [case for case in CASES if case.stream],
    )
    check(told, "between_events", limits["between_events"])
    check_left(told, stuck)
    for case, reply, _, _ in told:
        assert "Good" in Client(case.name, limited).words(reply)


def test_signs_of_life_in_an_answer_are_events_and_total_ends_them(
    limited: LiveGateway, raw: RawUpstream, spoken: Spoken
) -> None:
    """Hosts send them on purpose where a model is busy for long with an answer that it has begun."""

    def play(line: Line) -> None:
        pieces = spoken[dialect_of(line)]
        line.begin()
        line.chunk(b"".join(pieces[: up_to_the_first_word(pieces)]))
        dribble(line, b"6\r\n: hi\n\n\r\n")

    raw.play = stuck = Stuck(play)
    # the grammars of the clients' formats allow none of them: only where they are not passed through
    cases = [case for case in CASES if case.stream and case.name != case.upstream]
    told = ask_all(limited, "raw_{}_total", cases)
    check(told, "total", OF_ROUTE["total"])
    check_left(told, stuck)


@pytest.mark.parametrize("more", ["nothing", "byte by byte"])
@pytest.mark.parametrize("limits", [LIMITS, OF_ROUTE], ids=["global", "of the route"])
def test_a_whole_answer_that_gets_stuck_is_ended_by_between_events(
    limited: LiveGateway, raw: RawUpstream, written: dict[str, bytes], more: str, limits: dict[str, float]
) -> None:
    def play(line: Line) -> None:
        answer = written[dialect_of(line)]
        half = len(answer) // 2
        line.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
        line.send(b"content-length: %d\r\n\r\n" % len(answer))
        line.send(answer[:half])
        if more != "nothing":
            for byte in answer[half:-1]:
                line.send(bytes([byte]))
                time.sleep(TICK)

    raw.play = stuck = Stuck(play)
    cases = [case for case in CASES if not case.stream]
    told = ask_all(limited, "raw_{}_begun" if limits is LIMITS else "raw_{}_begun_of_route", cases)
    check(told, "between_events", limits["between_events"])
    check_left(told, stuck)


def test_an_answer_that_goes_on_for_ever_is_ended_by_total(
    limited: LiveGateway, raw: RawUpstream, spoken: Spoken, written: dict[str, bytes]
) -> None:
    """Events that keep coming, and a whole answer that grows and grows."""

    def play(line: Line) -> None:
        begin(line)
        if not streamed(line):
            line.chunk(written[dialect_of(line)][:-2])
            while True:
                line.chunk(b" " * 20_000)
                time.sleep(TICK)
        pieces = spoken[dialect_of(line)]
        begun = up_to_the_first_word(pieces)
        line.chunk(b"".join(pieces[:begun]))
        for number in itertools.count(begun):
            line.chunk(re.sub(rb'(?<="sequence_number":)\d+', b"%d" % number, pieces[begun]))
            time.sleep(TICK)

    raw.play = stuck = Stuck(play)
    told = ask_all(limited, "raw_{}_total", CASES)
    check(told, "total", OF_ROUTE["total"])
    check_left(told, stuck)


def test_a_slow_answer_that_keeps_coming_is_left_alone(
    limited: LiveGateway, raw: RawUpstream, spoken: Spoken, written: dict[str, bytes]
) -> None:
    """In all it takes longer than each of its silences may."""

    def play(line: Line) -> None:
        begin(line)
        if streamed(line):
            pieces = spoken[dialect_of(line)]
        else:
            answer = written[dialect_of(line)]
            pieces = [answer[:-1], *([b" " * 20_000] * 10), answer[-1:]]
        pause = 2 * SLOW / len(pieces)
        for piece in pieces:
            line.chunk(piece)
            time.sleep(pause)
        line.chunk(b"")

    raw.play = play
    for case, reply, took, _ in ask_all(limited, "raw_{}_slow", CASES):
        assert reply.status == 200, (case, reply)
        assert took > SLOW + TICK, (case, reply)
        client = Client(case.name, limited)
        assert client.words(reply).endswith("on this day.")
        if case.stream:
            assert client.stream_error(reply) is None
            assert client.finished(reply.body)


# --- what is not taken in ------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(ROUTES))
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_request_that_the_upstream_does_not_take_in_is_ended_by_first_event(
    limited: LiveGateway, raw: RawUpstream, name: str, stream: bool
) -> None:
    """It accepts the connection, reads the head, and leaves twenty megabytes where they are. They are not
    sent on after the limit.
    """
    came: list[int] = []

    def play(line: Line) -> None:
        time.sleep(3 * LIMITS["first_event"])
        came.append(line.drain())

    raw.play, raw.reads = play, False
    client = Client(name, limited)
    words = "Good evening. " * 1_500_000
    began = time.monotonic()
    reply = client.get(
        f"raw_{name}", stream=stream, body=client.request(f"raw_{name}", stream=stream, words=words)
    )
    took = time.monotonic() - began
    check([Told(Case(name, name, stream), reply, took, 0)], "first_event", LIMITS["first_event"])
    until = time.monotonic() + SLACK
    while not came and time.monotonic() < until:
        time.sleep(0.01)
    assert came[0] < len(words) / 2


# --- the next target -----------------------------------------------------------------------------


@pytest.mark.parametrize("play", BEFORE)
def test_the_next_target_answers_within_the_limit_of_the_first(
    limited: LiveGateway, raw: RawUpstream, fake: FakeServer, play: Callable[[Line], None]
) -> None:
    raw.play = stuck = Stuck(play)
    told = ask_all(limited, "raw_{}_or_fake", CASES)
    for case, reply, took, _ in told:
        client = Client(case.name, limited)
        assert reply.status == 200, (case, reply)
        assert LIMITS["first_event"] - EARLY <= took < LIMITS["first_event"] + SLACK
        assert "demo model" in client.words(reply)
        if case.stream:
            assert client.stream_error(reply) is None
            assert client.finished(reply.body)
    assert len(fake.script.received) == len(CASES)
    stuck.left(len(CASES))


def test_the_client_hears_signs_of_life_all_along(
    limited: LiveGateway, raw: RawUpstream, fake: FakeServer
) -> None:
    """Before the first token too, and the next target may still answer after them."""
    del fake
    raw.play = Stuck(says_nothing)

    def first_byte_and_rest(case: Case) -> tuple[float, bytes]:
        client = Client(case.name, limited)
        ask = client.ask(f"raw_{case.upstream}_or_fake", stream=True)
        connection = http.client.HTTPConnection("127.0.0.1", limited.port, timeout=20)
        with contextlib.closing(connection):
            began = time.monotonic()
            connection.request(ask.method, ask.target, ask.body, ask.headers)
            answer = connection.getresponse()
            first = answer.read(1)
            after = time.monotonic() - began
            rest = answer.read()
            reply = Reply(
                answer.status, {key.lower(): value for key, value in answer.getheaders()}, first + rest
            )
        assert client.stream_error(reply) is None
        assert "demo model" in client.words(reply)
        return after, first + rest

    cases = [case for case in CASES if case.stream]
    with ThreadPoolExecutor(len(cases)) as threads:
        for after, body in threads.map(first_byte_and_rest, cases):
            assert KEEP_ALIVE - EARLY <= after < LIMITS["first_event"] + SLACK
            assert body.startswith((b": keep-alive\n\n", b"event: ping\n"))
