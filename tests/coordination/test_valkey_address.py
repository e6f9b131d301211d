"""How the URL of a Valkey server is read."""

import pytest

from dragoman.config.secret import Secret
from dragoman.coordination.valkey_address import parse_valkey_url


@pytest.mark.parametrize(
    ("scheme", "tls"), [("valkey", False), ("redis", False), ("valkeys", True), ("rediss", True)]
)
def test_four_schemes_say_whether_there_is_tls(scheme: str, tls: bool) -> None:
    address = parse_valkey_url(Secret(f"{scheme}://cache.example"))
    assert (address.host, address.port, address.database, address.tls) == ("cache.example", 6379, 0, tls)
    assert address.username is address.password is None


def test_port_database_and_login_are_read() -> None:
    address = parse_valkey_url(Secret("valkey://gate:p%40ss%2Fword@[::1]:7000/3"))
    assert (address.host, address.port, address.database) == ("::1", 7000, 3)
    assert address.username == "gate"
    assert address.password is not None
    assert address.password.reveal() == "p@ss/word"
    assert address.where == "[::1]:7000/3"
    assert "p@ss" not in repr(address)


def test_a_password_needs_no_user() -> None:
    address = parse_valkey_url(Secret("redis://:hush@cache"))
    assert address.username is None
    assert address.password is not None
    assert address.password.reveal() == "hush"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://:hush@cache", "must begin with one of valkey://"),
        ("unix:///hush", "must begin with one of"),
        ("hush", "must begin with one of"),
        ("valkey://", "names no host"),
        ("valkey://:hush@", "names no host"),
        ("valkey://:hush/more@cache:6379", "host or port is not valid"),
        ("valkey://:hush@cache:99999", "host or port is not valid"),
        ("valkey://:hush@[::1", "host or port is not valid"),
        ("valkey://cache/hush", "number of a database"),
        ("valkey://cache/0/hush", "number of a database"),
        ("valkey://cache/²", "number of a database"),
        ("valkey://cache/0?password=hush", r"no `\?`"),
        ("valkey://cache/0#hush", "no `#`"),
    ],
)
def test_a_url_of_no_server_is_refused_without_being_shown(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as raised:
        parse_valkey_url(Secret(url))
    assert "hush" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
