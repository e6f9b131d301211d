"""Statements 29 to 32: pictures, documents and sound, unharmed and only where they are taken."""

import base64
import contextlib
import http.server
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.live.client import Reply
from tests.statements.asking import (
    CLIENTS,
    MODELS,
    A,
    C,
    G,
    House,
    R,
    conversation,
    every_client,
    every_pair,
    foreign_pairs,
    pieces,
)

from dragoman.testing.json_value import JSON, Object
from dragoman.testing.server import FakeServer


def encoded(*beginning: bytes) -> str:
    """A file that begins like this, in base64; its end shows every letter of the alphabet."""
    return base64.b64encode(b"".join(beginning) + bytes(range(256))).decode()


PNG = encoded(b"\x89PNG\r\n\x1a\n")
JPEG = encoded(b"\xff\xd8\xff\xe0")
WEBP = encoded(b"RIFF\x10\0\0\0WEBPVP8 ")
GIF = encoded(b"GIF89a")
BMP = encoded(b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0")
HEIC = encoded(b"\0\0\0\x18ftypheic")
SVG = base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg"/>').decode()
PDF = encoded(b"%PDF-1.7\n")
WAV = encoded(b"RIFF\x10\0\0\0WAVEfmt ")
MP4 = encoded(b"\0\0\0\x18ftypisom")


class Media(NamedTuple):
    """A file, and what it is said to be: `data` in base64, or a `url`."""

    media_type: str
    data: str = ""
    url: str = ""


def written(client: str, media: Media) -> Object:
    """A part, block or the like in a client's words."""
    place = media.url or f"data:{media.media_type};base64,{media.data}"
    kind = media.media_type.partition("/")[0]
    match client, kind:
        case "openai_chat", "image":
            return {"type": "image_url", "image_url": {"url": place}}
        case "openai_chat", "audio":
            sound: Object = {"format": media.media_type.partition("/")[2], "data": media.data}
            return {"type": "input_audio", "input_audio": sound}
        case "openai_chat", _:
            return {"type": "file", "file": {"filename": "a.pdf", "file_data": place}}
        case "openai_responses", "image":
            return {"type": "input_image", "image_url": place}
        case "openai_responses", _ if media.url:
            return {"type": "input_file", "file_url": place}
        case "openai_responses", _:
            return {"type": "input_file", "filename": "a.pdf", "file_data": place}
        case "anthropic", _:
            source: Object = {"type": "base64", "media_type": media.media_type, "data": media.data}
            if media.url:
                source = {"type": "url", "url": media.url}
            return {"type": "image" if kind == "image" else "document", "source": source}
        case _ if media.url:
            return {"fileData": {"fileUri": media.url, "mimeType": media.media_type}}
        case _:
            return {"inlineData": {"mimeType": media.media_type, "data": media.data}}


def showing(client: str, *media: Media) -> Object:
    """A request with nothing but files, in one turn."""
    parts: list[JSON] = [written(client, one) for one in media]
    name = {R: "input", G: "contents"}.get(client, "messages")
    turn: Object = {"role": "user", ("parts" if client == G else "content"): parts}
    turns: list[JSON] = [turn]
    return {**conversation(client), name: turns}


def places(client: str, number: int = 0) -> str:
    """Where a file stands in `showing`."""
    turn = {R: "input[0].content", G: "contents[0].parts"}.get(client, "messages[0].content")
    return f"{turn}[{number}]"


def received(house: House, upstream: str) -> list[Object]:
    """The parts and blocks that an upstream received, names of documents left out."""
    found: list[Object] = []
    for _, piece in pieces(upstream, house.received):
        assert isinstance(piece, dict)
        content = piece.get("content")
        found += [one for one in content if isinstance(one, dict)] if isinstance(content, list) else [piece]
    return [one for one in found if "text" not in one]


def expected(upstream: str, media: Media) -> Object:
    """What an upstream should get."""
    made = written(upstream, media)
    if upstream == C and isinstance(file := made.get("file"), dict):
        file["filename"] = "document.pdf"
    if upstream == R and "filename" in made:
        made["filename"] = "document.pdf"
    return made


def refused(house: House, reply: Reply, client: str, place: str) -> str:
    """The message of a refusal by the gateway, which names a place; nothing was sent."""
    assert reply.status == 400, reply
    assert house.count == 0
    error = reply.object["error"]
    assert isinstance(error, dict)
    message = str(error["message"])
    if client in {C, R}:
        assert error["param"] == place
    else:
        assert message.startswith(f"'{place}': ")
    return message


@foreign_pairs
@pytest.mark.parametrize(
    "media", [Media("image/png", PNG), Media("image/jpeg", JPEG), Media("image/webp", WEBP)]
)
def test_statement_029_pictures_keep_every_byte(
    house: House, client: str, upstream: str, media: Media
) -> None:
    house.send(client, MODELS[upstream], showing(client, media))
    assert received(house, upstream) == [expected(upstream, media)]


@foreign_pairs
def test_statement_029_documents_keep_every_byte(house: House, client: str, upstream: str) -> None:
    media = Media("application/pdf", PDF)
    house.send(client, MODELS[upstream], showing(client, media))
    (found,) = received(house, upstream)
    named = str(expected(upstream, media)).replace("document.pdf", "a.pdf")
    without_title = {name: value for name, value in found.items() if name != "title"}
    assert str(without_title) in {str(expected(upstream, media)), named}


@pytest.mark.parametrize(("client", "upstream"), [(C, G), (G, C)])
def test_statement_029_sound_keeps_every_byte(house: House, client: str, upstream: str) -> None:
    house.send(client, MODELS[upstream], showing(client, Media("audio/wav", WAV)))
    assert received(house, upstream) == [written(upstream, Media("audio/wav", WAV))]


def test_statement_029_googles_other_alphabet_of_base64_is_put_right(house: House) -> None:
    data = PNG.replace("+", "-").replace("/", "_").rstrip("=")
    house.send(G, MODELS[A], showing(G, Media("image/png", data)))
    assert received(house, A) == [written(A, Media("image/png", PNG))]


@foreign_pairs
@pytest.mark.parametrize("told", ["image/jpeg", "image/gif", "image/bmp", "image/JPG"])
def test_statement_030_a_picture_is_what_its_bytes_say(
    house: House, client: str, upstream: str, told: str
) -> None:
    house.send(client, MODELS[upstream], showing(client, Media(told, PNG)))
    assert received(house, upstream) == [expected(upstream, Media("image/png", PNG))]


@pytest.mark.parametrize("upstream", [R, A, G])
def test_statement_030_a_picture_without_any_type_is_what_its_bytes_say(house: House, upstream: str) -> None:
    part: Object = {"type": "image_url", "image_url": {"url": f"data:;base64,{PNG}"}}
    turns: list[JSON] = [{"role": "user", "content": [part]}]
    house.send(C, MODELS[upstream], {"messages": turns})
    assert received(house, upstream) == [expected(upstream, Media("image/png", PNG))]


REFUSED = {
    C: [("image/bmp", BMP), ("image/heic", HEIC), ("image/svg+xml", SVG), ("image/png", BMP)],
    R: [("image/bmp", BMP), ("image/heic", HEIC), ("image/svg+xml", SVG), ("image/png", BMP)],
    A: [("image/bmp", BMP), ("image/heic", HEIC), ("image/svg+xml", SVG), ("image/png", BMP)],
    G: [("image/bmp", BMP), ("image/gif", GIF), ("image/svg+xml", SVG), ("image/png", GIF)],
}
"""Pictures that each vendor does not take, one of them under a false name."""


@foreign_pairs
def test_statement_030_kinds_of_pictures_that_are_not_taken_are_refused_by_place(
    house: House, client: str, upstream: str
) -> None:
    for told, data in REFUSED[upstream]:
        body = showing(client, Media("image/png", PNG), Media(told, data))
        message = refused(house, house.ask(client, MODELS[upstream], body), client, places(client, 1))
        assert "images are not accepted: send JPEG, PNG, " in message
    taken = Media("image/heic", HEIC) if upstream == G else Media("image/gif", GIF)
    house.send(client, MODELS[upstream], showing(client, taken))
    assert received(house, upstream) == [expected(upstream, taken)]


class Web(NamedTuple):
    """A web server, and the paths that it was asked for."""

    url: str
    asked: list[str]


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    """A place with a picture, one that is too large, a redirect in circles, and an answer that is late."""
    asked: list[str] = []
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path == "/slow":
                over.wait(5)
            if self.path == "/away":
                self.send_response(302)
                self.send_header("location", "/away")
                self.end_headers()
                return
            data = base64.b64decode(PNG) + (bytes(5000) if self.path == "/large" else b"")
            self.send_response(200)
            self.send_header("content-type", "text/plain")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(data)

        def log_request(  # pyright: ignore[reportImplicitOverride] - `typing.override` begins with Python 3.12
            self, code: int | str = "-", size: int | str = "-"
        ) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Web(f"http://127.0.0.1:{server.server_address[1]}", asked)
        over.set()
        server.shutdown()
        thread.join()


PROVIDER = """
[providers.{dialect}]
dialect = "{dialect}"
base_url = "{url}"
api_key = "{key}"
remote_media = {remote}
"""


@contextlib.contextmanager
def fetching(fake: FakeServer, folder: Path, media: str, *, remote: bool = False) -> Generator[House]:
    """A gateway whose upstreams take no URLs, unless `remote`; `media` is what its configuration says."""
    providers = [
        PROVIDER.format(
            dialect=dialect,
            url=fake.url + ("/v1" if dialect in {C, R} else ""),
            key=UPSTREAM_KEY,
            remote=str(remote).lower(),
        )
        for dialect in CLIENTS
    ]
    head = f'[server]\nport = 0\n[auth]\nkeys = ["{CLIENT_KEY}"]\n[media]\n{media}\n'
    with serving(head + "".join(providers), folder) as running:
        yield House(running, fake)


@pytest.fixture(scope="module")
def fetcher(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    """A gateway that fetches also from this machine, a little and not for long."""
    limits = "allow_private = true\nmax_bytes = 2048\ntimeout = 0.5"
    with fetching(fake_upstream, tmp_path_factory.mktemp("fetcher"), limits) as house:
        yield house.gateway


@every_pair
def test_statement_031_what_an_upstream_cannot_fetch_is_fetched_for_it(
    fetcher: LiveGateway, fake: FakeServer, web: Web, client: str, upstream: str
) -> None:
    house = House(fetcher, fake)
    house.send(client, MODELS[upstream], showing(client, Media("image/jpeg", url=f"{web.url}/a.jpg")))
    assert received(house, upstream) == [written(upstream, Media("image/png", PNG))]


@foreign_pairs
def test_statement_031_an_upstream_that_fetches_gets_the_url(
    house: House, client: str, upstream: str
) -> None:
    media = Media("image/png", url="https://example.com/a.png")
    house.send(client, MODELS[upstream], showing(client, media))
    assert received(house, upstream) == [written(upstream, media)]


@every_client
@pytest.mark.parametrize(
    ("path", "problem"),
    [("/large", "2048"), ("/slow", "it took longer than 0.5 seconds"), ("/away", "redirects more than 3")],
)
def test_statement_031_what_is_fetched_is_bounded(
    fetcher: LiveGateway, fake: FakeServer, web: Web, client: str, path: str, problem: str
) -> None:
    """Where a redirect leads is judged like any URL: tests/upstream shows that with addresses of its own."""
    web.asked.clear()
    house = House(fetcher, fake)
    body = showing(client, Media("image/png", url=web.url + path))
    reply = house.ask(client, MODELS[A if client != A else C], body)
    assert reply.status == 400
    assert problem in reply.body.decode()
    assert house.count == 0
    assert len(web.asked) == (4 if path == "/away" else 1)


@pytest.mark.parametrize(
    "url",
    [
        "{web}/a.png",
        "http://localhost:80/a.png",
        "http://[::1]/a.png",
        "http://2130706433/a.png",
        "http://10.0.0.1/a.png",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:127.0.0.1]/a.png",
        "http://user:secret@example.com/a.png",
    ],
)
def test_statement_031_the_inside_of_the_network_is_never_asked(
    fake: FakeServer, tmp_path: Path, web: Web, url: str
) -> None:
    web.asked.clear()
    with fetching(fake, tmp_path, "timeout = 5") as house:
        body = showing(C, Media("image/png", url=url.format(web=web.url)))
        refused(house, house.ask(C, MODELS[A], body), C, places(C))
    assert web.asked == []


@every_pair
def test_statement_031_nothing_is_fetched_where_that_is_turned_off(
    switched_off: LiveGateway, fake: FakeServer, web: Web, client: str, upstream: str
) -> None:
    web.asked.clear()
    house = House(switched_off, fake)
    media = Media("image/png", url=f"{web.url}/a.png")
    reply = house.ask(client, MODELS[upstream], showing(client, media))
    refused(house, reply, client, places(client))
    assert web.asked == []


@pytest.fixture(scope="module")
def switched_off(
    fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveGateway]:
    with fetching(fake_upstream, tmp_path_factory.mktemp("off"), "fetch = false") as house:
        yield house.gateway


@pytest.mark.parametrize(
    ("client", "upstream", "media"),
    [
        (client, upstream, media)
        for client, media in (
            (C, Media("audio/wav", WAV)),
            (G, Media("audio/wav", WAV)),
            (G, Media("video/mp4", MP4)),
            (G, Media("video/mp4", url="https://www.youtube.com/watch?v=abc")),
        )
        for upstream in CLIENTS
        if client != upstream
        and not (upstream == G or (upstream == C and media.media_type.startswith("audio/")))
    ],
)
def test_statement_032_sound_and_film_are_refused_where_they_are_not_taken(
    house: House, client: str, upstream: str, media: Media
) -> None:
    refused(house, house.ask(client, MODELS[upstream], showing(client, media)), client, places(client))
