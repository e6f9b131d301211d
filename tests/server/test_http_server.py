"""The server ends in order: nobody new, answers for those who wait, an end also for those who do not read."""

import logging
import time
from collections.abc import Iterator

import pytest
from tests.server.toy import hear, request, rest, serving, settled

from dragoman.server.connections import Patience


@pytest.fixture(autouse=True)
def _nothing_is_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_nobody_new_is_let_in_from_the_first_moment_on() -> None:
    with serving() as running, running.connect(request("/pause/0.5")) as client:
        assert settled(lambda: running.toy.asked != [])
        running.server.stop()
        time.sleep(0.05)
        with pytest.raises(ConnectionRefusedError):
            running.connect()
        assert rest(client).endswith(b"/pause/0.5")
        assert running.wait(1)
    assert running.toy.closed


def test_connections_on_which_nothing_is_asked_are_closed_at_once() -> None:
    with serving() as running, running.connect(request("/a")) as client:
        hear(client, b"/a")
        running.server.stop()
        began = time.monotonic()
        assert rest(client) == b""
        assert time.monotonic() - began < 1.0
        assert running.wait(1)


def test_an_answer_on_its_way_is_the_last_of_its_connection() -> None:
    with serving() as running, running.connect(request("/pause/0.3") + request("/next")) as client:
        assert settled(lambda: running.toy.asked != [])
        running.server.stop()
        seen = rest(client)
        assert b"connection: close" in seen
        assert seen.endswith(b"/pause/0.3")
        assert running.wait(1)
    assert running.toy.asked == ["/pause/0.3"]


def test_a_request_that_is_being_sent_is_still_answered() -> None:
    text = request("/a", body=b"0123456789")
    for cut in (10, len(text) - 5):
        with serving() as running, running.connect(text[:cut]) as client:
            time.sleep(0.05)
            running.server.stop()
            time.sleep(0.05)
            client.sendall(text[cut:])
            seen = rest(client)
            assert b"connection: close" in seen
            assert seen.endswith(b"/a")
            assert running.wait(1)


def test_a_connection_that_was_opened_just_now_may_still_ask() -> None:
    with serving() as running, running.connect() as client, running.connect() as other:
        time.sleep(0.05)
        running.server.stop()
        time.sleep(0.05)
        client.sendall(request("/a"))
        assert rest(client).endswith(b"/a")
        assert rest(other) == b""
        assert running.wait(2)


def test_who_takes_too_long_is_cancelled_and_the_rest_is_closed() -> None:
    with serving(shutdown_timeout=0.2) as running, running.connect(request("/slow")) as client:
        hear(client, b"begun")
        running.server.stop()
        assert rest(client) == b""
        assert running.wait(1)
    assert running.toy.cancelled == 1
    assert running.toy.closed


def test_a_client_that_has_stopped_reading_holds_nobody_up() -> None:
    with serving(shutdown_timeout=0.2) as running, running.connect(request("/flood")) as client:
        hear(client, b"xxx")
        time.sleep(0.3)  # every buffer on the way is full then
        running.server.stop()
        assert running.wait(4)
    assert running.toy.closed


def test_a_client_that_does_not_fetch_the_end_of_its_answer_holds_nobody_up() -> None:
    with serving(shutdown_timeout=0.2) as running, running.connect(request("/large")) as client:
        hear(client, b"xxx")
        running.server.stop()
        assert running.wait(4)


def test_a_client_that_fetches_the_end_of_its_answer_slowly_gets_it_whole() -> None:
    with serving() as running, running.connect(request("/large")) as client:
        size = len(hear(client, b"xxx"))
        running.server.stop()
        time.sleep(0.2)
        assert size + len(rest(client)) > 20_000_000
        assert running.wait(1)


def test_a_stop_can_be_forced() -> None:
    with serving(shutdown_timeout=60) as running, running.connect(request("/slow")) as client:
        hear(client, b"begun")
        running.server.stop()
        assert not running.wait(0.2)
        running.server.force()
        assert running.wait(1)
    assert running.toy.cancelled == 1


def test_a_server_that_is_stopped_while_it_starts_ends() -> None:
    with serving() as running:
        running.server.stop()
        assert running.wait(2)


# --- how long clients may take ---------------------------------------------------------------------------

QUICK = Patience(head=0.2, stall=0.2)


@pytest.mark.parametrize("first", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\nx-a"])
def test_a_head_that_does_not_come_to_its_end_is_not_waited_for(first: bytes) -> None:
    with serving(patience=QUICK) as running, running.connect(first) as client:
        began = time.monotonic()
        seen = rest(client)
        assert 0.1 < time.monotonic() - began < 1
        assert seen.startswith(b"HTTP/1.1 408") or not first


def test_a_head_that_trickles_in_is_not_waited_for() -> None:
    with serving(patience=QUICK) as running, running.connect() as client:
        began = time.monotonic()
        for byte in request("/a"):
            try:
                client.sendall(bytes([byte]))
            except ConnectionError:
                break
            time.sleep(0.02)
        assert time.monotonic() - began < 1
    assert running.toy.asked == []


def test_a_later_head_has_the_same_limit() -> None:
    with serving(patience=QUICK) as running, running.connect(request("/a") + b"POST /b HT") as client:
        assert b"/aHTTP/1.1 408" in rest(client)
    assert running.toy.asked == ["/a"]


def test_a_body_that_nobody_reads_is_not_waited_for() -> None:
    with (
        serving(patience=QUICK) as running,
        running.connect(request("/unread", "content-length: 10000")) as client,
    ):
        hear(client, b"/unread")
        began = time.monotonic()
        for _ in range(40):
            try:
                client.sendall(b"x")
            except ConnectionError:
                break
            time.sleep(0.05)
        assert time.monotonic() - began < 1.5


def test_time_that_passes_between_requests_is_not_counted() -> None:
    with serving(patience=QUICK) as running, running.connect() as client:
        for path in ("/a", "/pause/0.4", "/b"):
            client.sendall(request(path))
            hear(client, path.encode())
            time.sleep(0.3)


def test_a_client_that_never_fetches_its_answer_is_let_go() -> None:
    with (
        serving(patience=QUICK) as running,
        running.connect(request("/large", "connection: close")) as client,
    ):
        hear(client, b"xxx")
        time.sleep(1)
        assert len(rest(client)) < 20_000_000


def test_a_slow_reader_is_not_let_go() -> None:
    with (
        serving(patience=Patience(stall=0.5)) as running,
        running.connect(request("/large", "connection: close")) as client,
    ):
        size = 0
        until = time.monotonic()
        while piece := client.recv(200_000):
            size += len(piece)
            until += len(piece) / 10_000_000
            time.sleep(max(0.0, until - time.monotonic()))
        assert size > 20_000_000


def test_a_connection_on_which_nothing_more_is_asked_is_closed_in_time() -> None:
    with serving(patience=Patience(idle=0.2)) as running, running.connect(request("/pause/0.4")) as client:
        hear(client, b"/pause/0.4")
        client.sendall(request("/b"))
        hear(client, b"/b")
        began = time.monotonic()
        assert rest(client) == b""
        assert 0.15 < time.monotonic() - began < 1


def test_who_is_still_sending_can_read_why_its_request_was_not_wanted() -> None:
    size = 5_000_000
    with serving() as running:
        for last in ("connection: close", "expect: 100-continue"):
            with running.connect(request("/unread", last, f"content-length: {size}")) as client:
                client.sendall(bytes(size))
                client.sendall(request("/never"))
                assert rest(client).endswith(b"/unread")
        assert running.toy.asked == ["/unread", "/unread"]


def test_who_does_not_go_on_sending_is_not_waited_for() -> None:
    asked = request("/unread", "connection: close", "content-length: 5")
    with serving(patience=QUICK) as running, running.connect(asked) as client:
        assert rest(client).endswith(b"/unread")
        assert settled(lambda: not running.server.connections)
