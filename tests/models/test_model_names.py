"""What code does never depends on the name of a model: that is what profiles are for."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import dragoman

SOURCE = Path(dragoman.__file__).parent
NAME = re.compile(
    r"\b(?:gpt|chatgpt)-\w|\bclaude\b|\bgemini-\w|\bo[134]-(?:mini|pro|preview)"
    r"|\b(?:deepseek|mistral|magistral|codestral|grok|kimi|glm|llama|qwen)-?\d?\b",
    re.IGNORECASE,
)
DATA = ("testing", "conformance", "models")
"""Folders that are about single models: the fake vendors, the checks against them, the data itself."""
VENDORS = {"deepseek", "mistral", "anthropic", "gemini"}
"""Names of providers that are names of model lines too."""


def modules() -> list[Path]:
    return [path for path in sorted(SOURCE.rglob("*.py")) if path.relative_to(SOURCE).parts[0] not in DATA]


def texts(tree: ast.Module) -> Iterator[ast.Constant]:
    """The string constants of a module, but for docstrings and other texts that stand alone.

    Sentences, which are for people, are told by their spaces.
    """
    alone = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_code_names_a_model(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    named = [
        f"line {node.lineno}: {node.value!r}"
        for node in texts(tree)
        if NAME.search(str(node.value)) and node.value not in VENDORS and " " not in str(node.value)
    ]
    assert named == []


def test_the_search_finds_what_it_is_for() -> None:
    module = ast.parse('"""claude-3"""\nif model.startswith("claude-3"):\n    x = "gemini"\n')
    assert [node.value for node in texts(module) if NAME.search(str(node.value))] == ["claude-3"]
