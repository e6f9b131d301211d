"""The fake provider's tokenizer: a token is up to four bytes of UTF-8 that hold whole characters.

No real model counts so, but it is deterministic, adds up and is about right for English text.
"""

MEDIA_TOKENS = 85
"""What one picture, sound recording or document costs, whatever its size."""

MESSAGE_TOKENS = 4
"""What each turn costs besides its blocks."""

_WIDTH = 4


def split_tokens(text: str) -> list[str]:
    """The text's tokens; joined, they are the text again."""
    tokens: list[str] = []
    token = ""
    size = 0
    for character in text:
        width = len(character.encode("utf-8", "surrogatepass"))
        if size + width > _WIDTH:
            tokens.append(token)
            token, size = "", 0
        token += character
        size += width
    if token:
        tokens.append(token)
    return tokens


def count_tokens(text: str) -> int:
    """How many tokens the text is; an empty one is none."""
    return len(split_tokens(text))
