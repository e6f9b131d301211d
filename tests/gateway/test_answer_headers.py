"""The headers of our own say what they should, and nothing that an upstream or a client could smuggle in."""

import pytest
from tests.gateway.ends import Upstream

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.loss import Loss, approximated, dropped
from dragoman.gateway.answer_headers import (
    answer_headers,
    error_headers,
    render_losses,
    told_id,
    upstream_id,
)


def headers(upstream: Upstream, *losses: Loss, secrets: tuple[str, ...] = ()) -> dict[str, str]:
    theirs = told_id(upstream_id(upstream.headers), secrets)
    return dict(answer_headers("req_1", "application/json", losses, upstream_id=theirs))


def test_our_id_goes_out_in_both_vendors_spellings() -> None:
    assert headers(Upstream()) == {
        "content-type": "application/json",
        "x-request-id": "req_1",
        "request-id": "req_1",
    }


@pytest.mark.parametrize("name", ["x-request-id", "request-id"])
def test_the_upstreams_id_goes_out_beside_ours(name: str) -> None:
    sent = headers(Upstream(headers={name: "theirs-1"}))
    assert sent["x-dragoman-upstream-request-id"] == "theirs-1"
    assert sent["x-request-id"] == "req_1"


@pytest.mark.parametrize(
    "value", ["a\x01b", "a\x7fb", "a\r\nx-evil: 1", "a b", "\xe9", "\u20ac", "a" * 300, ""]
)
def test_an_upstreams_id_that_would_break_the_answer_is_left_out(value: str) -> None:
    assert "x-dragoman-upstream-request-id" not in headers(Upstream(headers={"x-request-id": value}))


def test_an_upstreams_id_with_a_secret_in_it_is_left_out() -> None:
    sent = headers(Upstream(headers={"x-request-id": "id-sk-secret"}), secrets=("sk-secret",))
    assert "x-dragoman-upstream-request-id" not in sent


def test_an_error_has_the_upstreams_id_where_it_comes_from_one() -> None:
    told = [("retry-after", "7")]
    assert error_headers(told, Failure(FailureKind.SERVER, "No.")) == told
    assert error_headers(told, Failure(FailureKind.SERVER, "No.", request_id="theirs-1")) == [
        *told,
        ("x-dragoman-upstream-request-id", "theirs-1"),
    ]


def test_losses_are_a_list_of_items_with_parameters() -> None:
    losses = (dropped("$.seed", "seed"), approximated("$.reasoning_effort", "effort"))
    assert render_losses(losses) == (
        'seed;kind=dropped;path="$.seed", effort;kind=approximated;path="$.reasoning_effort"'
    )
    assert headers(Upstream(), *losses)["x-dragoman-losses"] == render_losses(losses)


def test_a_clients_own_field_names_cannot_break_out_of_their_quotes() -> None:
    rendered = render_losses((dropped('$.a"b\\c\r\nd\u20ac', "unknown_field"),))
    assert rendered == 'unknown_field;kind=dropped;path="$.a\\"b\\\\c??d?"'


def test_many_losses_and_long_names_stay_within_what_clients_take() -> None:
    rendered = render_losses(tuple(dropped(f"$.{'x' * 5000}{n}", "unknown_field") for n in range(1000)))
    assert len(rendered) < 8000
    assert rendered.endswith("more;count=960")


@pytest.mark.parametrize(
    "kind", [FailureKind.UPSTREAM_AUTHENTICATION, FailureKind.QUOTA, FailureKind.BILLING]
)
def test_clients_are_told_not_to_try_again_what_that_cannot_mend(kind: FailureKind) -> None:
    assert ("x-should-retry", "false") in error_headers([], Failure(kind, "No."))


def test_clients_are_told_not_to_try_again_what_was_tried_enough() -> None:
    busy = Failure(FailureKind.OVERLOADED, "Busy.")
    assert error_headers([], busy) == []
    assert error_headers([], busy, retried=True) == [("x-should-retry", "false")]
    later = Failure(FailureKind.RATE_LIMIT, "Later.", retry_after=7.0)
    assert error_headers([], later, retried=True) == []
