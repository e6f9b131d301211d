"""How the gateway under soak is set up."""

from tests.conftest import CLIENT_KEY, UPSTREAM_KEY
from tests.live.client import MODELS
from tests.soak.errands import ATTEMPTS, BETWEEN_EVENTS, CLIENTS, FIRST_EVENT

CONFIG = f"""
[server]
port = 0
[keys.soak]
key = "{CLIENT_KEY}"
max_concurrent = {CLIENTS - 4}
[log]
format = "json"
[timeouts]
first_event = {FIRST_EVENT}
between_events = {BETWEEN_EVENTS}
total = 20
[retries]
attempts = {ATTEMPTS}
backoff = 0.02
"""

_PLACE = """
[providers.{place}_{name}]
dialect = "{name}"
base_url = "{url}"
api_keys = {keys}
max_concurrent = 8
"""

_ROUTE = """
[routes.to_{name}]
targets = ["first_{name}/{model}", "second_{name}/{model}"]
{manner}
"""

_PLACES = ("first", "second")

_MANNERS = {
    "openai_chat": 'strategy = "ordered"\naffinity = 0',
    "openai_responses": 'strategy = "least_busy"',
    "anthropic": 'strategy = "fastest"\nhedge_after = 0.5',
    "gemini": 'strategy = "weighted"\nhedge_after = "p95"',
}
"""How each route chooses: all ways are soaked."""


def route(upstream: str) -> str:
    """The model name that leads to upstreams of this dialect."""
    return f"to_{upstream}"


def is_hedged(upstream: str) -> bool:
    """Whether a second upstream of this dialect is asked where the first is slow."""
    return "hedge_after" in _MANNERS[upstream]


def credentials(upstream: str) -> list[str]:
    """The keys that the gateway presents to upstreams of this dialect."""
    return [f"{UPSTREAM_KEY}-{upstream}-{place}-{number}" for place in _PLACES for number in (1, 2)]


def configuration(port: int) -> str:
    """Four routes, each to two providers of one dialect with two keys each."""
    parts = [CONFIG]
    for name, model in MODELS.items():
        url = f"http://127.0.0.1:{port}" + ("/v1" if name.startswith("openai_") else "")
        keys = credentials(name)
        for place, own in zip(_PLACES, (keys[:2], keys[2:]), strict=True):
            parts.append(_PLACE.format(place=place, name=name, url=url, keys=own))
        parts.append(_ROUTE.format(name=name, model=model, manner=_MANNERS[name]))
    return "".join(parts)
