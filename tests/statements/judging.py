"""A request as its upstream would get it, judged by that vendor's own rules, without a socket between.

For what has to hold for every model there is: many thousands of requests.
"""

from typing import NamedTuple

from tests.statements.asking import C, G, R, written

from dragoman.conversation.loss import Loss
from dragoman.dialects.dialect import Location, Target
from dragoman.dialects.registry import DIALECTS
from dragoman.gateway.plan import translation
from dragoman.models.profile import profile_of
from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import Object, decode_object
from dragoman.testing.rules.refusal import Access
from dragoman.testing.vendors import VENDORS


class Judged(NamedTuple):
    """What the vendor has taken."""

    body: Object
    losses: tuple[Loss, ...]


def judged(client: str, upstream: str, model: str, body: Object) -> Judged:
    """The request for a model in its upstream's words. Raises `RefusedError` where the vendor refuses it."""
    location = Location(model if client == G else None)
    request = DIALECTS[client].parse_request(written(client, model, body), location)
    target = Target("vendor", model, "vendor/family", profile_of(model))
    planned = translation(DIALECTS[client], request, DIALECTS[upstream], target)
    base = "/v1" if upstream in {C, R} else ""
    name, prefix = DIALECTS[upstream].credential
    headers = {**dict(planned.wire.headers), "content-type": "application/json", name: f"{prefix}key"}
    address, _, query = (base + planned.wire.path).partition("?")
    incoming = Incoming("POST", address, {"alt": "sse"} if query else {}, headers, planned.wire.body)
    VENDORS[upstream].check_request(incoming, Access())
    return Judged(decode_object(planned.wire.body), planned.losses)
