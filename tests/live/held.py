"""Keys that are held to limits and budgets: their own, their team's or a route's; of the file and of the
store.
"""

import json
from typing import Literal, NamedTuple

from tests.conftest import LiveGateway
from tests.live.client import MODELS, Ask, Client, Reply
from tests.live.own_gateway import ask_with
from tests.live.plain import ask

from dragoman.conversation.blocks import Text
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.testing.json_value import Object
from dragoman.testing.script import Scripted

ADMIN_KEY = "sk-admin-0123456789"
LONGEST = 900
"""Tokens that an answer may have."""
WRITTEN = 890
"""Tokens that one has."""
PRICE = 10
"""US dollars for a million tokens of an answer; prompts are free."""

Style = Literal["static", "virtual"]
HolderKind = Literal["key", "team", "route"]

LIMITS: dict[str, Object] = {
    "requests": {"limits": [{"requests": 1, "per": "day"}]},
    "tokens": {"limits": [{"tokens": 2500, "per": "day"}]},
    "cost": {"limits": [{"cost": 0.015, "per": "day"}]},
    "concurrency": {"max_concurrent": 1},
    "budget": {"budgets": [{"amount": 0.015, "per": "month", "zone": "Europe/Berlin"}]},
}
"""What admits one request of `LONGEST` tokens, and no other after it or beside it."""

OUTPUT_LIMITS: dict[str, Object] = {
    "openai_chat": {"max_completion_tokens": LONGEST},
    "openai_responses": {"max_output_tokens": LONGEST},
    "anthropic": {"max_tokens": LONGEST},
    "gemini": {"generationConfig": {"maxOutputTokens": LONGEST}},
}


class Holding(NamedTuple):
    """A key, the model to ask for with it, and who is held: its name."""

    key: str
    model: str
    name: str


def names(style: Style) -> list[tuple[str, HolderKind, str]]:
    """Every holder that there is for keys of a style: its name, what it is, its limit."""
    return [
        (f"{style}-{holder}-{limit}-{dialect}-{mode}", holder, limit)
        for holder in ("key", "team", "route")
        for limit in LIMITS
        for dialect in MODELS
        for mode in ("whole", "streamed")
    ]


def configuration() -> str:
    """Routes and static keys for every case, and prices."""
    parts = [f'[auth]\nadmin_key = "{ADMIN_KEY}"\nkeys = ["sk-client-0123456789"]\n[queue]\nsize = 0\n']
    for dialect, model in MODELS.items():
        parts.append(f'[prices."{dialect}/{model}"]\ninput = 0\noutput = {PRICE}\n')
        parts.append(f'[routes.{dialect}]\ntargets = ["{dialect}/{model}"]\n')
    for style in ("static", "virtual"):
        for name, holder, limit in names(style):
            rules = toml(LIMITS[limit])
            dialect = name.split("-")[3]
            target = f'targets = ["{dialect}/{MODELS[dialect]}"]\n'
            if holder == "route":
                parts.append(f"[routes.{name}]\n{target}{rules}")
            if style == "virtual":
                continue
            key = f'[keys.{name}]\nkey = "sk-{name}"\n'
            if holder == "key":
                parts.append(key + rules)
            elif holder == "team":
                parts.append(f'{key}team = "{name}"\n[teams.{name}]\n{rules}')
            else:
                parts.append(key)
    return "".join(parts)


def toml(rules: Object) -> str:
    """Rules as the configuration has them."""
    lines: list[str] = []
    for name, value in rules.items():
        if isinstance(value, list):
            tables = ", ".join(
                "{ " + ", ".join(f"{key} = {json.dumps(inner)}" for key, inner in one.items()) + " }"
                for one in value
                if isinstance(one, dict)
            )
            lines.append(f"{name} = [{tables}]\n")
        else:
            lines.append(f"{name} = {json.dumps(value)}\n")
    return "".join(lines)


def manage(gateway: LiveGateway, method: str, path: str, body: object = None, **headers: str | None) -> Reply:
    """One request to the management API, with its key."""
    said: dict[str, str | None] = {"authorization": f"Bearer {ADMIN_KEY}", **headers}
    return ask(gateway, f"/dragoman/api{path}", body, method, **said)


def issued(gateway: LiveGateway, name: str, **rules: object) -> str:
    """The text of a new virtual key."""
    told = manage(gateway, "POST", "/keys", {"name": name, **rules})
    assert told.status == 201, told
    return str(told.object["key"])


def holding(client: Client, style: Style, holder: HolderKind, limit: str, *, stream: bool) -> Holding:
    """A key of this style that is held to this limit."""
    name = f"{style}-{holder}-{limit}-{client.name}-{'streamed' if stream else 'whole'}"
    model = name if holder == "route" else client.name
    if style == "static":
        return Holding(f"sk-{name}", model, name)
    rules: dict[str, object] = dict(LIMITS[limit]) if holder == "key" else {}
    if holder == "team":
        told = manage(client.gateway, "POST", "/teams", {"name": name, **LIMITS[limit]})
        assert told.status == 201, told
        rules = {"team": name}
    return Holding(issued(client.gateway, name, **rules), model, name)


def asking(client: Client, model: str, key: str, *, stream: bool) -> Ask:
    """A request with a key, for an answer of at most `LONGEST` tokens."""
    body = client.request(model, stream=stream) | OUTPUT_LIMITS[client.name]
    usual = ask_with(client, model, key, stream=stream)
    return usual._replace(body=json.dumps(body).encode())


def long_answer(delay: float = 0.0) -> Scripted:
    """An answer that leaves nothing for another one."""
    choice = Choice(0, (Text("Once upon a time."),), Stop(StopReason.END))
    return Scripted(Response("", "", (choice,), Usage(input=10, output=WRITTEN)), delay=delay)
