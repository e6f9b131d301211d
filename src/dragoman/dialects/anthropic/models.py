"""The models endpoints."""

import datetime as dt

import msgspec

from dragoman.dialects.dialect import ModelCard


class Model(msgspec.Struct, tag_field="type", tag="model", omit_defaults=True):
    """One model; `created_at` is an RFC 3339 instant."""

    id: str
    display_name: str
    created_at: str
    lifecycle: str | None = None
    max_tokens: int | None = None


class ModelPage(msgspec.Struct):
    """All models on one page."""

    data: list[Model]
    has_more: bool
    first_id: str | None
    last_id: str | None


def render_models(cards: list[ModelCard]) -> bytes:
    """The list of models."""
    models = [_model(card) for card in cards]
    first, last = (models[0].id, models[-1].id) if models else (None, None)
    return msgspec.json.encode(ModelPage(models, has_more=False, first_id=first, last_id=last))


def render_model(card: ModelCard) -> bytes:
    """One model."""
    return msgspec.json.encode(_model(card))


def _model(card: ModelCard) -> Model:
    created = dt.datetime.fromtimestamp(card.created, dt.UTC)
    return Model(
        card.id,
        display_name=card.id,
        created_at=created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        lifecycle="active",
        max_tokens=card.max_output_tokens,
    )
