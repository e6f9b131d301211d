"""Whatever a file says, it is either taken or refused with a `ConfigError` in plain words."""

import re
import tomllib
from collections.abc import Callable, Iterator

import msgspec
import pytest
from msgspec import inspect

from dragoman.config.settings import Document, Settings
from dragoman.config.source import ConfigError

Load = Callable[..., Settings]

VALUES = [
    "true", "0", "-1", "1", "1e99", "nan", "inf", '""', '"p59"', '"a/b"', '"$UNSET"', "[]", "[1]", '["a/b"]',
    '["a/b", "a/b"]', "[[]]", "{}", "{ x = 1 }", "[{}]", "[{ x = 1 }]", "1979-05-27", "07:32:00",
]  # fmt: skip


def _fields(kind: type[msgspec.Struct], heading: str) -> Iterator[tuple[str, str]]:
    """Every key of the file, with the heading that it stands under."""
    for field in msgspec.structs.fields(kind):
        yield heading, field.name
        found = inspect.type_info(field.type)
        if isinstance(found, inspect.DictType):
            found, inner = found.value_type, f"{heading}{field.name}.x."
        else:
            inner = f"{heading}{field.name}."
        if isinstance(found, inspect.StructType) and found.cls is not kind:
            yield from _fields(found.cls, inner)


KEYS = sorted(
    {
        *_fields(Document, ""),
        *(("routes.x.targets.", name) for name in ("target", "weight", "max_concurrent", "when")),
        *(("routes.x.targets.when.", name) for name in ("tools", "images", "min_input_tokens", "tags", "y")),
    }
)


def _refusal(load: Load, text: str) -> ConfigError | None:
    try:
        load(text)
    except ConfigError as error:
        return error
    return None


@pytest.mark.parametrize(("heading", "key"), KEYS)
def test_every_value_is_taken_or_refused_in_plain_words(load: Load, heading: str, key: str) -> None:
    refused = 0
    for value in VALUES:
        text = f"{heading}{key} = {value}\n"
        if heading.startswith("routes.x.targets."):
            text = "[[routes.x.targets]]\n" + text.removeprefix("routes.x.targets.")
        tomllib.loads(text)
        refusal = _refusal(load, text)
        if refusal is not None:
            refused += 1
            assert re.match(r"dragoman\.toml:[12]: ", str(refusal)), (text, refusal)
            assert "`" not in str(refusal), (text, refusal)
            assert "Expected" not in str(refusal), (text, refusal)
            assert not refusal.remedy.endswith(("= ", ": ", "of: ")), (text, refusal)
    assert refused > len(VALUES) / 2
