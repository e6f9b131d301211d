"""`dragoman translate`: what a request or an answer becomes in another wire format. Sends nothing."""

import sys

import click
import msgspec

from dragoman.cli.loading import fail
from dragoman.conversation.failure import FailureError
from dragoman.dialects.registry import DIALECTS
from dragoman.gateway.answer_headers import render_losses
from dragoman.gateway.translation import translate_request, translate_response, translate_stream


def run(source: str, destination: str, model: str | None, what: str) -> None:
    """Translate standard input. `what` is `request`, `stream request`, `response` or `stream`.

    Ends with status 2 for what cannot be translated.
    """
    theirs, ours = DIALECTS[source], DIALECTS[destination]
    data = sys.stdin.buffer.read()
    try:
        match what:
            case "response":
                click.echo(_pretty(translate_response(theirs, ours, data, model)))
            case "stream":
                click.echo(translate_stream(theirs, ours, data, model), nl=False)
            case _:
                shown = translate_request(theirs, ours, data, model, stream=what == "stream request")
                click.echo(f"{shown.method} {shown.path}")
                for name, value in shown.headers.items():
                    click.echo(f"{name}: {value}")
                click.echo(f"\n{_pretty(bytes(shown.body))}")
                if shown.losses:
                    click.echo("\nlosses:", err=True)
                for loss in shown.losses:
                    detail = f"  {loss.detail}" if loss.detail else ""
                    click.echo(f"  {render_losses((loss,))}{detail}", err=True)
                if shown.emulated:
                    click.echo(f"done to the answer by the gateway: {', '.join(shown.emulated)}", err=True)
    except FailureError as error:
        param = f" ({error.failure.param})" if error.failure.param else ""
        fail(f"{error.failure.message}{param}")


def _pretty(body: bytes) -> str:
    try:
        return msgspec.json.format(body, indent=2).decode()
    except msgspec.DecodeError:
        return body.decode("utf-8", "replace")
