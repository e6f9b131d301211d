"""Every wire format that is spoken here, by name. A new one is a folder, and a line in this file."""

from dragoman.dialects import anthropic, gemini, openai_chat, openai_completions, openai_responses
from dragoman.dialects.dialect import Dialect

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (openai_chat.DIALECT, openai_responses.DIALECT, anthropic.DIALECT, gemini.DIALECT)
}

PASSED_ONLY: dict[str, Dialect] = {openai_completions.DIALECT.name: openai_completions.DIALECT}
"""Formats that are never translated: a client reaches only hosts that speak them, too."""

SPOKEN: dict[str, Dialect] = {**DIALECTS, **PASSED_ONLY}
"""All of them: what a provider may speak."""
