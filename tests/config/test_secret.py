"""Secrets that do not show."""

import traceback

from dragoman.config.secret import Secret


def test_a_secret_shows_only_when_it_is_asked_to() -> None:
    secret = Secret("sk-hidden")
    assert secret.reveal() == "sk-hidden"
    shown = f"{secret} {secret!r} {[secret]}"
    assert "hidden" not in shown


def test_a_traceback_does_not_show_a_secret() -> None:
    secret = Secret("sk-hidden")
    shown = "".join(traceback.format_exception(ValueError(secret, {"key": secret})))
    assert "redacted" in shown
    assert "hidden" not in shown
