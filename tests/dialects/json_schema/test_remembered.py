"""Conversions of schemas are done once, and tell every time what they lose."""

import msgspec

from dragoman.conversation.loss import Loss, dropped
from dragoman.dialects.json_schema.remembered import LARGEST, remembered


class _Counted:
    """A conversion that counts how often it is done."""

    def __init__(self) -> None:
        self.count = 0

    def convert(self, schema: bytes, path: str, losses: list[Loss]) -> bytes:
        self.count += 1
        losses.append(dropped(path, "code"))
        return schema + b" "


def test_the_same_schema_is_converted_once_and_its_losses_are_told_each_time() -> None:
    counted = _Counted()
    convert = remembered(counted.convert)
    for _ in range(3):
        losses: list[Loss] = []
        assert convert(b"{}", "$.a", losses) == b"{} "
        assert losses == [dropped("$.a", "code")]
    assert counted.count == 1


def test_another_path_has_losses_of_its_own() -> None:
    convert = remembered(_Counted().convert)
    losses: list[Loss] = []
    convert(b"{}", "$.a", losses)
    convert(b"{}", "$.b", losses)
    assert [loss.path for loss in losses] == ["$.a", "$.b"]


def test_large_schemas_are_not_kept() -> None:
    counted = _Counted()
    convert = remembered(counted.convert)
    schema = msgspec.json.encode({"description": "x" * LARGEST})
    convert(schema, "$", [])
    convert(schema, "$", [])
    assert counted.count == 2
