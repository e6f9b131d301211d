"""The models endpoints."""

import msgspec

from dragoman.dialects.dialect import ModelCard


class _Model(msgspec.Struct, rename="camel", omit_defaults=True):
    name: str
    version: str
    display_name: str
    supported_generation_methods: tuple[str, ...]
    output_token_limit: int | None = None


_METHODS = ("generateContent", "streamGenerateContent", "countTokens")


def _model(card: ModelCard) -> _Model:
    return _Model(f"models/{card.id}", card.id, card.id, _METHODS, card.max_output_tokens)


def render_models(cards: list[ModelCard]) -> bytes:
    """The list of all models, in one page."""
    return msgspec.json.encode({"models": [_model(card) for card in cards]})


def render_model(card: ModelCard) -> bytes:
    """One model."""
    return msgspec.json.encode(_model(card))
