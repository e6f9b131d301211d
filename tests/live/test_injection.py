"""What clients and upstreams write to break things reaches logs, the ledger, exports and terminals as plain
text, and forges nothing there.
"""

import csv
import http.client
import io
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from click.testing import CliRunner
from tests.conftest import LiveGateway
from tests.live import command
from tests.live.client import MODELS, Client, Reply
from tests.live.held import ADMIN_KEY, asking, issued, manage
from tests.live.own_gateway import provider, settled
from tests.postgres_server import PostgresServer

from dragoman.cli.main import main
from dragoman.testing.exchange import json_answer
from dragoman.testing.json_value import Object
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

MARK = "FORGED"
HOSTILE = (
    f"'; DROP TABLE requests; -- {MARK}",
    f"' OR '1'='1 {MARK}",
    f"%s %(x)s {{0}} {{x}} $1 :name ? {MARK}",
    f'=HYPERLINK("http://evil.example","{MARK}")',
    f"+cmd|'/c calc'!A1 {MARK}",
    f"-2+3+cmd {MARK}",
    f"@SUM(1+1) {MARK}",
    f"\t=1+1 {MARK}",
    f"\r=1+1 {MARK}",
    f"\n=1+1 {MARK}",
    f'a\n12:00:00 INFO    {MARK} status=200\n{{"event": "{MARK}"}}\n',
    f"a\r\nset-cookie: {MARK}=1\r\n\r\n{MARK}",
    f"\x1b[2J\x1b]0;{MARK}\x07\x1b[31m",
    f"\x9b31m{MARK}\x7f\x85",
    f"a\x00b{MARK}",
    f"\u202e{MARK}\u2066\u200b\u2028",
    f"<script>{MARK}</script>",
    f"${{jndi:ldap://{MARK}}}",
    f"../../../etc/passwd {MARK}",
    f"{MARK} " + "x" * 70_000,
)
"""Texts that mean something to databases, logs, spreadsheets, terminals or pages."""
CONFIG = f"""
[server]
port = 0
[auth]
keys = ["sk-client-0123456789"]
admin_key = "{ADMIN_KEY}"
secret = "0123456789abcdef0123456789abcdef"
[ledger]
bodies = "full"
[retries]
attempts = 1
[health]
cooldown = 0
[log]
level = "debug"
"""


class Scene:
    """A gateway as a process of its own: its log, its store, the commands beside it."""

    def __init__(self, folder: Path, service: command.Service, form: str) -> None:
        self.folder = folder
        self.service = service
        self.form = form
        self.gateway: LiveGateway = service.wait()
        self.asked = 0
        self._read = 0

    def check_log(self) -> str:
        """What was logged since the last look: lines that are each an entry of the gateway's."""
        text = self.service.log[self._read :]
        self._read += len(text)
        lines = text.split("\n")
        assert lines.pop() == ""
        for line in lines:
            assert line.isprintable(), line
            if self.form == "json":
                entry = json.loads(line)
                assert entry.keys() >= {"event", "level", "timestamp"}
                assert MARK not in entry["event"]
            else:
                found = re.match(r"\d\d:\d\d:\d\d (DEBUG|INFO|WARNING) +(.{0,40}?)( \w+=|$)", line)
                assert found, line
                assert MARK not in found[2]
        return text

    def rows(self, **filters: str) -> list[Object]:
        """What the ledger finds."""
        told = manage(self.gateway, "GET", f"/requests?{urlencode({'limit': '500', **filters})}")
        assert told.status == 200, told
        found = told.object["requests"]
        assert isinstance(found, list)
        return [one for one in found if isinstance(one, dict)]

    def run(self, *words: str) -> str:
        """What a command writes, which does nothing to a terminal."""
        home = {"DRAGOMAN_HOME": str(self.folder / "data"), "HOME": str(self.folder)}
        done = CliRunner().invoke(main, [*words, "--config", str(self.folder / "dragoman.toml")], env=home)
        assert done.exit_code == 0, done.output
        for text in (done.stdout, done.stderr):
            assert all(line.isprintable() for line in text.split("\n"))
        return done.stdout


@pytest.fixture(scope="module", params=["sqlite-console", "postgresql-json"])
def scene(
    request: pytest.FixtureRequest, fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """One on each store, and with each form of logs."""
    kind, _, form = str(request.param).partition("-")
    folder = tmp_path_factory.mktemp("scene")
    places = "".join(provider(name, fake_upstream.url, name) for name in MODELS)
    config = f'{CONFIG}format = "{form}"\n{places}'
    with ExitStack() as stack:
        if kind == "postgresql":
            postgres: PostgresServer = request.getfixturevalue("postgres")
            url = stack.enter_context(postgres.database("injection"))
            config += f'[store]\nurl = "{url.reveal()}"\n'
        (folder / "dragoman.toml").write_text(config)
        service = stack.enter_context(command.serving(folder))
        scene = Scene(folder, service, form)
        yield scene
        assert "Traceback" not in service.log


def sent(gateway: LiveGateway, method: str, target: str, body: bytes, headers: dict[str, str]) -> Reply:
    """A request whose header values may hold whatever HTTP can carry."""
    line = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    with closing(line):
        line.putrequest(method, target, skip_accept_encoding=True)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            line.putheader(name, value.encode("utf-8"))
        line.endheaders(body)
        answer = line.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        assert "set-cookie" not in told
        assert all(MARK not in name for name in told)
        return Reply(answer.status, told, answer.read())


def in_header(text: str) -> str:
    """A text as far as a header can carry it."""
    return re.sub(r"[\x00-\x1f\x7f]", " ", text).strip()[:2000]


def hostile_request(client: Client, text: str, *, model: str) -> tuple[str, bytes, dict[str, str]]:
    """A request with a text in every place where a client of the dialect may write one."""
    body = client.request(model, words=text)
    schema: Object = {"type": "object", "properties": {}}
    tool: Object
    match client.name:
        case "openai_chat":
            tool = {"type": "function", "function": {"name": text, "description": text, "parameters": schema}}
            body |= {"user": text, "metadata": {text[:60]: text[:500]}, "tools": [tool], text: text}
        case "openai_responses":
            tool = {"type": "function", "name": text, "description": text, "parameters": schema}
            body |= {"user": text, "metadata": {text[:60]: text[:500]}, "tools": [tool], text: text}
        case "anthropic":
            tool = {"name": text, "description": text, "input_schema": schema}
            body |= {"metadata": {"user_id": text}, "tools": [tool], text: text}
        case _:
            tool = {"functionDeclarations": [{"name": text, "description": text, "parameters": schema}]}
            body |= {"tools": [tool], "labels": {"user": text}, text: text}
    header = in_header(text)
    headers = {
        "content-type": "application/json",
        **client.credentials("sk-client-0123456789"),
        **dict.fromkeys(("x-request-id", "user-agent", "anthropic-beta", "openai-organization"), header),
    }
    asked = client.ask(quote(model, safe="") if client.name == "gemini" else model, body=body)
    target = f"{asked.target}?{urlencode({'x': text[:2000]})}"
    return target, asked.body, headers


@pytest.mark.parametrize("name", list(MODELS))
def test_no_text_of_a_client_gets_out_of_its_place(scene: Scene, name: str, fake: FakeServer) -> None:
    client = Client(name, scene.gateway)
    before = {str(row["request_id"]) for row in scene.rows(dialect=name)}
    count = 0
    for text in HOSTILE:
        short = text[:3000] if name == "gemini" else text  # a path is no place for more
        for model in (short, f"{name}/{short}", f"{name}/{MODELS[name]}"):
            target, body, headers = hostile_request(client, text, model=model)
            reply = sent(scene.gateway, "POST", target, body, headers)
            assert reply.status < 500, reply
            assert reply.headers["x-request-id"].startswith("req_")
            count += 1
    assert settled(
        lambda: len({str(row["request_id"]) for row in scene.rows(dialect=name)} - before) == count
    )
    scene.check_log()


def test_no_key_or_path_of_a_client_gets_out_of_its_place(scene: Scene) -> None:
    for text in HOSTILE:
        for header in ("authorization", "x-api-key", "x-goog-api-key", "api-key"):
            value = f"Bearer {in_header(text)}" if header == "authorization" else in_header(text)
            reply = sent(scene.gateway, "GET", "/v1/models", b"", {header: value})
            assert reply.status == 401
            assert MARK not in reply.body.decode()
        shown = quote(text[:2000], safe="")
        for target in (
            f"/v1/models?key={shown}",
            f"/{shown}",
            f"/v1/responses/{shown}",
            f"/v1/models/{shown}",
        ):
            reply = sent(scene.gateway, "GET", target, b"", {"x-api-key": "sk-client-0123456789"})
            assert reply.status in {200, 400, 401, 404}, (target, reply)
    scene.check_log()


@pytest.mark.parametrize("name", list(MODELS))
def test_no_text_of_an_upstream_gets_out_of_its_place(scene: Scene, name: str, fake: FakeServer) -> None:
    client = Client(name, scene.gateway)
    for text in HOSTILE:
        error: Object = {
            "error": {"message": text, "type": text, "code": text, "status": text, "param": text}
        }
        ids = dict.fromkeys(
            ("x-request-id", "request-id"), "".join(filter(str.isascii, in_header(text)))[:200]
        )
        ids = {key: re.sub(r"[\x01-\x1f\x7f]", "?", value) for key, value in ids.items()}
        for status in (400, 404, 429, 500):
            body = json.dumps(error).encode()
            fake.script.add(Scripted(json_answer(status, body, ids), checked=False))
            ask = asking(client, f"{name}/{MODELS[name]}", "sk-client-0123456789", stream=False)
            reply = sent(scene.gateway, ask.method, ask.target, ask.body, ask.headers)
            assert reply.status >= 400
    fake.script.clear()
    scene.check_log()


def test_the_ledger_finds_and_shows_hostile_texts_as_text(scene: Scene) -> None:
    client = Client("openai_chat", scene.gateway)
    everything = len(scene.rows())
    for text in HOSTILE[:12]:
        target, body, headers = hostile_request(client, text, model=f"searched {text}")
        sent(scene.gateway, "POST", target, body, headers)
        asked = {"limit": "500", "model": f"searched {text}"}
        told = manage(scene.gateway, "GET", f"/requests?{urlencode(asked)}")
        if f"searched {text}".isprintable():
            assert settled(lambda asked=asked["model"]: len(scene.rows(model=asked)) >= 1)
            (found,) = {str(row["model"]) for row in scene.rows(model=asked["model"])}
            assert found == f"searched {text}"
        else:
            assert told.status == 400
        for parameter in ("text", "key", "team", "owner", "route", "target"):
            told = manage(scene.gateway, "GET", f"/requests?{urlencode({parameter: f'no {text}'})}")
            assert told.status == 400 or told.object["requests"] == [], (parameter, text)
    assert len(scene.rows()) >= min(everything, 500)


def test_terminals_and_spreadsheets_get_text_only(scene: Scene) -> None:
    client = Client("openai_chat", scene.gateway)
    for text in HOSTILE:
        target, body, headers = hostile_request(client, text, model=text)
        sent(scene.gateway, "POST", target, body, headers)
    assert settled(lambda: any(HOSTILE[0] == row["model"] for row in scene.rows()))
    listed = scene.run("ledger", "search", "--limit", "500")
    assert MARK in listed
    for options in ((), ("--json",)):
        scene.run("ledger", "show", str(scene.rows()[0]["request_id"]), *options)
    scene.run("ledger", "search", "--limit", "500", "--json")
    for by in ("key", "team", "route", "target"):
        scene.run("ledger", "costs", "--by", by)

    def exported() -> int:
        return len(scene.run("store", "export", "--format", "jsonl").splitlines())

    # rows come in for a moment after their answers
    assert settled(lambda: exported() == exported())
    count = exported()
    table = list(csv.reader(io.StringIO(scene.run("store", "export", "--format", "csv"), newline="")))
    assert len(table) == count + 1
    assert {len(row) for row in table} == {len(table[0])}
    for row in table[1:]:
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")), cell
    issued(scene.gateway, HOSTILE[3][:100])
    assert "=HYPERLINK" in scene.run("keys", "list")
    scene.run("teams", "list")
