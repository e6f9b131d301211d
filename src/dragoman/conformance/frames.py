"""Server-sent events as a forgiving client reads them: what is wrong with them is for the grammars to say."""

from dragoman.conformance.exact_json import decode
from dragoman.testing.json_value import Object


def objects(body: bytes) -> list[tuple[str, Object]]:
    """Event names and JSON objects of a stream, or the objects of a progressive JSON array."""
    text = body.decode("utf-8", "replace").replace("\r\n", "\n")
    if text.lstrip().startswith("["):
        try:
            value = decode(text)
        except ValueError:
            return []
        return [("", one) for one in value if isinstance(one, dict)] if isinstance(value, list) else []
    found: list[tuple[str, Object]] = []
    for block in text.split("\n\n"):
        event = ""
        lines: list[str] = []
        for line in block.split("\n"):
            name, colon, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "event" and colon:
                event = value
            elif name == "data" and colon:
                lines.append(value)
        try:
            data = decode("\n".join(lines)) if lines else None
        except ValueError:
            continue
        if isinstance(data, dict):
            found.append((event, data))
    return found
