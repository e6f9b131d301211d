"""What the measuring was done on and with."""

import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks.installation import PINNED
from benchmarks.results import Machine


def describe(wrk: str, nginx: str) -> Machine:
    """This machine and the versions of all that takes part. Programs that are not there are left out."""
    versions = {name: version(name) for name in ("dragoman", "uvloop", "httptools", "msgspec")}
    versions |= {"LiteLLM": _pin("litellm.txt", r"^litellm==(.+)$"), "Portkey": _portkey()}
    for name, command, pattern in (
        ("nginx", [nginx, "-v"], r"nginx/(\S+)"),
        ("wrk", [wrk, "--version"], r"wrk (?:debian/)?(\S+)"),
        ("Node.js", ["node", "--version"], r"v(\S+)"),
    ):
        if command[0] and (found := _said(command, pattern)):
            versions[name] = found
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gb=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        system=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {sys.version.split()[0]}",
        versions=versions,
    )


def revision() -> str:
    """The state of the source, with a plus where it was changed since; empty where git does not know."""
    root = Path(__file__).parent.parent
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty=+"],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return done.stdout.strip()


def _processor() -> str:
    names = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return names[0] if names else platform.machine()


def _said(command: list[str], pattern: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else ""


def _pin(name: str, pattern: str) -> str:
    found = re.search(pattern, (PINNED / name).read_text(), re.MULTILINE)
    return found[1] if found else ""


def _portkey() -> str:
    found = re.search(r'"@portkey-ai/gateway": "(.+)"', (PINNED / "portkey/package.json").read_text())
    return found[1] if found else ""
