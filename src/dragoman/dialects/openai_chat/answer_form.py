"""What whole and streamed answers for our clients have in common."""

from collections.abc import Iterable

import msgspec

from dragoman.conversation.blocks import Audio, Image, Inline, Remote, ToolCall
from dragoman.conversation.response import AlternativeToken, TokenLogprob
from dragoman.conversation.turns import derived_call_id
from dragoman.dialects.data_url import data_url

ANSWER_PREFIX = "chatcmpl-"
"""What ids of answers begin with."""

JSON = msgspec.json.Encoder()


def call_id(call: ToolCall, answer: str, choice: int, ordinal: int) -> str:
    """A call's id; where the upstream gave none, one made of the call's place in the answer."""
    return call.id or derived_call_id(answer, str(choice), str(ordinal), call.name)


def extra_content(sealed: str) -> dict[str, object]:
    """Google's extension of a call, which clients of its own OpenAI layer hand back."""
    return {"google": {"thought_signature": sealed}}


def render_logprobs(tokens: Iterable[TokenLogprob]) -> bytes:
    """`logprobs` of a choice."""
    content = [{**_token(token), "top_logprobs": [_token(one) for one in token.top]} for token in tokens]
    return JSON.encode({"content": content, "refusal": None})


def _token(token: TokenLogprob | AlternativeToken) -> dict[str, object]:
    return {"token": token.token, "logprob": token.logprob, "bytes": token.bytes}


def image_part(image: Image) -> dict[str, object] | None:
    """A picture in an answer, in OpenRouter's place for it; None for one kept at a vendor."""
    source = image.source
    if not isinstance(source, Inline | Remote):
        return None
    url = data_url(source) if isinstance(source, Inline) else source.url
    return {"type": "image_url", "image_url": {"url": url}}


def audio_form(audio: Audio, answer: str) -> dict[str, object] | None:
    """Sound in an answer; None where it is not at hand. It cannot be referred to later: it expires
    at once.
    """
    if not isinstance(audio.source, Inline):
        return None
    return {"id": f"audio_{answer}", "expires_at": 0, "data": audio.source.data, "transcript": ""}
