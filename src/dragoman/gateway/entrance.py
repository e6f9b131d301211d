"""Who comes in: whose key it is, what it may ask for, and what it is held to."""

from dragoman.access.key_info import KeyInfo
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.gateway.admission import Admission
from dragoman.gateway.call import Call
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.record import Record
from dragoman.routing.route import Route
from dragoman.store.error import StoreError


async def authenticate(gateway: Gateway, key: str | None) -> KeyInfo:
    """Whose key it is. Raises `FailureError` for a missing or unknown one, and for one that opens nothing
    now; also where the store would have to say it and cannot.

    Whoever serves an endpoint asks this first, before a request is read to its end.
    """
    known = gateway.keys.verify(key)
    if known is None:
        try:
            known = await gateway.keys.seek(key)
        except StoreError:
            raise FailureError(_UNREADABLE) from None
    if known is None:
        raise FailureError(_unknown(key))
    if known.disabled:
        raise FailureError(
            Failure(
                FailureKind.PERMISSION,
                f"The API key '{known.name}' is disabled. Ask whoever runs this gateway to enable it.",
                code="key_disabled",
            )
        )
    if known.expires is not None and known.expires <= gateway.now():
        raise FailureError(
            Failure(
                FailureKind.AUTHENTICATION,
                f"The API key '{known.name}' has expired. Ask whoever runs this gateway for a new one.",
                code="key_expired",
            )
        )
    return known


def check_model(key: KeyInfo, model: str) -> None:
    """Refuse a model that the key may not use, before anything is told of it. Raises `FailureError`."""
    if not key.may_use(model):
        raise FailureError(
            Failure(
                FailureKind.PERMISSION,
                f"The API key '{key.name}' may not use the model '{model[:100]}'. "
                f"It may use: {', '.join(key.routes)}.",
                param="model",
                code="model_not_allowed",
            )
        )


def check_operator(key: KeyInfo) -> None:
    """Refuse to tell what concerns everybody to keys that are given to others. Raises `FailureError`."""
    if key.virtual or key.routes:
        raise FailureError(
            Failure(
                FailureKind.PERMISSION,
                f"The API key '{key.name}' may not see what concerns all routes and keys. Use a key of the "
                "configuration file that may use every model.",
                code="operators_only",
            )
        )


def admitted(gateway: Gateway, call: Call, record: Record, route: Route) -> Admission:
    """What the request is held to, to be entered. Raises `FailureError` where nothing can be written down any
    more.
    """
    key, allowances = call.key, gateway.allowances
    if gateway.ledger.full and gateway.ledger.settings.when_full == "refuse":
        raise FailureError(
            Failure(
                FailureKind.OVERLOADED,
                "The ledger cannot be written: the store is out of reach, and what waits for it has filled "
                "its place (ledger.max_journal_bytes).",
                retry_after=10.0,
            )
        )
    return Admission(
        allowances,
        allowances.rules(key.holders, route.name),
        record,
        until=record.began + route.timeouts.total,
        priority=key.priority,
    )


_UNREADABLE = Failure(
    FailureKind.OVERLOADED,
    "Whether the API key is valid cannot be told: the store of the gateway is out of reach. Try again soon.",
    retry_after=1.0,
)


def _unknown(key: str | None) -> Failure:
    problem = (
        "No API key was sent. Send a key of this gateway as 'Authorization: Bearer KEY', 'x-api-key: KEY' "
        "or 'x-goog-api-key: KEY'."
        if key is None
        else "The API key is not valid here. Send a key of this gateway, not one of a provider."
    )
    return Failure(FailureKind.AUTHENTICATION, problem, code="invalid_api_key")
