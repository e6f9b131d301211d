"""Every wire format that is spoken here, by name. A new one is a folder, and a line in this file."""

from dragoman.dialects import anthropic, gemini, openai_chat
from dragoman.dialects.dialect import Dialect

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect for dialect in (openai_chat.DIALECT, anthropic.DIALECT, gemini.DIALECT)
}
