"""The real command in an empty home: it starts, makes one key, says what to do, and serves."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conftest import CLIENT_KEY, CONFIG, ROUTES, UPSTREAM_KEY
from tests.live.client import Client
from tests.live.command import Service, run, serving
from tests.live.raw_upstream import saying

from dragoman.testing.json_value import JSON, Object
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

KEY = re.compile(r"sk-[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def first(home: Path) -> Iterator[Service]:
    """A first start, which runs through all tests here."""
    with serving(home) as service:
        service.wait()
        yield service


@pytest.fixture(scope="module")
def key(first: Service) -> str:
    (found,) = set(KEY.findall(first.output))
    return found


@pytest.fixture(params=list(ROUTES))
def newcomer(request: pytest.FixtureRequest, first: Service, key: str) -> Client:
    """A client of each dialect with the key that was shown."""
    return Client(request.param, first.wait()._replace(key=key))


def test_a_first_start_says_in_a_few_lines_all_that_one_needs(first: Service, key: str) -> None:
    lines = first.output.splitlines()
    assert len(lines) <= 6
    assert re.fullmatch(r"dragoman \S+ on http://127\.0\.0\.1:\d+", lines[0])
    assert any("demo" in line for line in lines)
    assert sum(key in line for line in lines) == 2
    assert first.log == ""


def test_the_curl_line_works_as_it_stands(first: Service) -> None:
    (line,) = [line for line in first.output.splitlines() if line.startswith("curl ")]
    done = subprocess.run(["sh", "-c", f"{line} -sS"], capture_output=True, timeout=10, check=True)
    answer: Object = json.loads(done.stdout)
    assert answer["object"] == "chat.completion"
    assert "demo model" in done.stdout.decode()


DATABASE = {"dragoman.db", "dragoman.db-wal", "dragoman.db-shm"}


def test_only_a_hash_of_the_key_is_kept(home: Path, key: str, first: Service) -> None:
    assert first.output
    files = [path for path in (home / "data").glob("*") if path.is_file()]
    assert {path.name for path in files} - {"client-keys.json"} <= DATABASE
    files = [path for path in files if path.name == "client-keys.json"]
    assert files[0].stat().st_mode & 0o077 == 0
    kept = files[0].read_bytes()
    assert key.encode() not in kept
    assert key[3:].encode() not in kept
    assert len(json.loads(kept)["keys"][0]["sha256"]) == 64
    everywhere = [path for path in home.rglob("*") if path.is_file() and not path.name.startswith("stdout")]
    assert all(key.encode() not in path.read_bytes() for path in everywhere)


def test_the_demo_model_answers_in_every_dialect(newcomer: Client, stream: bool) -> None:
    reply = newcomer.get("demo", stream=stream)
    assert reply.status == 200
    assert "demo model" in newcomer.words(reply)
    check(newcomer, reply.body, stream=stream)


def check(client: Client, body: bytes, *, stream: bool) -> None:
    assert (client.grammar.check_stream(body) if stream else client.grammar.check_response(body)) == []


SCHEMA: Object = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}


def with_tool(client: Client, *, stream: bool) -> Object:
    body = client.request("demo", stream=stream, words="What is the weather in Oslo?")
    tool: Object = {"name": "get_weather", "description": "The weather in a city."}
    match client.name:
        case "openai_chat":
            tools: JSON = [{"type": "function", "function": {**tool, "parameters": SCHEMA}}]
        case "openai_responses":
            tools = [{"type": "function", **tool, "parameters": SCHEMA, "strict": True}]
        case "anthropic":
            tools = [{**tool, "input_schema": SCHEMA}]
        case _:
            tools = [{"functionDeclarations": [{**tool, "parametersJsonSchema": SCHEMA}]}]
    return {**body, "tools": tools}


def with_schema(client: Client, *, stream: bool) -> Object:
    body = client.request("demo", stream=stream, words="Give me the weather in Oslo as JSON.")
    match client.name:
        case "openai_chat":
            named: JSON = {"name": "weather", "schema": SCHEMA, "strict": True}
            return {**body, "response_format": {"type": "json_schema", "json_schema": named}}
        case "openai_responses":
            form: JSON = {"type": "json_schema", "name": "weather", "schema": SCHEMA, "strict": True}
            return {**body, "text": {"format": form}}
        case "anthropic":
            return {**body, "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
        case _:
            wanted: JSON = {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
            return {**body, "generationConfig": wanted}


def test_the_demo_model_calls_tools_in_every_dialect(newcomer: Client, stream: bool) -> None:
    reply = newcomer.get("demo", stream=stream, body=with_tool(newcomer, stream=stream))
    assert reply.status == 200
    assert b"get_weather" in reply.body
    mark = {
        "openai_chat": b'"tool_calls"',
        "openai_responses": b'"function_call"',
        "anthropic": b'"tool_use"',
        "gemini": b'"functionCall"',
    }
    assert mark[newcomer.name] in reply.body
    check(newcomer, reply.body, stream=stream)


def test_the_demo_model_keeps_to_a_schema_in_every_dialect(newcomer: Client, stream: bool) -> None:
    reply = newcomer.get("demo", stream=stream, body=with_schema(newcomer, stream=stream))
    assert reply.status == 200
    told: Object = json.loads(newcomer.words(reply))
    assert told.keys() == {"city", "degrees"}
    assert isinstance(told["degrees"], int)
    check(newcomer, reply.body, stream=stream)


def test_without_the_key_nothing_is_served(newcomer: Client) -> None:
    ask = newcomer.ask("demo")
    reply = newcomer.send(ask._replace(headers={"content-type": "application/json"}))
    assert reply.status == 401
    newcomer.read_error(reply)


def test_a_second_start_shows_no_key_and_the_first_still_works(home: Path, key: str) -> None:
    with serving(home) as second:
        gateway = second.wait()
        assert KEY.search(second.output + second.log) is None
        assert len(second.output.splitlines()) <= 6
        assert Client("openai_chat", gateway._replace(key=key)).get("demo").status == 200
        assert Client("openai_chat", gateway._replace(key="sk-" + "x" * 43)).get("demo").status == 401


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_gateway_that_is_told_to_stop_ends_cleanly_and_soon(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as service:
        gateway = service.wait()
        (shown,) = set(KEY.findall(service.output))
        assert Client("anthropic", gateway._replace(key=shown)).get("demo", stream=True).status == 200
        began = time.monotonic()
        assert service.stop(number) == 0
        assert time.monotonic() - began < 3
        assert "Traceback" not in service.log + service.output


def test_answers_on_their_way_are_finished_before_the_end(tmp_path: Path, fake_upstream: FakeServer) -> None:
    config = CONFIG.format(url=fake_upstream.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    (tmp_path / "dragoman.toml").write_text(config)
    fake_upstream.script.clear()
    fake_upstream.script.add(Scripted(saying("one two three four five six seven eight"), pace=0.1))
    with serving(tmp_path) as service, ThreadPoolExecutor(1) as pool:
        client = Client("openai_chat", service.wait())
        coming = pool.submit(client.get, "sonnet", stream=True)
        while not fake_upstream.script.received:
            time.sleep(0.01)
        time.sleep(0.1)
        assert service.stop(signal.SIGTERM) == 0
        reply = coming.result()
        assert client.stream_error(reply) is None
        assert client.words(reply).endswith("eight")


@pytest.mark.parametrize(
    ("variables", "listed"),
    [
        ({"OPENAI_API_KEY": "sk-openai"}, ["openai"]),
        ({"ANTHROPIC_API_KEY": "sk-anthropic", "GEMINI_API_KEY": "AIza-gemini"}, ["anthropic", "gemini"]),
        (
            {"GOOGLE_API_KEY": "AIza-google", "GROQ_API_KEY": "gsk-q", "OPENAI_API_KEY": ""},
            ["gemini", "groq"],
        ),
    ],
)
def test_providers_whose_keys_are_set_are_there(
    tmp_path: Path, variables: dict[str, str], listed: list[str]
) -> None:
    with serving(tmp_path, **variables) as service:
        gateway = service.wait()
        (line,) = [line for line in service.output.splitlines() if line.startswith("providers: ")]
        assert line == f"providers: {', '.join(listed)}"
        (shown,) = set(KEY.findall(service.output))
        reply = Client("openai_chat", gateway._replace(key=shown)).get("demo")
        assert reply.status == 404
    for secret in filter(None, variables.values()):
        assert secret not in service.log + service.output


def test_a_taken_port_is_said_in_one_line_and_costs_no_key(first: Service, tmp_path: Path) -> None:
    port = str(first.wait().port)
    done = run(tmp_path, "serve", "--port", port)
    assert done.returncode == 2
    assert re.fullmatch(rf"Cannot listen on 127\.0\.0\.1:{port}: Address already in use\..*\n", done.stderr)
    assert done.stdout == ""
    with serving(tmp_path) as service:
        service.wait()
        assert KEY.search(service.output)


WRONG_FILES = {
    "key": (
        '[providers.openai]\nbase_url = "http://127.0.0.1:1/v1"\napi_kee = "x"\n',
        3,
        "providers.openai.api_kee",
    ),
    "type": ("[server]\n\nport = 'many'\n", 3, "server.port"),
    "range": ("[timeouts]\nfirst_event = -1\n", 2, "timeouts.first_event"),
    "section": ("[sever]\nport = 1\n", 1, "sever"),
    "provider": ('[routes.fast]\ntargets = ["nowhere/gpt"]\n', 2, "routes.fast.targets[0]"),
    "target": ('[providers.demo]\n[routes.fast]\ntargets = ["gpt"]\n', 3, "routes.fast.targets[0]"),
    "variable": ('[auth]\nkeys = ["$NOT_SET_ANYWHERE"]\n', 2, "auth.keys[0]"),
}


@pytest.mark.parametrize(("text", "line", "place"), WRONG_FILES.values(), ids=WRONG_FILES)
@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_wrong_file_is_refused_with_its_line_and_key(
    tmp_path: Path, command: str, text: str, line: int, place: str
) -> None:
    (tmp_path / "my.toml").write_text(text)
    done = run(tmp_path, command, "--config", "my.toml")
    assert done.returncode == 2
    assert done.stderr.startswith(f"my.toml:{line}: {place}: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "data").exists()


def test_a_file_that_is_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "dragoman.toml").write_text("[server]\nport = = 1\n")
    done = run(tmp_path, "check")
    assert done.returncode == 2
    assert done.stderr.startswith("dragoman.toml:2: ")


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    done = run(tmp_path, "check", "--config", "elsewhere.toml")
    assert done.returncode == 2
    assert "elsewhere.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_good_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "dragoman.toml").write_text(
        '[providers.demo]\n[providers.mine]\ndialect = "anthropic"\nbase_url = "http://127.0.0.1:1"\n'
        'api_key = "sk-very-secret"\n[routes.fast]\ntargets = ["mine/x", "demo/demo"]\n'
    )
    done = run(tmp_path, "check")
    assert done.returncode == 0, done.stderr
    assert "route fast: mine/x, then demo/demo" in done.stdout
    assert "sk-very-secret" not in done.stdout + done.stderr
