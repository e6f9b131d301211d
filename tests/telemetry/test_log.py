"""Logs, and the attempts to find a secret in them."""

import functools
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.typing import FilteringBoundLogger

from dragoman.config.secret import Secret
from dragoman.config.settings import Log
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.providers.provider import Provider
from dragoman.telemetry.log import configure_logging
from dragoman.telemetry.redaction import MASK

KEY = "sk-up"
SECRETS = [KEY, 'pa ss"wörd']
Format = Literal["console", "json"]
FORMATS: list[Format] = ["console", "json"]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Put the process's logging back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []  # so that pytest's own are not closed
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def set_up(form: Format, level: Literal["debug", "info", "warning", "error"] = "info") -> io.StringIO:
    stream = io.StringIO()
    configure_logging(Log(level=level, format=form), SECRETS, stream)
    return stream


def logger() -> FilteringBoundLogger:
    log: FilteringBoundLogger = structlog.get_logger()
    return log


def test_an_entry_for_machines_is_one_object_a_line() -> None:
    stream = set_up("json")
    logger().info("two\nlines", model="gpt-4o", tokens=3, cached=None, headers=[("a", "b")])
    logger().warning("more", note="ключ")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["event"], first["level"], first["model"]) == ("two\nlines", "info", "gpt-4o")
    assert (first["tokens"], first["cached"], first["headers"]) == (3, None, [["a", "b"]])
    assert first["timestamp"].endswith("Z")
    assert (second["level"], second["note"]) == ("warning", "ключ")


def test_an_entry_for_people_is_one_line_of_time_level_event_and_pairs() -> None:
    stream = set_up("console")
    logger().info("answered", model="gpt-4o", tokens=3, note="two words", empty="", odd="a\nb")
    (line,) = stream.getvalue().splitlines()
    assert line[2] == line[5] == ":"
    assert line[8:] == ' INFO    answered model=gpt-4o tokens=3 note="two words" empty="" odd="a\\nb"'


def test_an_event_with_a_line_break_cannot_look_like_two_entries() -> None:
    stream = set_up("console")
    logger().info("one\n12:00:00 ERROR forged")
    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("form", FORMATS)
def test_less_important_entries_are_left_out(form: Format) -> None:
    stream = set_up(form, "warning")
    logger().info("quiet")
    logger().debug("quiet")
    logging.getLogger("library").info("quiet")
    assert stream.getvalue() == ""
    logger().warning("heard")
    assert "heard" in stream.getvalue()


@pytest.mark.parametrize("form", FORMATS)
def test_other_libraries_are_heard_from_warnings_on(form: Format) -> None:
    stream = set_up(form, "debug")
    logging.getLogger("library").info("quiet")
    logging.getLogger("library").warning("heard %s", "well")
    assert "heard well" in stream.getvalue()
    assert "library" in stream.getvalue()
    assert "quiet" not in stream.getvalue()


@pytest.mark.parametrize("form", FORMATS)
def test_an_exception_is_written_with_its_traceback(form: Format) -> None:
    stream = set_up(form)
    logger().error("caught", exc_info=_raised(ValueError("went wrong")))
    assert "Traceback" in stream.getvalue()
    assert "ValueError: went wrong" in stream.getvalue()


def _raised(error: Exception) -> Exception:
    with pytest.raises(type(error)):
        raise error
    return error


class _Talkative:
    def shown(self) -> str:
        return f"<client with {KEY}>"

    __repr__ = shown


def _in_event(log: FilteringBoundLogger) -> None:
    event = f"key {KEY} refused"
    log.error(event)


def _in_value(log: FilteringBoundLogger) -> None:
    log.error("x", note=f"a{KEY}b", password=SECRETS[1])


def _in_nested_value(log: FilteringBoundLogger) -> None:
    log.error(
        "x", deep={"list": [(1, {KEY: KEY})]}, raw=KEY.encode(), header=[(b"authorization", b"Bearer abcdef")]
    )


def _in_object(log: FilteringBoundLogger) -> None:
    log.error("x", a=_Talkative(), b=Secret(KEY), c=Provider("p", ("gemini",), api_key=KEY), d={KEY})


def _in_name(log: FilteringBoundLogger) -> None:
    log.error("x", **{KEY: 1})


def _in_url(log: FilteringBoundLogger) -> None:
    log.error("x", url="https://host/path?key=abcdef&alt=sse", other="pa%20ss%22w%C3%B6rd")


def _in_exception(log: FilteringBoundLogger) -> None:
    error = RuntimeError({"headers": {"x-api-key": "abcdef"}})
    error.__cause__ = _raised(ValueError(f"401: Incorrect API key provided: {KEY}"))
    error.add_note(f"sent {KEY}")
    log.error("x", error=error, exc_info=_raised(error))


def _in_bound_value(log: FilteringBoundLogger) -> None:
    structlog.contextvars.bind_contextvars(client=KEY)
    log.bind(upstream=KEY).error("x")


def _in_odd_entry(log: FilteringBoundLogger) -> None:
    loop: dict[object, object] = {b"bytes": KEY}
    loop["self"] = loop
    log.error("x", loop=loop)


def _in_library_entry(log: FilteringBoundLogger) -> None:
    library = logging.getLogger("library")
    library.error("sent %s with %r", KEY, {"authorization": "Bearer abcdef"})
    library.error("failed", exc_info=_raised(ValueError(KEY)), extra={"key": KEY})


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "leak",
    [
        _in_event,
        _in_value,
        _in_nested_value,
        _in_object,
        _in_name,
        _in_url,
        _in_exception,
        _in_bound_value,
        _in_odd_entry,
        _in_library_entry,
    ],
)
def test_no_secret_gets_into_a_log(form: Format, leak: Callable[[FilteringBoundLogger], None]) -> None:
    stream = set_up(form)
    leak(logger())
    written = stream.getvalue()
    assert "redacted" in written
    for secret in (KEY, "abcdef", "pa ss", "pa%20ss", "wörd", "w\\u00f6rd"):
        assert secret not in written


def _entries(secret: str) -> st.SearchStrategy[object]:
    """Values of all kinds, some of which hold the secret, and names that may do so too."""
    texts = st.text(max_size=5)
    holding = st.sampled_from([secret, f"a{secret}b", f"'{secret}\"", repr(secret), json.dumps([secret])])
    leaves: st.SearchStrategy[object] = st.one_of(
        holding,
        st.builds(str.encode, holding),
        st.builds(ValueError, holding),
        st.builds(Failure, st.just(FailureKind.SERVER), holding),
        st.integers(),
        st.none(),
        texts,
    )
    return st.recursive(leaves, functools.partial(_nested, names=st.one_of(texts, holding)), max_leaves=6)


def _nested(inner: st.SearchStrategy[object], names: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    return st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(names, inner, max_size=3),
        st.builds(str, inner),
    )


@settings(max_examples=100)
@given(st.data(), st.sampled_from(FORMATS))
def test_a_random_secret_in_a_random_place_never_gets_into_a_log(data: st.DataObject, form: Format) -> None:
    visible = st.characters(min_codepoint=33, max_codepoint=1000, exclude_categories=("C", "Z"))
    secret = data.draw(st.text(visible, min_size=8, max_size=24))
    stream = io.StringIO()
    configure_logging(Log(format=form), [secret], stream)
    entry: dict[str, object] = {"event": data.draw(_entries(secret)), "value": data.draw(_entries(secret))}
    error = data.draw(st.sampled_from([None, ValueError(data.draw(_entries(secret)))]))
    logger().error(str(entry.pop("event")), exc_info=error, **entry)
    logging.getLogger("library").error("sent %s", data.draw(_entries(secret)))
    pieces = re.sub(r"\\+", "", stream.getvalue()).split(MASK)
    bare = secret.replace("\\", "")
    assert not any(bare in piece for piece in pieces)


def test_entries_for_machines_stay_valid_when_secrets_are_taken_out() -> None:
    stream = set_up("json")
    for leak in (_in_event, _in_value, _in_nested_value, _in_object, _in_exception, _in_odd_entry):
        leak(logger())
    assert all(json.loads(line)["event"] for line in stream.getvalue().splitlines())


def test_a_value_that_no_text_can_show_does_not_stop_the_gateway() -> None:
    stream = set_up("json")
    logger().error("x", lone="\udcff", odd={1j: 2}, number=float("inf"))
    assert json.loads(stream.getvalue())["event"] == "x"


def test_the_redactor_that_is_given_back_knows_the_secrets() -> None:
    redactor = configure_logging(Log(), SECRETS, io.StringIO())
    assert redactor.text(f"refused: {KEY}") == "refused: [redacted]"
