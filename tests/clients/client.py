"""The clients: how each is set up, as the page on clients tells users, and which tools it has."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.clients.scripted_model import Use
from tests.conftest import LiveGateway

PAGE = Path(__file__).parents[2].joinpath("docs/clients.md").read_text("utf-8")

Rounds = tuple[tuple[Use, ...], ...]


class Client(NamedTuple):
    """One client.

    `title` is the heading of its section in the page, `package` its name in the registry. `begin` and
    `go_on` are its calls for a new session and for the latest one, to which the prompt is added.
    `models` are what it asks for unless it is told otherwise. `edit` gives the rounds of tool calls that
    read some files and then replace one text by another in the first of them.
    """

    title: str
    package: str
    dialect: str
    models: tuple[str, ...]
    begin: tuple[str, ...]
    go_on: tuple[str, ...]
    edit: Callable[[tuple[Path, ...], str, str], Rounds]

    @property
    def section(self) -> str:
        """What the page says about it."""
        found = re.search(rf"^## {re.escape(self.title)}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
        assert found is not None, f"no section on {self.title}"
        return found[1]

    def environment(self, gateway: LiveGateway) -> dict[str, str]:
        """The variables that the page has users set, for this gateway."""
        return dict(re.findall(r"^export (\w+)=(\S+)$", _addressed(self.section, gateway), re.MULTILINE))

    def files(self, gateway: LiveGateway) -> dict[str, str]:
        """The files that the page has users write, by their path below the home folder."""
        blocks = re.findall(r"`~/([^`]+)`[^`\n]*:\n\n```\w+\n(.*?)```", self.section, re.DOTALL)
        return {path: _addressed(text, gateway) for path, text in blocks}


def _addressed(text: str, gateway: LiveGateway) -> str:
    """A text of the page with the address and a key of a running gateway."""
    return text.replace("http://127.0.0.1:4100", gateway.url).replace("KEY_OF_DRAGOMAN", gateway.key)


def _with_claude_code(files: tuple[Path, ...], old: str, new: str) -> Rounds:
    edit = Use("Edit", {"file_path": str(files[0]), "old_string": old, "new_string": new})
    return tuple(Use("Read", {"file_path": str(file)}) for file in files), (edit,)


def _with_codex(files: tuple[Path, ...], old: str, new: str) -> Rounds:
    patch = f"*** Begin Patch\n*** Update File: {files[0].name}\n@@\n-{old}\n+{new}\n*** End Patch\n"
    reads = tuple(Use("exec_command", {"cmd": f"cat {file.name}"}) for file in files)
    return reads, (Use("apply_patch", patch),)


def _with_gemini_cli(files: tuple[Path, ...], old: str, new: str) -> Rounds:
    edit = Use(
        "replace",
        {
            "file_path": str(files[0]),
            "instruction": f"Write '{new}' where '{old}' stands.",
            "old_string": old,
            "new_string": new,
        },
    )
    return tuple(Use("read_file", {"file_path": str(file)}) for file in files), (edit,)


_CODEX_OPTIONS = ("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")

CLIENTS = (
    Client(
        "Claude Code",
        "@anthropic-ai/claude-code",
        "anthropic",
        ("claude-opus-5-5",),
        ("claude", "--permission-mode", "acceptEdits", "-p"),
        ("claude", "--permission-mode", "acceptEdits", "--continue", "-p"),
        _with_claude_code,
    ),
    Client(
        "Codex",
        "@openai/codex",
        "openai_responses",
        ("gpt-5.5",),
        ("codex", "exec", *_CODEX_OPTIONS),
        ("codex", "exec", "resume", "--last", *_CODEX_OPTIONS),
        _with_codex,
    ),
    Client(
        "Gemini CLI",
        "@google/gemini-cli",
        "gemini",
        ("gemini-3.1-pro-preview", "gemini-3.8-flash", "gemini-3.5-flash-lite"),
        ("gemini", "--yolo", "-p"),
        ("gemini", "--yolo", "--resume", "latest", "-p"),
        _with_gemini_cli,
    ),
)
