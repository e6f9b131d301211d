"""Members of a request replaced, and every other byte as it was."""

import json
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.dialects.json_text import decode_some, is_empty_array, is_given, opens_with, splice_model

SPACE = st.sampled_from(["", "", "", " ", "\n", "\t ", "\r\n  "])
VALUES = st.sampled_from(
    [
        "1",
        "true",
        '"model"',
        '"a\\"model\\":\\"old\\""',
        '{"model":"old"}',
        '{"x" : {"model": "old"}}',
        '[{"model":"old"},"model" ]',
        '"Приветствую"',
        "{}",
        "-1.5e3",
    ]
)
NAMES = st.sampled_from(["n", "mode", "models", "messages", "a\\u0062c", "ключ", "", "metadata"])
MODEL = st.sampled_from(['"model"', '"model"', '"mod\\u0065l"'])


class Body(NamedTuple):
    """A request in pieces: what stands before the model's name, its JSON, and what stands after it."""

    before: str
    model: str
    after: str
    repeated: bool


@st.composite
def bodies(draw: st.DrawFn) -> Body:
    """Requests in every layout, some with members that are given twice."""
    pairs = draw(st.lists(st.tuples(NAMES, VALUES), max_size=6))
    place = draw(st.integers(0, len(pairs)))
    repeated = len({json.loads(f'"{name}"') for name, _ in pairs}) < len(pairs)
    model = draw(st.sampled_from(['"old"', '"a/\\u0062"', '"ж"']))
    parts = ["{"]
    at = 0
    members = [*(f'"{name}"' for name, _ in pairs)]
    members.insert(place, draw(MODEL))
    values = [value for _, value in pairs]
    values.insert(place, model)
    style = draw(st.sampled_from([("", "", ""), ("", " ", ""), (" ", " ", ""), None]))
    for number, (member, value) in enumerate(zip(members, values, strict=True)):
        before_name, before_value, end = style or (draw(SPACE), draw(SPACE), draw(SPACE))
        comma = "," if number else ""
        space = before_name if number or style is None else ""
        parts.append(f"{comma}{space}{member}{'' if style else draw(SPACE)}:{before_value}")
        if number == place:
            at = len(parts)
        parts += [value, end]
    parts.append("}")
    return Body("".join(parts[:at]), model, "".join(parts[at + 1 :]), repeated)


@given(bodies(), st.sampled_from(["new", "old", 'q"uote', "ж"]))
def test_only_the_models_name_is_replaced(body: Body, model: str) -> None:
    whole = f"{body.before}{body.model}{body.after}".encode()
    fields = msgspec.json.decode(whole, type=dict[str, msgspec.Raw])

    spliced = splice_model(whole, fields, model)

    if body.repeated:
        pairs: list[tuple[str, object]] = json.loads(spliced, object_pairs_hook=list)
        assert [name for name, _ in pairs] == list(fields)
        assert json.loads(spliced) == {**json.loads(whole), "model": model}
    else:
        wanted = msgspec.json.encode(model).decode()
        assert spliced.decode() == f"{body.before}{wanted}{body.after}"


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"cheap","n":1,"model":"dear"}',
        b'{"n":1,"model":"dear","n":2}',
        b'{"model":"dear","n":1,"n":1}',
        b'{"n":1,"mod\\u0065l":"cheap","model":"dear"}',
        b'{ "model": "dear", "messages": [], "n": 1, "n": 2, "stream": false, "temperature": 1 }',
    ],
)
@pytest.mark.parametrize("model", ["dear", "other"])
def test_a_member_that_is_given_twice_goes_on_once(body: bytes, model: str) -> None:
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    pairs: list[tuple[str, object]] = json.loads(splice_model(body, fields, model), object_pairs_hook=list)
    assert sorted(name for name, _ in pairs) == sorted(fields)
    assert dict(pairs)["model"] == model


def test_a_body_that_names_the_model_already_is_not_copied() -> None:
    body = b'{"model": "m", "messages": [1]}'
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    assert splice_model(body, fields, "m") is body


class _Wanted(msgspec.Struct):
    n: int = 0


@pytest.mark.parametrize("size", [10, 10_000])
def test_some_members_are_read_alike_from_small_bodies_and_large_ones(size: int) -> None:
    decoder = msgspec.json.Decoder(_Wanted)
    body = msgspec.json.encode({"text": "x" * size, "n": 3})
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    assert decode_some(decoder, body, fields, {"n"}).n == 3


@pytest.mark.parametrize(
    ("text", "empty"), [("[]", True), ("[ \n\t]", True), ("[1]", False), ("[ 1]", False), ('"[]"', False)]
)
def test_an_array_is_empty_if_nothing_but_space_is_in_it(text: str, empty: bool) -> None:
    assert is_empty_array(msgspec.Raw(text.encode())) is empty


def test_what_is_absent_or_null_is_not_given() -> None:
    assert not is_given(msgspec.Raw())
    assert not is_given(msgspec.Raw(b"null"))
    assert is_given(msgspec.Raw(b"0"))
    assert not opens_with(msgspec.Raw(), b"[")
