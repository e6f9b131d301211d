"""Settings that OpenAI's two formats have under one name and with one meaning."""

from dragoman.conversation.failure import invalid
from dragoman.conversation.loss import Loss, approximated, dropped
from dragoman.conversation.request import Request
from dragoman.dialects.dialect import Target
from dragoman.dialects.openai_family import FAMILY, own_fields, service_tier, user_identifier
from dragoman.dialects.places import logprobs_field

Body = dict[str, object]


def capped(limit: int, target: Target, losses: list[Loss]) -> int:
    """How many tokens may be asked for, at most as many as the model writes."""
    most = target.profile.max_output_tokens
    if most is None or limit <= most:
        return limit
    losses.append(approximated("$.max_tokens", "max_tokens", f"{target.model} writes at most {most}"))
    return most


def accepted_sampling(
    knobs: Body, request: Request, target: Target, effort: str | None, losses: list[Loss]
) -> Body:
    """Those knobs of token choice that are set and that the model takes while it reasons with `effort`.

    Raises `FailureError` for log probabilities where there are none.
    """
    sampling, profile = request.sampling, target.profile
    given = {name: value for name, value in knobs.items() if value is not None}
    most = profile.max_temperature
    if most is not None and sampling.temperature is not None and sampling.temperature > most:
        given["temperature"] = most
        losses.append(
            approximated("$.temperature", "temperature", f"temperatures of {target.model} go up to {most}")
        )
    reasons = profile.reasoning_default if effort is None else effort != "none"
    if profile.sampling == "none" or (profile.sampling == "unless_reasoning" and reasons):
        losses.extend(dropped(f"$.{name}", name, f"{target.model} refuses it") for name in given)
        if request.top_logprobs is not None:
            field = logprobs_field(request.dialect)
            raise invalid(
                f"'{field}': {target.model} gives no log probabilities while it reasons.",
                field,
                "unsupported_parameter",
            )
        return {}
    if profile.sampling == "one" and "temperature" in given and "top_p" in given:
        del given["top_p"]
        losses.append(dropped("$.top_p", "top_p", f"{target.model} takes it only without temperature"))
    return given


def render_terms(request: Request, dialect: str, body: Body, losses: list[Loss]) -> None:
    """Who asks, and on what terms, in the format `dialect`."""
    named = any(one.field == "safety_identifier" for one in own_fields(request.extras, dialect))
    if request.user is not None and not named:
        body["user"] = user_identifier(request.user)
    if request.service_tier is not None:
        tier = service_tier(request.service_tier, request.dialect, dialect)
        if tier is None:
            losses.append(dropped("$.service_tier", "service_tier", f"no tier '{request.service_tier}' here"))
        else:
            body["service_tier"] = tier
    if request.metadata is not None:
        if request.dialect in FAMILY:
            body["metadata"] = request.metadata
        else:
            losses.append(dropped("$.metadata", "metadata", "labels of another vendor"))
