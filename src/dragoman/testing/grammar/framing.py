"""Server-sent events taken more strictly than the standard: as official SDKs and proxies need them."""

import msgspec


class Frame(msgspec.Struct, frozen=True):
    """One frame that holds data: its number in the stream (from 0), event name and data line."""

    number: int
    event: str | None
    data: str


def split_frames(
    body: bytes, found: list[str], *, named: bool = False, comments: bool = True, carriage: bool = False
) -> list[Frame]:
    """The frames of a whole stream; what is wrong with their framing is added to `found`.

    `named` frames have an `event` line before their one `data` line, others only the latter.
    `comments` says whether comment frames may stand between them, `carriage` whether lines may end
    with CR LF.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        found.append(f"the stream is not UTF-8: {error}")
        return []
    if carriage and "\r\n\r\n" in text:
        text = text.replace("\r\n", "\n")
    if "\r" in text:
        found.append("a carriage return stands in the stream")
    if text and not text.endswith("\n\n"):
        found.append("the stream does not end with a blank line")
    frames: list[Frame] = []
    for number, block in enumerate(text.removesuffix("\n\n").split("\n\n") if text else []):
        frame = _frame(number, block, found, named=named, comments=comments)
        if frame is not None:
            frames.append(frame)
    return frames


def _frame(number: int, block: str, found: list[str], *, named: bool, comments: bool) -> Frame | None:
    lines = block.split("\n")
    if all(line.startswith(":") for line in lines):
        if not comments:
            found.append(f"frame {number}: a comment is not allowed here")
        return None
    event = None
    if named:
        if not lines[0].startswith("event: "):
            found.append(f"frame {number}: does not begin with `event: `")
            return None
        event = lines.pop(0).removeprefix("event: ")
    if len(lines) != 1 or not lines[0].startswith("data: "):
        found.append(f"frame {number}: is not one line that begins with `data: `")
        return None
    return Frame(number, event, lines[0].removeprefix("data: "))
