"""Log probabilities of text, to and from the neutral tokens."""

from collections.abc import Iterable

import msgspec

from dragoman.conversation.response import AlternativeToken, TokenLogprob
from dragoman.dialects.json_tree import UNREADABLE
from dragoman.dialects.openai_responses.answer_wire import TokenLogprobWire

_TOKENS: msgspec.json.Decoder[list[TokenLogprobWire] | None] = msgspec.json.Decoder(
    list[TokenLogprobWire] | None
)
_NONE = frozenset({b"", b"[]", b"null"})


def parse_logprobs(raw: bytes) -> tuple[TokenLogprob, ...]:
    """The tokens of a `logprobs` list; none where a host writes something else there."""
    if raw in _NONE:
        return ()
    try:
        tokens = _TOKENS.decode(raw)
    except UNREADABLE:
        return ()
    return tuple(
        TokenLogprob(
            token.token,
            token.logprob,
            None if token.bytes is None else tuple(token.bytes),
            tuple(
                AlternativeToken(one.token, one.logprob, None if one.bytes is None else tuple(one.bytes))
                for one in token.top_logprobs or ()
            ),
        )
        for token in tokens or ()
    )


def render_logprobs(tokens: Iterable[TokenLogprob]) -> bytes:
    """A `logprobs` list."""
    return msgspec.json.encode(
        [{**_token(token), "top_logprobs": [_token(one) for one in token.top]} for token in tokens]
    )


def _token(token: TokenLogprob | AlternativeToken) -> dict[str, object]:
    return {"token": token.token, "logprob": token.logprob, "bytes": token.bytes or ()}
