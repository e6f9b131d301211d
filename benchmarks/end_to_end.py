"""CPU time of the gateway for each request, end to end, beside nginx as a bare reverse proxy.

    python benchmarks/end_to_end.py [--rounds 5] [--seconds 3]

The gateway runs alone on core 0; the upstream and the load share core 1. The figure is the user and
system time of the gateway's process over the requests answered, from the operating system's own
accounting, so it does not depend on how fast the load comes. Rounds are interleaved over all
scenarios and the median is given. nginx is measured too where it is installed: compare ratios
within one run, absolute figures belong to the machine.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
UPSTREAM, STREAM_UPSTREAM, GATEWAY, NGINX = 9110, 9111, 9120, 9130
TEXT = "Good evening"

CONFIG = """
[server]
port = {port}
[auth]
keys = ["sk-client"]
[log]
level = "warning"
[providers.openai]
base_url = "http://127.0.0.1:{upstream}/v1"
api_key = "sk-up"
[providers.anthropic]
base_url = "http://127.0.0.1:{upstream}"
api_key = "sk-up"
[providers.gemini]
base_url = "http://127.0.0.1:{upstream}"
api_key = "sk-up"
[routes."gpt-4o"]
targets = ["openai/gpt-4o"]
[routes."sonnet"]
targets = ["anthropic/claude-sonnet-4-5"]
[routes."flash"]
targets = ["gemini/gemini-2.5-flash"]
"""

NGINX_CONFIG = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream whole {{ server 127.0.0.1:{upstream}; keepalive 256; }}
  upstream streams {{ server 127.0.0.1:{stream_upstream}; keepalive 256; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024; keepalive_requests 1000000;
    location /whole/ {{ proxy_pass http://whole/; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    location /streams/ {{
      proxy_pass http://streams/; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""


class Scenario(NamedTuple):
    """One thing to measure: who is asked, and how."""

    name: str
    target: str
    path: str
    body: Mapping[str, object]
    stream: bool


def chat(model: str, *, stream: bool = False) -> dict[str, object]:
    """A small Chat Completions request."""
    body: dict[str, object] = {
        "model": model,
        "messages": [{"role": "user", "content": TEXT}],
        "max_tokens": 1688,
        "temperature": 0.5,
        "stream": stream,
    }
    if stream:
        body["stream_options"] = {"include_usage": True}
    return body


MESSAGES = {"model": "gpt-4o", "max_tokens": 1688, "messages": [{"role": "user", "content": TEXT}]}
GOOGLE = {"contents": [{"role": "user", "parts": [{"text": TEXT}]}]}
CHAT, GENERATE = "/v1/chat/completions", "/v1beta/models/gpt-4o:generateContent"

SCENARIOS = [
    Scenario("nginx, bare proxy", "nginx", f"/whole{CHAT}", chat("gpt-4o"), stream=False),
    Scenario("OpenAI to OpenAI", "gateway", CHAT, chat("gpt-4o"), stream=False),
    Scenario("OpenAI to Anthropic", "gateway", CHAT, chat("sonnet"), stream=False),
    Scenario("OpenAI to Google", "gateway", CHAT, chat("flash"), stream=False),
    Scenario("Anthropic to OpenAI", "gateway", "/v1/messages", MESSAGES, stream=False),
    Scenario("Google to OpenAI", "gateway", GENERATE, GOOGLE, stream=False),
    Scenario("nginx, unbuffered", "nginx", f"/streams{CHAT}", chat("gpt-4o", stream=True), stream=True),
    Scenario("OpenAI to OpenAI", "gateway", CHAT, chat("gpt-4o", stream=True), stream=True),
    Scenario("OpenAI to Anthropic", "gateway", CHAT, chat("sonnet", stream=True), stream=True),
    Scenario("OpenAI to Google", "gateway", CHAT, chat("flash", stream=True), stream=True),
    Scenario("Anthropic to OpenAI", "gateway", "/v1/messages", {**MESSAGES, "stream": True}, stream=True),
]


class Server(NamedTuple):
    """A running process that is measured or asked."""

    process: "subprocess.Popen[bytes]"
    port: int

    def cpu_seconds(self) -> float:
        """User and system time so far, children included."""
        ticks = 0
        for pid in [self.process.pid, *_children(self.process.pid)]:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Resident memory, children included."""
        pages = 0
        for pid in [self.process.pid, *_children(self.process.pid)]:
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextlib.contextmanager
def running(core: int, port: int, *command: str) -> Generator[Server]:
    """A process pinned to a core, once it answers on its port."""
    process = subprocess.Popen(["taskset", "-c", str(core), *command], stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.05)
            else:
                break
        yield Server(process, port)
    finally:
        process.terminate()
        process.wait()


def measure(server: Server, scenario: Scenario, connections: int, seconds: float) -> dict[str, float]:
    """One round of one scenario."""
    before = server.cpu_seconds()
    command = ["taskset", "-c", "1", sys.executable, str(HERE / "load.py")]
    options = {
        "--port": str(server.port),
        "--path": scenario.path,
        "--body": json.dumps(scenario.body),
        "--header": "Authorization: Bearer sk-client",
        "--connections": str(connections),
        "--seconds": str(seconds),
    }
    done = subprocess.run(
        [*command, *(part for pair in options.items() for part in pair)], capture_output=True, check=True
    )
    result: dict[str, float] = json.loads(done.stdout)
    if result["bad"] or not result["good"]:
        raise SystemExit(f"{scenario.name}: {result}")
    result["cpu_us"] = (server.cpu_seconds() - before) * 1e6 / result["good"]
    return result


def main() -> None:
    """Run all rounds and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=3.0)
    arguments.add_argument("--connections", type=int, default=64)
    arguments.add_argument("--chunks", type=int, default=64)
    arguments.add_argument("--gap", type=float, default=0.003)
    given = arguments.parse_args()
    python = sys.executable
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream = str(HERE / "upstream.py")
        stack.enter_context(running(1, UPSTREAM, python, upstream, "--port", str(UPSTREAM)))
        stream_options = ("--chunks", str(given.chunks), "--gap", str(given.gap))
        stack.enter_context(
            running(1, STREAM_UPSTREAM, python, upstream, "--port", str(STREAM_UPSTREAM), *stream_options)
        )
        servers: dict[tuple[str, bool], Server] = {}
        for stream, port, target in ((False, GATEWAY, UPSTREAM), (True, GATEWAY + 1, STREAM_UPSTREAM)):
            config = folder / f"{port}.toml"
            config.write_text(CONFIG.format(port=port, upstream=target))
            command = (str(Path(python).with_name("dragoman")), "serve", "--config", str(config))
            servers["gateway", stream] = stack.enter_context(running(0, port, *command))
        rest = servers["gateway", False].resident_mb()
        nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
        if nginx:
            config = folder / "nginx.conf"
            config.write_text(
                NGINX_CONFIG.format(
                    folder=folder, upstream=UPSTREAM, stream_upstream=STREAM_UPSTREAM, port=NGINX
                )
            )
            proxy = stack.enter_context(running(0, NGINX, nginx, "-c", str(config), "-p", str(folder)))
            servers["nginx", False] = servers["nginx", True] = proxy
        scenarios = [one for one in SCENARIOS if (one.target, one.stream) in servers]
        for scenario in scenarios:  # warm up
            measure(servers[scenario.target, scenario.stream], scenario, given.connections, 0.5)
        rounds: list[list[dict[str, float]]] = [[] for _ in scenarios]
        for _ in range(given.rounds):
            for results, scenario in zip(rounds, scenarios, strict=True):
                server = servers[scenario.target, scenario.stream]
                results.append(measure(server, scenario, given.connections, given.seconds))
        report(scenarios, rounds)
        loaded = servers["gateway", False].resident_mb()
        print(f"\nResident memory of the gateway: {rest:.0f} MB at rest, {loaded:.0f} MB after the load")


def report(scenarios: list[Scenario], rounds: list[list[dict[str, float]]]) -> None:
    """The table: medians, and ratios to nginx in the same run."""
    base: dict[bool, float] = {}
    for title, stream in (("One answer", False), ("A stream", True)):
        print(f"\n| {title} | CPU us a request | to nginx | p50 ms | p99 ms |\n|---|---:|---:|---:|---:|")
        for scenario, results in zip(scenarios, rounds, strict=True):
            if scenario.stream is not stream:
                continue
            cpu, p50, p99 = (
                statistics.median(result[figure] for result in results) for figure in ("cpu_us", "p50", "p99")
            )
            if scenario.target == "nginx":
                base[stream] = cpu
            ratio = f"{cpu / base[stream]:.1f}" if stream in base else ""
            print(f"| {scenario.name} | {cpu:.0f} | {ratio} | {p50 * 1e3:.1f} | {p99 * 1e3:.1f} |")


if __name__ == "__main__":
    main()
