"""What `docs/management.md` and `docs/keys.md` say to type works, in the order in which it stands there."""

import json
import re
import shlex
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from tests.conftest import LiveGateway, serving
from tests.live.client import Client
from tests.live.command import COMMAND, environment
from tests.live.held import ADMIN_KEY, asking, manage
from tests.live.own_gateway import settled

from dragoman.cli.main import main

DOCS = Path(__file__).parents[2] / "docs"
CONFIG = f"""
[server]
port = 0
[auth]
keys = ["sk-client-0123456789"]
admin_key = "{ADMIN_KEY}"
[providers.demo]
[routes.gpt-demo]
targets = ["demo/demo"]
"""

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


class Walk(NamedTuple):
    """Somebody at a shell, beside a gateway."""

    gateway: LiveGateway
    folder: Path

    def type(self, lines: str) -> str:
        """What lines print, in which nothing may fail."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", lines],
            cwd=self.folder,
            env={
                **environment(self.folder, DRAGOMAN_ADMIN_KEY=ADMIN_KEY),
                "DRAGOMAN_HOME": str(self.folder),
                "PATH": f"{Path(COMMAND).parent}:/usr/bin:/bin",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (lines, done.stderr, done.stdout)
        return done.stdout

    def ask(self, key: str, model: str = "gpt-demo") -> int:
        """The status that a key is answered with."""
        client = Client("openai_chat", self.gateway)
        return client.send(asking(client, model, key, stream=False)).status


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    """A gateway that is configured as the page says."""
    with serving(CONFIG, tmp_path) as running:
        yield Walk(running, tmp_path)


def blocks(page: str) -> list[str]:
    """The indented blocks of a page."""
    text = (DOCS / page).read_text("utf-8")
    return [textwrap.dedent(found).strip() for found in re.findall(r"\n\n((?:    .*\n)+)", text)]


def test_every_call_of_the_management_page_is_answered(walk: Walk) -> None:
    first, *calls = blocks("management.md")
    assert "export API=" in first
    assert len(calls) >= 9
    setting = first.replace("http://localhost:4100", walk.gateway.url) + "\n"
    key, old = "", ""
    for call in calls:
        assert call.startswith("curl -s")
        if key and not old:
            assert walk.ask(key) == 200
            assert settled(lambda: manage(walk.gateway, "GET", "/requests").object["requests"] != [])
            found = manage(walk.gateway, "GET", "/requests").object["requests"]
            assert isinstance(found, list)
            assert isinstance(found[0], dict)
            request_id = str(found[0]["request_id"])
        else:
            request_id = "req_none"
        # the ids of the page are somebody else's
        typed = re.sub(r"req_[0-9a-f]{24}", request_id, call)
        for answer in walk.type(setting + typed).replace("}{", "}\n{").splitlines():
            told = json.loads(answer)
            assert "error" not in told or "req_none" in typed, (typed, told)
            if "key" in told and str(told["key"]).startswith("sk-dr-"):
                key, old = str(told["key"]), key
    assert old
    # processes learn of changes within a second
    assert settled(lambda: walk.ask(key) == walk.ask(old) == 200)
    assert walk.ask(key, "demo") == 403, "the example is for gpt-*"


def test_the_commands_of_the_page_on_keys_do_what_it_says(
    walk: Walk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def enter(line: str) -> str:
        program, *words = shlex.split(line)
        assert program == "dragoman"
        done = CliRunner().invoke(main, words, env={"DRAGOMAN_HOME": str(tmp_path)})
        assert done.exit_code == 0, (line, done.output)
        return done.stdout.strip()

    page = (DOCS / "keys.md").read_text("utf-8")
    created = re.search(r"\$ (dragoman keys create .*)\n", page)
    assert created is not None
    key = enter(created[1])
    assert walk.ask(key) == 200
    (teams,) = re.findall(r"```\n(dragoman teams create(?:.*\n)+?)```", page)
    *lines, delete = teams.strip().splitlines()
    (carol,) = [printed for line in lines if (printed := enter(line)).startswith("sk-dr-")]
    assert walk.ask(carol) == 200
    enter(f"{delete} --force")
    for command in ("list", "show alice", "disable alice", "enable alice", "rotate alice --overlap 24h"):
        enter(f"dragoman keys {command}")
    assert walk.ask(key) == 200
    enter("dragoman keys delete alice")
    assert settled(lambda: walk.ask(key) == 401)
