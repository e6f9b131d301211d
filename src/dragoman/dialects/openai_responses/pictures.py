"""Pictures that the model made: items of their own, which hold them whole."""

import msgspec

from dragoman.conversation.blocks import Image, Inline
from dragoman.conversation.opaque import Opaque
from dragoman.dialects.media_type import sniffed_type
from dragoman.dialects.openai_responses.identifiers import made_here
from dragoman.dialects.openai_responses.wire import NAME

ITEM = "image_generation_call"


class _Item(msgspec.Struct):
    id: str = ""


_ITEM = msgspec.json.Decoder(_Item)


def picture_of(result: object, output_format: str | None) -> Inline | None:
    """The picture in an item's `result`; None where it holds none."""
    if not isinstance(result, str) or not result:
        return None
    return Inline(sniffed_type(result) or f"image/{output_format or 'png'}", result)


def remembered_item(raw: bytes) -> Opaque:
    """What a picture of the history keeps of its item, for the way back to this format."""
    return Opaque(NAME, ITEM, raw)


def item_of(image: Image) -> msgspec.Raw | None:
    """The item that a picture of the history came in; None where no upstream of this format made it."""
    for one in image.opaque:
        if (one.dialect, one.field) == (NAME, ITEM):
            own = _ITEM.decode(one.json).id
            return msgspec.Raw(one.json) if own and not made_here(own) else None
    return None
