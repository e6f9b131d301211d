"""Finding the line of a key."""

import tomllib

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.config.locator import locate
from dragoman.config.source import KeyPath


def test_tables_dotted_and_quoted_keys_are_found() -> None:
    lines = locate(
        '# a comment with [brackets] and "quotes"\n'
        "top = 1\n"
        "[a.b] # another\n"
        "one = 1\n"
        "two.three = 2\n"
        '"four.five" = 3\n'
        "[ \"x\\u0079\" . 'z' ]\n"
        "last=1"
    )
    assert lines == {
        ("top",): 2,
        ("a",): 3,
        ("a", "b"): 3,
        ("a", "b", "one"): 4,
        ("a", "b", "two"): 5,
        ("a", "b", "two", "three"): 5,
        ("a", "b", "four.five"): 6,
        ("xy",): 7,
        ("xy", "z"): 7,
        ("xy", "z", "last"): 8,
    }


def test_arrays_and_inline_tables_are_found_line_by_line() -> None:
    lines = locate(
        'list = [\n  "a", # one ]\n  "b"\n  ,\n  { x = 1, y = [\n 2] },\n]\nnext = {}\nempty = []\nend = 1\n'
    )
    assert lines == {
        ("list",): 1,
        ("list", 0): 2,
        ("list", 1): 3,
        ("list", 2): 5,
        ("list", 2, "x"): 5,
        ("list", 2, "y"): 5,
        ("list", 2, "y", 0): 6,
        ("next",): 8,
        ("empty",): 9,
        ("end",): 10,
    }


def test_strings_hide_whatever_is_in_them() -> None:
    lines = locate(
        'a = "x # = [ \\" \\\\"\n'
        "b = 'c:\\'\n"
        'c = """\n[no]\nno = 1 \\"""\n"""""\n'
        "d = '''\n[no]\n'''\n"
        "e = 1979-05-27 07:32:00 # no = 1\n"
        "f = -1_000\n"
    )
    assert lines == {("a",): 1, ("b",): 2, ("c",): 3, ("d",): 7, ("e",): 10, ("f",): 11}


def test_arrays_of_tables_are_counted() -> None:
    lines = locate("[[a]]\nx = 1\n[a.sub]\ny = 1\n\n[[a]]\nx = 2\n")
    assert lines[("a", 0)] == 1
    assert lines[("a", 0, "x")] == 2
    assert lines[("a", 0, "sub", "y")] == 4
    assert lines[("a", 1)] == 6
    assert lines[("a", 1, "x")] == 7


def test_windows_line_ends_count_once() -> None:
    assert locate("a = 1\r\n\r\nb = '''\r\n'''\r\nc = 1\r\n") == {("a",): 1, ("b",): 3, ("c",): 5}


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


_KEYS = st.text(min_size=0, max_size=4)
_SCALARS = st.one_of(
    st.booleans().map(lambda value: str(value).lower()),
    st.integers(-9, 9).map(str),
    st.text(max_size=6).map(_quoted),
    st.sampled_from(["'''\n#'''", '"""\n[x]\n"""', "2000-01-01 00:00:00", "0x1f", "inf"]),
)
_Tree = dict[str, object]
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=6,
)


class _Writer:
    """Writes TOML and takes note of the line of every key."""

    def __init__(self) -> None:
        self.text = ""
        self.lines: dict[KeyPath, int] = {}

    def note(self, path: KeyPath) -> None:
        self.lines[path] = self.text.count("\n") + 1

    def document(self, tables: dict[str, dict[str, object]]) -> None:
        for name, table in tables.items():
            self.note((name,))
            self.text += f"[{_quoted(name)}] # [no]\n"
            for key, value in table.items():
                self.note((name, key))
                self.text += f" {_quoted(key)} = "
                self.value(value, (name, key))
                self.text += " # no = 1\n\n"

    def value(self, value: object, path: KeyPath) -> None:
        match value:
            case list():
                items: list[object] = list(value)  # pyright: ignore[reportUnknownArgumentType] - drawn untyped
                self.text += "["
                for index, item in enumerate(items):
                    self.text += "\n"
                    self.note((*path, index))
                    self.value(item, (*path, index))
                    self.text += " ,"
                self.text += " # ]\n]"
            case dict():
                table: _Tree = dict(value)  # pyright: ignore[reportUnknownArgumentType] - drawn untyped
                self.text += "{ "
                for number, (key, item) in enumerate(table.items()):
                    self.text += ", " if number else ""
                    self.note((*path, key))
                    self.text += f"{_quoted(key)}="
                    self.value(item, (*path, key))
                self.text += " }"
            case _:
                self.text += str(value)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(_KEYS, st.dictionaries(_KEYS, _VALUES, max_size=3), max_size=3))
def test_every_key_of_any_document_is_found_where_it_was_written(
    tables: dict[str, dict[str, object]],
) -> None:
    writer = _Writer()
    writer.document(tables)
    tomllib.loads(writer.text)
    assert locate(writer.text) == writer.lines


def test_targets_of_a_route_are_found_in_every_way_to_write_them() -> None:
    lines = locate(
        "[routes.x]\n"
        "targets = [\n"
        '  "a/b",\n'
        '  { target = "a/c", when = { tools = true, tags = ["one", "two"] } },\n'
        "]\n"
        "[[routes.y.targets]]\n"
        'target = "a/b"\n'
        "[routes.y.targets.when]\n"
        "tools = true\n"
        "[[routes.y.targets]]\n"
        "when.tags = [\n"
        '  "one",\n'
        "]\n"
        "[routes.y.timeouts]\n"
        "total = 3\n"
    )
    x, y = ("routes", "x", "targets"), ("routes", "y", "targets")
    assert [lines[*x, 0], lines[*x, 1], lines[*x, 1, "when", "tags", 1]] == [3, 4, 4]
    assert [lines[*y, 0], lines[*y, 0, "target"], lines[*y, 0, "when"]] == [6, 7, 8]
    assert lines[*y, 0, "when", "tools"] == 9
    assert [lines[*y, 1], lines[*y, 1, "when"], lines[*y, 1, "when", "tags", 0]] == [10, 11, 12]
    assert lines["routes", "y", "timeouts", "total"] == 15
