"""Where a request carries its key."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.access.credentials import presented_key

Headers = list[tuple[bytes, bytes]]


@pytest.mark.parametrize(
    ("headers", "query", "expected"),
    [
        ([(b"authorization", b"Bearer sk-1")], b"", ("sk-1", "bearer")),
        ([(b"authorization", b"bearer   sk-1 ")], b"", ("sk-1", "bearer")),
        ([(b"authorization", b"BEARER sk-1")], b"", ("sk-1", "bearer")),
        ([(b"host", b"x"), (b"x-api-key", b" sk-1")], b"", ("sk-1", "x-api-key")),
        ([(b"x-goog-api-key", b"AIza1")], b"alt=sse", ("AIza1", "x-goog-api-key")),
        ([(b"api-key", b"az")], b"api-version=1", ("az", "api-key")),
        ([], b"key=sk-1", ("sk-1", "query")),
        ([], b"alt=sse&key=sk%2D1%2f%3D+&x=1", ("sk-1/=+", "query")),
        ([], b"", (None, None)),
        ([], b"apikey=1&mykey=2&key&key=", (None, None)),
        ([(b"authorization", b"Basic dTpw")], b"", (None, None)),
        ([(b"authorization", b"sk-1")], b"", (None, None)),
        ([(b"authorization", b"Bearer ")], b"", (None, None)),
        ([(b"authorization", b"Bearer")], b"", (None, None)),
    ],
)
def test_every_vendors_way_is_understood(
    headers: Headers, query: bytes, expected: tuple[str | None, str | None]
) -> None:
    assert presented_key(headers, query) == expected


def test_bearer_goes_before_other_headers_and_headers_before_the_query() -> None:
    both: Headers = [(b"x-api-key", b"vendor"), (b"authorization", b"Bearer gateway")]
    assert presented_key(both, b"key=other") == ("gateway", "bearer")
    assert presented_key(both[:1], b"key=other") == ("vendor", "x-api-key")


def test_empty_values_count_as_absent() -> None:
    headers: Headers = [(b"authorization", b"Bearer  "), (b"x-api-key", b""), (b"api-key", b"k")]
    assert presented_key(headers, b"key=other") == ("k", "api-key")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([b"authorization", b"x-api-key", b"host"]), st.binary(max_size=12))),
    st.binary(max_size=30),
)
def test_no_bytes_make_it_fail(headers: Headers, query: bytes) -> None:
    key, style = presented_key(headers, query)
    assert (key is None) is (style is None)
    assert key != ""
