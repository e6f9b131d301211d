"""Arguments of tool calls as Google writes them: whole objects, or values under their JSON paths."""

import re

import msgspec

from dragoman.conversation.blocks import ToolCall
from dragoman.dialects.arguments import call_input, compact
from dragoman.dialects.gemini.wire import PartialArg
from dragoman.dialects.json_tree import elements, members


def arguments_object(call: ToolCall) -> tuple[msgspec.Raw, bool]:
    """A call's arguments as the `args` of a Google call, on one line, and whether they had to be altered."""
    given, altered = call_input(call)
    return msgspec.Raw(compact(given)), altered


class PartialArguments:
    """Arguments that Vertex AI streams value by value, each under its JSON path."""

    __slots__ = ("_growing", "_pieces", "_root")

    def __init__(self) -> None:
        self._root: dict[str, object] = {}
        self._growing: str | None = None
        self._pieces: list[str] = []

    def feed(self, piece: PartialArg) -> None:
        """Take one piece: a value, or more of the string that the piece before began."""
        if self._growing != piece.json_path or piece.string_value is None:
            self._end_string()
        if piece.string_value is not None:
            self._growing = piece.json_path
            self._pieces.append(piece.string_value)
            if not piece.will_continue:
                self._end_string()
        elif piece.number_value:
            self._store(piece.json_path, piece.number_value)
        else:
            self._store(piece.json_path, piece.bool_value)

    def _end_string(self) -> None:
        if self._growing is not None:
            self._store(self._growing, "".join(self._pieces))
        self._growing = None
        self._pieces = []

    def _store(self, path: str, value: object) -> None:
        if steps := _steps(path):
            _store(self._root, steps, value)

    @property
    def text(self) -> str:
        """The arguments so far, as one JSON object."""
        self._end_string()
        return msgspec.json.encode(self._root).decode()


_STEP = re.compile(r"\.?([^.\[\]'\"]+)|\[(\d{1,4})\]|\[(['\"])(.*?)\3\]")


def _steps(path: str) -> list[str | int]:
    """`$.a[0]['b c']` as its steps."""
    steps: list[str | int] = []
    for match in _STEP.finditer(path.removeprefix("$")):
        name, index, _, quoted = match.groups()
        steps.append(int(index) if index is not None else name if name is not None else quoted)
    return steps


def _child(place: object, step: str | int) -> object:
    if isinstance(step, str):
        return (members(place) or {}).get(step)
    siblings = elements(place) or []
    return siblings[step] if step < len(siblings) else None


def _store(root: dict[str, object], steps: list[str | int], value: object) -> None:
    place: object = root
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        child = value
        if isinstance(following, str):
            child = members(_child(place, step)) or {}
        elif following is not None:
            child = elements(_child(place, step)) or []
        object_ = members(place)
        array = elements(place)
        if object_ is not None and isinstance(step, str):
            object_[step] = child
        elif array is not None and isinstance(step, int):
            array.extend([None] * (step + 1 - len(array)))
            array[step] = child
        else:
            return
        place = child
