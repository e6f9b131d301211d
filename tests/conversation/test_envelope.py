"""Sealed signatures come back as they were, and nothing else passes for one."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.conversation.envelope import holds_seals, seal, unseal
from dragoman.conversation.opaque import Signature

PRINTABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"))
SIGNATURES = st.builds(Signature, PRINTABLE, PRINTABLE, st.text(st.characters(exclude_categories=["Cs"])))


@given(SIGNATURES)
def test_a_sealed_signature_comes_back_byte_for_byte(signature: Signature) -> None:
    assert unseal(seal(signature)) == signature


@pytest.mark.parametrize("filler", ["A" * 300_000, 'x. "y" ' * 50_000])
@pytest.mark.parametrize("first", [True, False])
def test_a_sealed_signature_is_seen_in_a_large_body(filler: str, first: bool) -> None:
    signature = seal(Signature("gemini", "google/gemini", "value"))
    for sealed in (signature, base64.b64encode(signature.encode()).decode()):
        members = ['"file":' + json.dumps(filler), f'"signature":"{sealed}"']
        body = "{" + ",".join(reversed(members) if first else members) + "}"
        assert holds_seals(body.encode())
        assert not holds_seals(body.replace(sealed, "none").encode())


@given(SIGNATURES)
def test_a_sealed_signature_is_seen_in_a_body_also_in_base64(signature: Signature) -> None:
    sealed = seal(signature).encode()
    assert holds_seals(b'{"signature":"' + sealed + b'"}')
    assert holds_seals(b'{"signature":"' + base64.b64encode(sealed) + b'"}')
    assert not holds_seals(b'{"signature":"c2lnbmVk"}')


@given(st.text())
def test_any_other_text_is_not_taken_for_a_sealed_signature(text: str) -> None:
    found = unseal(text)
    assert found is None or unseal(seal(found)) == found


def test_a_damaged_seal_is_not_a_signature() -> None:
    sealed = seal(Signature("anthropic", "anthropic/claude-4.5", "EqQBCg"))
    assert unseal(sealed[:8]) is None
    assert unseal(sealed.replace(".", "!", 2)) is None
    assert unseal("dgm1.!!.!!") is None


def test_a_signature_is_readable_only_where_it_was_issued() -> None:
    signature = Signature("anthropic", "anthropic/claude-4.5", "EqQBCg")
    assert signature.readable_at("anthropic", "anthropic/claude-4.5")
    assert not signature.readable_at("anthropic", "other/claude-4.5")
    assert not signature.readable_at("gemini", "anthropic/claude-4.5")


def test_a_signature_in_its_vendors_own_form_is_readable_anywhere_at_that_vendor() -> None:
    assert Signature("anthropic", "", "EqQBCg").readable_at("anthropic", "anthropic/claude-opus-5")
