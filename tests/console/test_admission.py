"""Who is let in, and who is kept out for how long."""

import msgspec
import pytest
from structlog.testing import LogCapture
from tests.console.api import ADMIN_KEY, Api
from tests.console.conftest import SETTINGS, BuildApp, Clock

from dragoman.config.secret import Secret
from dragoman.config.settings import Auth, Settings
from dragoman.console.admission import MOST_FAILURES, MOST_OVERALL, WINDOW, Admission
from dragoman.console.problem import ProblemError

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)]

PLACES = ("/", "/keys", "/openapi.json", "/nothing")


@pytest.mark.parametrize("path", PLACES)
async def test_without_a_configured_key_nobody_is_let_in_and_told_what_to_configure(
    build_app: BuildApp, path: str
) -> None:
    for auth in (Auth(), Auth(admin_key=Secret(""))):
        told = await Api(build_app(Settings(auth=auth))).get(path)
        assert (told.status, told.error["type"]) == (403, "permission")
        assert "admin_key" in str(told.error["message"])


@pytest.mark.parametrize("path", PLACES)
async def test_without_the_key_nothing_is_told(api: Api, path: str) -> None:
    for key in (None, "wrong", ADMIN_KEY[:-1], f"{ADMIN_KEY}x", ADMIN_KEY.upper()):
        told = await api.presenting(key).get(path)
        assert (told.status, told.error["type"]) == (401, "authentication")
        assert told.headers["www-authenticate"] == "Bearer"
        assert key is None or key not in str(told.error["message"])


async def test_a_client_key_is_none_of_an_administrator(api: Api) -> None:
    issued = (await api.post("/keys", {"name": "ada"})).json["key"]
    static = next(iter(SETTINGS.keys.values())).key.reveal()
    for key in (str(issued), static):
        assert (await api.presenting(key).get("/keys")).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {ADMIN_KEY}"},
        {"authorization": f"bearer  {ADMIN_KEY} "},
        {"x-api-key": ADMIN_KEY},
    ],
)
async def test_the_key_goes_into_either_header(api: Api, headers: dict[str, str]) -> None:
    assert (await api.presenting(None).send("GET", "/keys", headers)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": ADMIN_KEY},
        {"authorization": f"Basic {ADMIN_KEY}"},
        {"x-goog-api-key": ADMIN_KEY},
        {"api-key": ADMIN_KEY},
        {"cookie": f"key={ADMIN_KEY}"},
        {"authorization": "Bearer wrong", "x-api-key": ADMIN_KEY},
    ],
)
async def test_the_key_goes_into_no_other_place(api: Api, headers: dict[str, str]) -> None:
    assert (await api.presenting(None).send("GET", "/keys", headers)).status == 401


@pytest.mark.parametrize("name", ["key", "api_key", "access_token"])
async def test_the_key_never_goes_into_the_url(api: Api, name: str) -> None:
    assert (await api.presenting(None).send("GET", "/keys", query=f"{name}={ADMIN_KEY}")).status == 401


async def test_another_key_counts_as_soon_as_the_settings_say_so(build_app: BuildApp) -> None:
    other = msgspec.structs.replace(SETTINGS, auth=Auth(admin_key=Secret("another-0123456789")))
    app = build_app(other)
    assert (await Api(app).get("/")).status == 401
    assert (await Api(app, "another-0123456789").get("/")).status == 200


async def test_an_address_that_guesses_is_kept_out_even_with_the_right_key(api: Api, clock: Clock) -> None:
    for number in range(MOST_FAILURES):
        assert (await api.presenting(f"guess {number}").get("/")).status == 401
    for key in ("another guess", ADMIN_KEY):
        told = await api.presenting(key).get("/")
        assert (told.status, told.error["type"]) == (429, "rate_limit")
        assert 0 < int(told.headers["retry-after"]) <= WINDOW / MOST_FAILURES
    clock.now += int(told.headers["retry-after"])
    assert (await api.get("/")).status == 200


async def test_nobody_keeps_the_administrator_out_from_elsewhere(api: Api) -> None:
    for _ in range(2 * MOST_FAILURES):
        await api.at("203.0.113.7").presenting("guess").get("/")
    assert (await api.at("203.0.113.7").get("/")).status == 429
    assert (await api.at("192.0.2.2").get("/")).status == 200


async def test_while_many_guess_an_address_has_one_try_and_the_administrator_gets_in(
    api: Api, clock: Clock
) -> None:
    for number in range(MOST_OVERALL):
        await api.at(f"198.51.{number // 200}.{number % 200}").presenting("guess").get("/")
    elsewhere = api.at("192.0.2.9")
    assert (await elsewhere.get("/")).status == 200
    assert (await elsewhere.presenting("guess").get("/")).status == 401
    assert (await elsewhere.get("/")).status == 429
    assert (await api.at("192.0.2.10").get("/")).status == 200
    clock.now += WINDOW
    assert (await elsewhere.get("/")).status == 200


async def test_a_network_of_ipv6_is_one_address(api: Api) -> None:
    for number in range(MOST_FAILURES):
        await api.at(f"2001:db8:1:2::{number:x}").presenting("guess").get("/")
    assert (await api.at("2001:db8:1:2:ffff::1").get("/")).status == 429
    assert (await api.at("2001:db8:1:3::1").get("/")).status == 200


async def test_ipv4_in_the_clothes_of_ipv6_is_the_same_address(api: Api) -> None:
    for _ in range(MOST_FAILURES):
        await api.at("::ffff:198.51.100.1").presenting("guess").get("/")
    assert (await api.at("198.51.100.1").get("/")).status == 429


async def test_requests_without_a_key_keep_nobody_out(api: Api) -> None:
    for _ in range(3 * MOST_FAILURES):
        await api.presenting(None).get("/")
    assert (await api.get("/")).status == 200


async def test_wrong_keys_are_noted_by_their_address_and_never_shown(api: Api, log: LogCapture) -> None:
    for _ in range(3 * MOST_FAILURES):
        await api.presenting("a-secret-of-another-place").get("/")
    assert len(log.entries) == MOST_FAILURES
    assert {entry["address"] for entry in log.entries} == {"192.0.2.1"}
    assert "a-secret-of-another-place" not in str(log.entries)


async def test_however_many_addresses_guess_the_memory_for_them_is_bounded(clock: Clock, api: Api) -> None:
    admission = Admission(clock)
    headers = [(b"x-api-key", b"guess")]
    for number in range(12_000):
        with pytest.raises(ProblemError):
            admission.admit(Secret(ADMIN_KEY), headers, f"10.0.{number >> 8}.{number & 255}")
    assert admission.watched <= 10_000
    assert (await api.get("/")).status == 200
