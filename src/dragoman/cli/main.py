"""The `dragoman` command. Each subcommand imports what it needs when it runs, so that `--help` is quick."""

from pathlib import Path

import click

from dragoman import __version__
from dragoman.cli.keys import keys
from dragoman.cli.ledger import ledger
from dragoman.cli.options import CONFIG
from dragoman.cli.store import store
from dragoman.cli.teams import teams


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dragoman")
def main() -> None:
    """A self-hosted LLM gateway: any client dialect, any upstream, nothing lost in between."""


@main.command()
@CONFIG
@click.option("--host", help="Address to listen on; overrides the file. Default: 127.0.0.1.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on; overrides the file. Default: 4100."
)
@click.option(
    "--workers", type=click.IntRange(1, 64), help="How many processes serve; overrides the file. Default: 1."
)
def serve(config: Path | None, host: str | None, port: int | None, workers: int | None) -> None:
    """Run the gateway."""
    from dragoman.cli.serve import run  # noqa: PLC0415 - slow imports wait until they are needed
    from dragoman.server.configuration import Origin  # noqa: PLC0415 - as above

    run(Origin(config, host, port, workers))


@main.command()
@CONFIG
def check(config: Path | None) -> None:
    """Check the configuration and show what each model name leads to. Sends nothing."""
    from dragoman.cli.check import run  # noqa: PLC0415 - slow imports wait until they are needed

    run(config)


DIALECT = click.Choice(["openai_chat", "openai_responses", "anthropic", "gemini"])


@main.command()
@click.option("--from", "source", type=DIALECT, required=True, help="The wire format of what is read.")
@click.option("--to", "destination", type=DIALECT, required=True, help="The wire format to write.")
@click.option("--model", help="The upstream's model, which decides what can be said; else the request's.")
@click.option("--response", "what", flag_value="response", help="Read a whole answer, not a request.")
@click.option("--stream", "what", flag_value="stream", help="Read a streamed answer, not a request.")
@click.option("--streamed-request", "what", flag_value="stream request", help="Google's streamed request.")
def translate(source: str, destination: str, model: str | None, what: str | None) -> None:
    """Show what a request on standard input becomes in another wire format, and what is lost on the way.

    Sends nothing.
    """
    from dragoman.cli.translate import run  # noqa: PLC0415 - slow imports wait until they are needed

    run(source, destination, model, what or "request")


@main.command()
@CONFIG
@click.option("-m", "--model", help="The model to explain; else the one that the request names.")
@click.option("--dialect", type=DIALECT, default="openai_chat", help="The wire format of the request.")
@click.option("--tag", "tags", multiple=True, help="A tag of the client's key, for conditions that ask.")
@click.option("--stream", is_flag=True, help="A streamed answer, where the format says it in the URL.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(**orders: object) -> None:
    """Show what would become of a request, read from standard input, and why: which targets, in which
    order, and what each would be sent. Without a request, show it for the model alone.

    Sends nothing, and knows nothing of how the targets of a running gateway are: ask that with
    POST /dragoman/explain.
    """
    import msgspec  # noqa: PLC0415 - slow imports wait until they are needed

    from dragoman.cli.explain import Orders, run  # noqa: PLC0415 - as above

    run(msgspec.convert(orders, Orders))


main.add_command(keys)
main.add_command(teams)
main.add_command(store)
main.add_command(ledger)


REPORT = click.Path(path_type=Path, dir_okay=False, writable=True)


@main.command()
@click.option("--base-url", required=True, help="Where the gateway is, without /v1: http://127.0.0.1:4100.")
@click.option("--key", default="", help="The key that clients present to the gateway.", envvar="DRAGOMAN_KEY")
@click.option("--name", default="gateway", help="What to call the gateway in reports.")
@click.option("--upstream-host", "host", default="127.0.0.1", help="Address of the fake vendors.")
@click.option(
    "--upstream-port",
    "port",
    type=click.IntRange(1, 65532),
    default=9110,
    help="First of their four ports: Chat Completions, Responses, Anthropic, Google.",
)
@click.option("--only", multiple=True, metavar="FEATURE/CLIENT/UPSTREAM", help="Play only these cells.")
@click.option("--model", "models", multiple=True, metavar="UPSTREAM=NAME", help="The gateway's model names.")
@click.option("--header", "headers", multiple=True, metavar="NAME:VALUE", help="Sent with every request.")
@click.option(
    "--upstream-header",
    "upstream_headers",
    multiple=True,
    metavar="UPSTREAM=NAME:VALUE",
    help="Sent with requests for one upstream.",
)
@click.option("--path-prefix", default="", help="What stands before the vendors' paths at the gateway.")
@click.option("--json", "json_file", type=REPORT, help="Write every cell as JSON.")
@click.option("--html", "html_file", type=REPORT, help="Write a page to look at.")
@click.option("--fail-under", type=click.FloatRange(0, 100), help="End with status 1 below this percentage.")
def conformance(**orders: object) -> None:
    """Measure a gateway, this one or any other, from the outside.

    It has to lead its models to the fake vendors that this command starts; docs/conformance.md has the
    configuration for several gateways.
    """
    import msgspec  # noqa: PLC0415 - slow imports wait until they are needed

    from dragoman.cli.conformance import Orders, measure  # noqa: PLC0415 - as above

    measure(msgspec.convert(orders, Orders))
