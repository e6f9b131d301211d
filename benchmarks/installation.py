"""What the benchmarks need besides the project: installed where it is missing, at the versions in `pinned/`.

Peers and tools go into a folder of their own in the user's cache; nothing of the project changes.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

PINNED = Path(__file__).parent / "pinned"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dragoman-benchmarks"


class AbsentError(Exception):
    """Something is not there and cannot be installed; the message says what and why."""


def debian_program(name: str, package: str) -> str:
    """The path of a program, which comes from a Debian package where it is missing."""
    if found := _which(name):
        return found
    apt = shutil.which("apt-get")
    if not apt or os.geteuid():
        raise AbsentError(f"{name} is not installed; root would get it by: apt-get install {package}")
    # with this run level, the package does not start a service of its own
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (
        [apt, "update", "-qq"],
        [apt, "install", "-qq", "--yes", "--no-install-recommends", package],
    ):
        _run(command, f"apt-get could not install {package}", environment)
    if found := _which(name):
        return found
    raise AbsentError(f"the package {package} has no {name}")


def litellm() -> Path:
    """The folder with the programs of LiteLLM's environment."""
    return _environment("litellm")


def py_spy() -> Path:
    """The sampling profiler."""
    return _environment("tools") / "py-spy"


def portkey() -> Path:
    """The script that starts Portkey's gateway."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        raise AbsentError("Node.js with npm is not installed")
    pins = PINNED / "portkey"
    lock = pins / "package-lock.json"
    folder = _folder("portkey", lock)
    if not (folder / ".complete").exists():
        print(f"Installing Portkey in {folder} ...", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        for file in (lock, pins / "package.json"):
            shutil.copy(file, folder)
        _run(
            [npm, "ci", "--prefix", str(folder), "--no-audit", "--no-fund", "--loglevel=error"],
            "npm could not install Portkey",
        )
        (folder / ".complete").touch()
    return folder / "node_modules/@portkey-ai/gateway/build/start-server.js"


def _environment(name: str) -> Path:
    pins = PINNED / f"{name}.txt"
    folder = _folder(name, pins)
    python = folder / "bin/python"
    if not (folder / ".complete").exists():
        print(f"Installing {name} in {folder} ...", file=sys.stderr)
        if uv := shutil.which("uv"):
            make = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)]
            install = [uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(pins)]
        else:
            make = [sys.executable, "-m", "venv", "--clear", str(folder)]
            install = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
            install += ["install", "-r", str(pins)]
        _run(make, f"no environment for {name}")
        _run(install, f"{name} could not be installed")
        (folder / ".complete").touch()
    return folder / "bin"


def _folder(name: str, pins: Path) -> Path:
    """One folder for each state of the pins, and each Python."""
    print_ = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:12]
    return CACHE / f"{name}-{print_}"


def _which(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin")


def _run(command: list[str], trouble: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise AbsentError(f"{trouble}: {words[-1] if words else f'status {done.returncode}'}")
