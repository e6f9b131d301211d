"""Embeddings: texts in, vectors out."""

import msgspec

from dragoman.conversation.opaque import Opaque


class EmbeddingRequest(msgspec.Struct, frozen=True):
    """Texts, or texts as token numbers of one vendor's tokenizer, of which vectors are wanted.

    `dimensions` is the length of the vectors (>= 1), None for the model's own. `base64` says that the
    client wants vectors as base64 of little-endian 32-bit floats. `single` says that it asked for one
    input outside of any list. `extras` are fields that only `dialect` has (Google's `taskType`).
    """

    dialect: str
    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    dimensions: int | None = None
    base64: bool = False
    single: bool = False
    user: str | None = None
    extras: tuple[Opaque, ...] = ()


class EmbeddingResponse(msgspec.Struct, frozen=True):
    """One vector for each input, in the order of the inputs. `prompt_tokens` is None where the vendor
    does not say it; `estimated` that the count is ours.
    """

    model: str
    vectors: tuple[tuple[float, ...], ...]
    prompt_tokens: int | None = None
    estimated: bool = False
