"""The models endpoints: what this gateway serves, in the form of both of OpenAI's formats."""

import msgspec

from dragoman.dialects.dialect import ModelCard


def render_models(cards: list[ModelCard]) -> bytes:
    """`GET /models`. There is no paging in this format."""
    return msgspec.json.encode({"object": "list", "data": [_model(card) for card in cards]})


def render_model(card: ModelCard) -> bytes:
    """`GET /models/{id}`."""
    return msgspec.json.encode(_model(card))


def _model(card: ModelCard) -> dict[str, str | int]:
    return {"id": card.id, "object": "model", "created": card.created, "owned_by": card.owner}
