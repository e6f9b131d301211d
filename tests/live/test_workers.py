"""Several processes serve as one: one start, one end, one configuration, and none is missing for long."""

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conftest import CLIENT_KEY, CONFIG, UPSTREAM_KEY, LiveGateway
from tests.live.client import Client
from tests.live.command import Service, run, serving
from tests.live.plain import ask
from tests.live.raw_upstream import saying
from tests.server.toy import settled

from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

COUNT = 2

NO_METRICS = """import os
elsewhere = {'PROMETHEUS_MULTIPROC_DIR': '/nowhere/at/all'}
os.register_at_fork(after_in_child=lambda: os.environ.update(elsewhere))
"""
"""Workers that find this in `sitecustomize.py` cannot start: there is no folder for their metrics."""


class Team:
    """A gateway of several processes, and its configuration."""

    def __init__(self, folder: Path, fake: FakeServer) -> None:
        self.path = folder / "dragoman.toml"
        text = CONFIG.format(url=fake.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
        self.text = text.replace('level = "error"', 'level = "info"')
        self.path.write_text(self.text)
        self.temporary = folder / "tmp"
        self.temporary.mkdir()

    def begin(self, service: Service) -> LiveGateway:
        """Wait until all are there."""
        self.service = service
        gateway = service.wait()
        assert settled(lambda: self.serving(gateway) == COUNT, 10), service.log
        return gateway

    def serving(self, gateway: LiveGateway) -> int:
        """How many processes serve, as their metrics have it."""
        page = ask(gateway, "/metrics", None, "GET").body.decode()
        found = re.search(r"^dragoman_workers (\d+)", page, re.MULTILINE)
        return int(found[1]) if found else 0

    @property
    def workers(self) -> list[int]:
        """The numbers of the processes that serve."""
        return children(self.service.pid)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes in /proc")


@pytest.fixture
def team(tmp_path: Path, fake: FakeServer) -> Iterator[Team]:
    team = Team(tmp_path, fake)
    with serving(tmp_path, "--workers", str(COUNT), TMPDIR=str(team.temporary)) as service:
        team.begin(service)
        pids = team.workers
        yield team
        service.kill()
        # workers do not go on without the one that looks after them
        assert settled(lambda: not any(alive(pid) for pid in pids), 5)
        assert "Traceback" not in service.log


def test_many_are_one_to_the_outside(team: Team) -> None:
    gateway, service = team.service.wait(), team.service
    assert len(service.output.splitlines()) == 5
    assert len(team.workers) == COUNT
    with ThreadPoolExecutor(8) as pool:
        client = Client("openai_chat", gateway)
        replies = list(pool.map(client.get, ["gpt-4o"] * 40))
    assert all(reply.status == 200 for reply in replies)
    assert settled(lambda: total(gateway, "dragoman_requests_total", 'route="gpt-4o"') == 40)


def test_the_end_of_all_is_in_order_and_leaves_nothing(team: Team, fake: FakeServer) -> None:
    gateway, service, pids = team.service.wait(), team.service, team.workers
    fake.script.add(*[Scripted(saying("one two three four"), pace=0.2)] * 6)
    with ThreadPoolExecutor(6) as pool:
        client = Client("anthropic", gateway)
        coming = [pool.submit(client.get, "sonnet", stream=True) for _ in range(6)]
        fake.script.wait_received(6, 10)
        assert len(list(team.temporary.glob("dragoman-*"))) == 1
        for pid in (service.pid, *pids):
            os.kill(pid, signal.SIGTERM)  # as service managers do
        assert service.end(5) == 0
        assert all(client.words(reply.result()).endswith("four") for reply in coming)
    assert not any(alive(pid) for pid in pids)
    assert list(team.temporary.iterdir()) == []
    assert "WARNING" not in service.log
    assert "ERROR" not in service.log


def test_at_a_terminal_everybody_hears_the_signal_and_it_counts_once(team: Team, fake: FakeServer) -> None:
    service, pids = team.service, team.workers
    fake.script.add(Scripted(saying("one two three four"), pace=0.2))
    with ThreadPoolExecutor(1) as pool:
        client = Client("openai_chat", service.wait())
        coming = pool.submit(client.get, "gpt-4o", stream=True)
        fake.script.wait_received(1, 10)
        for pid in (service.pid, *pids):
            os.kill(pid, signal.SIGINT)
        assert service.end(5) == 0
        assert client.words(coming.result()).endswith("four")


def test_a_second_signal_stops_all_at_once(team: Team, fake: FakeServer) -> None:
    fake.script.add(Scripted(saying("word " * 500), pace=0.2))
    with ThreadPoolExecutor(1) as pool:
        client = Client("openai_chat", team.service.wait())
        coming = pool.submit(client.get, "gpt-4o", stream=True)
        fake.script.wait_received(1, 10)
        time.sleep(0.3)
        team.service.tell(signal.SIGTERM)
        time.sleep(0.3)
        assert not coming.done()
        team.service.tell(signal.SIGTERM)
        assert team.service.end(3) == 0
        assert client.stream_error(coming.result()) is not None


def test_one_that_dies_is_replaced_and_the_new_one_has_the_present_configuration(team: Team) -> None:
    gateway, service = team.service.wait(), team.service
    team.path.write_text(team.text + '[routes.extra]\ntargets = ["openai/gpt-4o"]\n')
    service.wait_log("routes=+extra")
    before = team.workers
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    service.wait_log("is replaced", COUNT)
    assert settled(lambda: len(set(team.workers) - set(before)) == COUNT)
    # the port is open all the time: whoever comes now is served as soon as somebody is there
    assert Client("openai_chat", gateway).get("extra").status == 200
    assert settled(lambda: team.serving(gateway) == COUNT)
    assert service.stop(signal.SIGTERM) == 0


def test_all_go_on_with_a_new_configuration_and_it_is_said_once(team: Team) -> None:
    gateway, service = team.service.wait(), team.service
    client = Client("openai_chat", gateway)
    team.path.write_text(team.text + '[routes.extra]\ntargets = ["openai/gpt-4o"]\n')
    service.tell(signal.SIGHUP)
    service.wait_log("routes=+extra")
    assert settled(lambda: total(gateway, "dragoman_config_reloads_total", '"success"') == COUNT)
    assert {client.get("extra").status for _ in range(20)} == {200}
    team.path.write_text("[routes")
    service.tell(signal.SIGHUP)
    service.wait_log("the old one stays")
    assert {client.get("extra").status for _ in range(20)} == {200}
    time.sleep(1.5)
    assert service.log.count("was read again") == 2


def test_a_restart_replaces_everybody_and_nobody_is_refused(team: Team, fake: FakeServer) -> None:
    gateway, service, before = team.service.wait(), team.service, team.workers
    client = Client("openai_chat", gateway)
    client.get("gpt-4o")
    assert settled(lambda: total(gateway, "dragoman_requests_total", 'route="gpt-4o"') == 1)
    fake.script.add(Scripted(saying("one two three four five six"), pace=0.3))
    over = threading.Event()
    with ThreadPoolExecutor(5) as pool:
        stream = pool.submit(client.get, "gpt-4o", stream=True)
        fake.script.wait_received(2, 10)

        def ask_on() -> list[int]:
            statuses: list[int] = []
            while not over.is_set():
                statuses.append(client.get("gpt-4o").status)
            return statuses

        asking = [pool.submit(ask_on) for _ in range(3)]
        # only a restart takes this over
        team.path.write_text(team.text + "[memory]\nsignatures = 60\n")
        service.tell(signal.SIGUSR2)
        service.wait_log("all workers were replaced")
        assert settled(lambda: set(team.workers).isdisjoint(before), 10), service.log
        over.set()
        statuses = [status for one in asking for status in one.result()]
        assert set(statuses) == {200}
        assert client.words(stream.result()).endswith("six")
    assert len(team.workers) == COUNT
    # what was counted before is still there
    assert settled(lambda: total(gateway, "dragoman_requests_total", 'route="gpt-4o"') == 2 + len(statuses))
    # and it can be done again
    service.tell(signal.SIGUSR2)
    service.wait_log("all workers were replaced", 2)
    assert client.get("gpt-4o").status == 200
    assert "ERROR" not in service.log
    assert service.stop(signal.SIGTERM) == 0
    assert list(team.temporary.iterdir()) == []


def test_a_restart_takes_over_how_many_there_are_also_while_another_is_going_on(
    tmp_path: Path, fake: FakeServer
) -> None:
    team = Team(tmp_path, fake)

    def write(count: int) -> None:
        team.path.write_text(team.text.replace("[server]\n", f"[server]\nworkers = {count}\n"))

    write(2)
    with serving(tmp_path, TMPDIR=str(team.temporary)) as service:
        gateway = team.begin(service)
        for asked, count in enumerate((4, 1)):
            write(count)
            service.tell(signal.SIGUSR2)
            service.wait_log("restarting", 2 * asked + 1)
            service.tell(signal.SIGUSR2)
            service.wait_log("all workers were replaced", 2 * asked + 2)
            assert settled(lambda: len(team.workers) == count, 10), service.log  # noqa: B023 - asked at once
            assert Client("openai_chat", gateway).get("gpt-4o").status == 200
        assert service.stop(signal.SIGTERM) == 0


def test_a_program_that_cannot_start_takes_nothing_over(team: Team) -> None:
    gateway, service, before = team.service.wait(), team.service, team.workers
    team.path.write_text(team.text + "[routes.broken]\ntargets = 3\n")
    service.tell(signal.SIGUSR2)
    service.wait_log("no restart: the program that runs goes on")
    assert "routes.broken.targets" in service.log
    assert team.workers == before
    assert Client("openai_chat", gateway).get("gpt-4o").status == 200


def test_new_workers_that_cannot_start_leave_the_old_ones_at_work(tmp_path: Path, fake: FakeServer) -> None:
    team = Team(tmp_path, fake)
    with serving(tmp_path, "--workers", "2", PYTHONPATH=str(tmp_path), TMPDIR=str(team.temporary)) as service:
        gateway = team.begin(service)
        before = team.workers
        (tmp_path / "sitecustomize.py").write_text(NO_METRICS)
        service.tell(signal.SIGUSR2)
        service.wait_log("the old ones stay")
        assert team.workers == before
        assert {Client("openai_chat", gateway).get("gpt-4o").status for _ in range(10)} == {200}
        assert service.stop(signal.SIGTERM) == 0


def test_alone_there_is_nobody_to_be_replaced(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        service.wait()
        service.tell(signal.SIGUSR2)
        service.wait_log("no workers to be replaced")
        assert service.stop(signal.SIGTERM) == 0


def total(gateway: LiveGateway, name: str, label: str) -> float:
    """The sum of a metric over all series with a label."""
    page = ask(gateway, "/metrics", None, "GET").body.decode()
    series = re.findall(rf"^{name}\{{.*{label}.*\}} (\S+)$", page, re.MULTILINE)
    return sum(map(float, series))


def test_workers_that_cannot_start_are_given_up(tmp_path: Path) -> None:
    """There is no folder for their metrics where they look for it."""
    (tmp_path / "dragoman.toml").write_text('[server]\nport = 0\n[auth]\nkeys = ["sk-client-0123456789"]\n')
    (tmp_path / "sitecustomize.py").write_text(NO_METRICS)
    done = run(tmp_path, "serve", "--workers", "2", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert 2 <= done.stderr.count("is replaced") <= 4
    assert "workers die before they serve: giving up" in done.stderr


def test_a_made_key_is_made_once(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as service:
        gateway = service.wait()
        (key,) = set(re.findall(r"sk-[A-Za-z0-9_-]{43}", service.output))
        client = Client("openai_chat", gateway._replace(key=key))
        assert {client.get("demo").status for _ in range(10)} == {200}
        assert service.stop(signal.SIGTERM) == 0
