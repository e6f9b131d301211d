"""Which URLs are fetched, as far as their text tells."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.upstream.media_url import MAX_LENGTH, RefusedURLError, checked_url, literal_address


def refused(text: str, *, allow_private: bool = False) -> str:
    with pytest.raises(RefusedURLError) as raised:
        checked_url(text, allow_private=allow_private)
    return f"{raised.value.host} {raised.value}".strip()


@pytest.mark.parametrize(
    "text",
    [
        "http://pictures.example/a.png",
        "https://pictures.example:443/a.png",
        "HTTPS://PICTURES.example:80/",
        "https://pictures.example",
        "https://8.8.8.8/a.png",
        "https://[2606:4700::1111]/a.png",
        "https://größe.example/ä b.png".replace(" ", "%20"),
        "https://7.example/",
        "https://pictures.example./",
    ],
)
def test_ordinary_urls_are_fetched(text: str) -> None:
    assert checked_url(text, allow_private=False).raw_host


def test_a_signed_url_goes_out_as_it_is_written() -> None:
    text = "https://store.example/a%2fb%7E(1)/%E2%82%AC.png?X-Sig=a%2Bb%2f+c==&X-Date=1;2&empty="
    assert str(checked_url(text, allow_private=False)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pictures.example/a.png",
        "//pictures.example/a",
        "file:///etc/passwd",
        "ftp://pictures.example/",
        "data:image/png;base64,AAAA",
        "gs://bucket/a.png",
        "javascript:alert(1)",
        "unix:///run/docker.sock",
    ],
)
@pytest.mark.parametrize("allow_private", [False, True])
def test_only_http_and_https_are_spoken(text: str, allow_private: bool) -> None:
    assert refused(text, allow_private=allow_private) == "must begin with http:// or https://"


@pytest.mark.parametrize(
    "text",
    [
        "http://pictures.example/ a",
        "http://pictures.example\\@127.0.0.1/",
        "http://pictures.example/\r\nHost: a",
        "http://\tpictures.example/",
        "\nhttp://pictures.example/",
        "http://pictures.example/\x7f",
    ],
)
def test_characters_that_parsers_disagree_about_are_refused(text: str) -> None:
    assert refused(text) == "holds spaces, control characters or backslashes"


@pytest.mark.parametrize("text", ["http://a:b", "http://a:99999/", "http://[::1", "http://a:-1/"])
def test_what_is_no_url_is_refused(text: str) -> None:
    assert refused(text) == "is not valid"


@pytest.mark.parametrize("text", ["http://", "http:///a", "https://?a", "http://" + "a." * 127 + "example/"])
def test_a_url_needs_a_host(text: str) -> None:
    assert refused(text) == "names no host"


def test_a_url_has_a_longest_length() -> None:
    start = "https://pictures.example/"
    checked_url(start + "a" * (MAX_LENGTH - len(start)), allow_private=False)
    assert refused(start + "a" * (MAX_LENGTH - len(start) + 1)) == "is longer than 8192 characters"


@pytest.mark.parametrize("login", ["user@", "user:secret@", ":secret@", "pictures.example:80@"])
@pytest.mark.parametrize("allow_private", [False, True])
def test_logins_are_refused_and_not_shown(login: str, allow_private: bool) -> None:
    message = refused(f"https://{login}127.0.0.1/", allow_private=allow_private)
    assert message == "127.0.0.1 holds a user name or a password"


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0X7F.1",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "127.0.0.1.",
        "0",
        "0x",
        "1.2.3.4.5",
        "256.256.256.256",
        "017700000001",
        "127.0.0.0x1",
        "evil.example.0x7f",
        "localhost.1",
        "08.8.8.8",
    ],
)
@pytest.mark.parametrize("allow_private", [False, True])
def test_addresses_in_any_other_spelling_are_refused(host: str, allow_private: bool) -> None:
    expected = f"{host} has an address that is not written as four decimal numbers"
    assert refused(f"http://{host}/", allow_private=allow_private) == expected


def test_full_width_digits_are_the_address_that_they_mean() -> None:
    url = checked_url("http://127。0。0。1/", allow_private=False)
    assert str(literal_address(url.raw_host or "")) == "127.0.0.1"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "a.localhost", "a.LocalHost."])
def test_localhost_is_refused_under_all_its_names(host: str) -> None:
    assert refused(f"http://{host}/").endswith("has no address on the public Internet")
    checked_url(f"http://{host}/", allow_private=True)


@pytest.mark.parametrize("port", [0, 22, 81, 442, 6379, 8080, 65535])
def test_other_ports_are_for_private_addresses_only(port: int) -> None:
    assert refused(f"http://pictures.example:{port}/") == "pictures.example has a port other than 80 and 443"
    checked_url(f"http://pictures.example:{port}/", allow_private=True)


@given(
    st.one_of(st.text(max_size=40), st.text(max_size=40).map(lambda text: "http://" + text)), st.booleans()
)
@settings(max_examples=100)
def test_any_text_is_taken_or_refused(text: str, allow_private: bool) -> None:
    try:
        url = checked_url(text, allow_private=allow_private)
    except RefusedURLError:
        return
    assert url.scheme in ("http", "https")
    assert url.raw_host
