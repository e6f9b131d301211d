"""A gateway that is told a secret in every place there is, and configurations that are wrong about one.

All secrets hold one word that nothing else holds. They have no shape by which they could be told.
"""

import time
from pathlib import Path

from tests.live.client import MODELS
from tests.live.command import Service
from tests.live.raw_upstream import RawUpstream

from dragoman.testing.server import FakeServer

MARK = "zulu"

CLIENT = f"{MARK}-client/9x+Q="
TEAM = f"{MARK}-team-41b7"
FIRST, SECOND = f"{MARK}-first/71+d=", f"{MARK}-second-aa02"
HEADER = f"{MARK}-header-5c5c"
OTHER = f"{MARK}-other-0f3e"
PASSWORD, PROXY = f"{MARK}-valkey-88d1", f"{MARK}-proxy-3e9a"
RENEWED = f"{MARK}-renewed-1d1d"
SECRETS = (CLIENT, TEAM, FIRST, SECOND, HEADER, OTHER, PASSWORD, PROXY)

HEAD = """
[auth]
keys = ["{client}"]
[keys.team]
key = "{team}"
[log]
level = "debug"
format = "{form}"
[retries]
attempts = 2
backoff = 0
[health]
min_failures = 1000000
[coordination]
url = "valkey://somebody:{password}@127.0.0.1:1/0"
[providers.tls]
dialect = "openai_chat"
base_url = "https://127.0.0.1:{fake_port}/v1"
api_key = "{other}"
[providers.proxied]
dialect = "openai_chat"
base_url = "https://upstream.example/v1"
api_key = "{other}"
[providers.closed]
dialect = "openai_chat"
base_url = "http://127.0.0.1:1/v1"
api_key = "{other}"
[routes.team]
targets = [{{ target = "closed/gpt-4o", when = {{ tags = ["staff"] }} }}]
"""
PROVIDER = """
[providers.{place}_{name}]
dialect = "{name}"
base_url = "{url}"
api_keys = ["{first}", "{second}"]
headers = {{ x-login = "Token {header}" }}
[routes.{place}_{name}]
targets = ["{place}_{name}/{model}"]
attempts = 1
"""
ELSEWHERE = """
[providers.other_{name}]
dialect = "{name}"
base_url = "{url}"
api_key = "{other}"
[routes.both_{name}]
targets = ["fake_{name}/{model}", "other_{name}/{model}"]
affinity = 0
"""


def configuration(fake: FakeServer, raw: RawUpstream, form: str) -> str:
    values = {"client": CLIENT, "team": TEAM, "password": PASSWORD, "other": OTHER}
    parts = [HEAD.format(form=form, fake_port=fake.url.rpartition(":")[2], **values)]
    for name, model in MODELS.items():
        path = "/v1" if name.startswith("openai_") else ""
        at = {"name": name, "model": model, "first": FIRST, "second": SECOND, "header": HEADER}
        parts.append(PROVIDER.format(place="fake", url=fake.url + path, **at))
        parts.append(PROVIDER.format(place="raw", url=f"http://127.0.0.1:{raw.port}{path}", **at))
        parts.append(ELSEWHERE.format(name=name, model=model, url=fake.url + path, other=OTHER))
    return "".join(parts)


class Watched:
    """The real command, and what it has written since the last look."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service = service
        self.folder = folder
        self.gateway = service.wait()._replace(key=CLIENT)
        self._read = 0

    def written(self) -> str:
        """What is new in the log and on standard output."""
        log = self.service.log
        new, self._read = log[self._read :], len(log)
        return new + self.service.output

    def entries(self, event: str) -> str:
        """The log, once there is an entry in it of this event, or with these words."""
        until = time.monotonic() + 5
        while event not in self.service.log[self._read :]:
            assert time.monotonic() < until, self.service.log[self._read :]
            time.sleep(0.01)
        return self.written()


WRONG = {
    "string_not_closed": f'[auth]\nkeys = ["{CLIENT}]',
    "no_quotes": f"[auth]\nkeys = [{CLIENT}]",
    "no_list": f'[auth]\nkeys = "{CLIENT}"',
    "no_text": f'[auth]\nkeys = [["{CLIENT}"]]',
    "unknown_field": f'[auth]\nkey = "{CLIENT}"',
    "unknown_section": f'[secrets]\na = "{CLIENT}"',
    "no_section": f'auth = "{CLIENT}"',
    "listed_twice": f'[auth]\nkeys = ["{CLIENT}", "{CLIENT}"]',
    "in_both_places": f'[auth]\nkeys = ["{CLIENT}"]\n[keys.team]\nkey = "{CLIENT}"',
    "bare_value": f"[auth]\nkeys = {CLIENT}",
    "key_twice": f'[auth]\nkeys = ["{CLIENT}"]\nkeys = ["{TEAM}"]',
    "heading_not_closed": f'[auth\nkeys = ["{CLIENT}"]',
    "bad_escape": f'[auth]\nkeys = ["\\q{CLIENT}"]',
    "control_character": f'[auth]\nkeys = ["{CLIENT}\\u0007"]',
    "not_ascii": f'[auth]\nkeys = ["{CLIENT}é"]',
    "space": f'[auth]\nkeys = ["{CLIENT} x"]',
    "variable": f'[auth]\nkeys = ["${CLIENT}"]',
    "named_key_no_table": f'[keys]\nteam = "{TEAM}"',
    "named_key_list": f'[keys.team]\nkey = ["{TEAM}"]',
    "named_key_field": f'[keys.team]\nkey = "{TEAM}"\nsecret = "{TEAM}"',
    "named_key_priority": f'[keys.team]\nkey = "{TEAM}"\npriority = "{TEAM}"',
    "provider_no_table": f'[providers]\nopenai = "{FIRST}"',
    "provider_key_list": f'[providers.openai]\napi_key = ["{FIRST}"]',
    "provider_keys_text": f'[providers.openai]\napi_keys = "{FIRST}"',
    "provider_keys_twice": f'[providers.openai]\napi_keys = ["{FIRST}", "{FIRST}"]',
    "provider_both": f'[providers.openai]\napi_key = "{FIRST}"\napi_keys = ["{SECOND}"]',
    "provider_field": f'[providers.openai]\napikey = "{FIRST}"',
    "provider_space": f'[providers.openai]\napi_key = "{FIRST} x"',
    "provider_break": f'[providers.openai]\napi_key = "{FIRST}\\nx"',
    "header_text": f'[providers.openai]\nheaders = "{HEADER}"',
    "header_list": f'[providers.openai]\nheaders = {{ x = ["{HEADER}"] }}',
    "header_break": f'[providers.openai]\nheaders = {{ x = "{HEADER}\\n" }}',
    "user_info": f'[providers.openai]\nbase_url = "https://me:{FIRST}@host/v1"',
    "user_info_in_dialects": f'[providers.x]\ndialects = {{ gemini = "https://me:{FIRST}@host" }}',
    "query": f'[providers.openai]\nbase_url = "https://host/v1?key={FIRST}"',
    "no_url": f'[providers.openai]\nbase_url = "me:{FIRST}@host"',
    "bad_port": f'[providers.openai]\nbase_url = "https://host:{FIRST}/v1"',
    "valkey_scheme": f'[coordination]\nurl = "http://me:{PASSWORD}@host/0"',
    "valkey_port": f'[coordination]\nurl = "valkey://me:{PASSWORD}@host:x/0"',
    "valkey_slash": f'[coordination]\nurl = "valkey://me:a/{PASSWORD}@host:1/0"',
    "valkey_query": f'[coordination]\nurl = "valkey://host:1/0?password={PASSWORD}"',
    "valkey_list": f'[coordination]\nurl = ["{PASSWORD}"]',
}
