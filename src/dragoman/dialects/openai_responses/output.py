"""The output of an answer for our clients: its events, numbered, and the items that they add up to."""

import msgspec

from dragoman.dialects.openai_responses.identifiers import item_id

_encode = msgspec.json.Encoder().encode


class Output:
    """What has been written of an answer so far.

    Events are numbered without gaps, from 0. Items are kept as they were when they were done, for the
    response that the last event holds.
    """

    __slots__ = ("_items", "_number", "answer")

    def __init__(self, answer: str) -> None:
        """Take the answer's id."""
        self.answer = answer
        self._number = 0
        self._items: list[bytes] = []

    def next_number(self) -> int:
        """The number of the next event."""
        self._number += 1
        return self._number - 1

    def frame(self, kind: bytes, members: bytes) -> bytes:
        """An event; `members` are those of its data beside its type and number, as JSON text that begins
        with a comma.
        """
        number = str(self.next_number()).encode()
        return (
            b"event: "
            + kind
            + b'\ndata: {"type":"'
            + kind
            + b'","sequence_number":'
            + number
            + members
            + b"}\n\n"
        )

    @property
    def items(self) -> bytes:
        """The items that are done, as a JSON array."""
        return b"[" + b",".join(item for item in self._items if item) + b"]"

    def place(self, prefix: str, own: str = "") -> "Place":
        """The place of the next item, whose id is `own` or else made here."""
        index = len(self._items)
        self._items.append(b"")
        return Place(self, index, own or item_id(prefix, self.answer, index))

    def whole(self, item: dict[str, object], begun: dict[str, object], prefix: str, own: str = "") -> bytes:
        """An item that comes at once, without its id. `begun` is what is different when it begins."""
        place = self.place(prefix, own)
        item = {"id": place.id, **item}
        return place.begin({**item, **begun}) + place.end(item)

    def keep(self, index: int, item: bytes) -> None:
        """An item is done."""
        self._items[index] = item

    def is_last(self, index: int) -> bool:
        """Whether no item has begun after the one at `index`."""
        return index == len(self._items) - 1


class Place:
    """One item's place in the output: its index and its id, which all of its events name."""

    __slots__ = ("_at", "_head", "_output", "id", "index")

    def __init__(self, output: Output, index: int, own: str) -> None:
        self.index = index
        self.id = own
        self._output = output
        self._at = b',"output_index":' + str(index).encode()
        self._head = b',"item_id":' + _encode(own) + self._at

    def begin(self, item: dict[str, object]) -> bytes:
        """The item as it begins."""
        return self._output.frame(b"response.output_item.added", self._at + b',"item":' + _encode(item))

    def tell(self, kind: bytes, members: bytes = b"") -> bytes:
        """An event about the item."""
        return self._output.frame(kind, self._head + members)

    def end(self, item: dict[str, object]) -> bytes:
        """The item as it is in the end."""
        whole = _encode(item)
        self._output.keep(self.index, whole)
        return self._output.frame(b"response.output_item.done", self._at + b',"item":' + whole)

    @property
    def is_last(self) -> bool:
        """Whether no item has begun after this one."""
        return self._output.is_last(self.index)
