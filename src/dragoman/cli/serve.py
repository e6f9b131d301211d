"""`dragoman serve`: start the gateway and say in a few lines what was found."""

import contextlib
import functools
import os
import shutil
import socket
import sys
import tempfile
import urllib.request
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import NoReturn

import click

from dragoman import __version__
from dragoman.access.keys import FILE, KeyRing
from dragoman.cli.backing_words import backing_in_words, opens_virtual_keys
from dragoman.cli.loading import fail, load_from
from dragoman.config.data_directory import data_directory
from dragoman.config.settings import Settings
from dragoman.config.source import ConfigError
from dragoman.models.overrides import build_profiles
from dragoman.providers.provider import Provider
from dragoman.routing.router import Router
from dragoman.server.configuration import Configuration, Origin, Surroundings
from dragoman.server.handover import HandedWorker, Handover, hand_over, restart_of, shared_files, take_over
from dragoman.server.http_server import StartError, listen
from dragoman.server.process import announce, attend_signals, attend_supervisor, hold_signals, leave
from dragoman.server.reload import FileWatch
from dragoman.telemetry.log import configure_logging
from dragoman.telemetry.secrets import secrets_of
from dragoman.telemetry.workers import share


def run(origin: Origin) -> NoReturn:
    """Load, say what was found, and serve until told to stop; the process ends with it."""
    # before it is read for the first time: what changes from now on is to be seen
    file = None if origin.path is None else FileWatch(origin.path)
    settings, providers = load_from(origin)
    handed = take_over()
    try:
        listener = _listener(settings, handed)
    except OSError as error:
        address = f"{settings.server.host}:{settings.server.port}"
        number = error.errno or 0  # below 0 where the name could not be looked up
        reason = os.strerror(number) if number > 0 else error.strerror
        fail(f"Cannot listen on {address}: {reason}. Try another --port; 0 takes a free one.")
    # only now: a new key is shown once, and must not be made by a start that fails
    directory = data_directory()
    try:
        keys = KeyRing.from_settings(settings, directory)
    except ConfigError as error:
        fail(str(error))
    proxies = urllib.request.getproxies().values()
    redactor = configure_logging(settings.log, secrets_of(settings, providers, keys.created, proxies))

    hold_signals()  # from the first word on, what is asked for is done in order
    for line in found(settings, providers, keys, directory, listener.getsockname()[1]):
        click.echo(line)
    configuration = Configuration(settings, providers, keys)
    surroundings = Surroundings(origin, directory, redactor)
    if settings.server.workers == 1 and handed is None:
        leave(_alone(configuration, surroundings, listener, file))
    leave(_with_workers(configuration, surroundings, listener, file, handed))


def _listener(settings: Settings, handed: Handover | None) -> socket.socket:
    """A new listening socket, or that of the program before. Raises `OSError`."""
    if handed is None:
        return listen(settings.server.host, settings.server.port)
    listener = socket.socket(fileno=handed.listener)
    listener.set_inheritable(False)
    return listener


def _alone(
    configuration: Configuration, surroundings: Surroundings, listener: socket.socket, file: FileWatch | None
) -> int:
    """Serve in this process; the exit status."""
    attend = attend_signals()
    from dragoman.server.running import serve  # noqa: PLC0415 - with metrics, see `_with_workers`

    try:
        serve(configuration, surroundings, listener, attend, file=file)
    except StartError as error:
        click.echo(str(error), err=True)
        return 1
    return 0


def _with_workers(
    configuration: Configuration,
    surroundings: Surroundings,
    listener: socket.socket,
    file: FileWatch | None,
    handed: Handover | None,
) -> int:
    """Serve in processes of their own, and look after them in this one; the exit status."""
    with _common_folder(handed) as folder:
        # the library of the metrics looks for the folder once, when it is imported
        share(folder, anew=handed is None)
        from dragoman.server.backing import SharedFiles  # noqa: PLC0415 - for this reason
        from dragoman.server.garbage import settle  # noqa: PLC0415 - as above
        from dragoman.server.running import serve  # noqa: PLC0415 - as above
        from dragoman.server.workers import Supervisor  # noqa: PLC0415 - as above

        known = shared_files(handed, __version__)
        shared = (
            SharedFiles(*map(Path, known))
            if known
            else SharedFiles.create(Path(tempfile.mkdtemp(dir=folder)))
        )

        def work(current: Configuration, at: socket.socket, channel: socket.socket) -> None:
            serve(
                current,
                surroundings,
                at,
                attend_supervisor(channel),
                on_start=functools.partial(announce, channel),
                quiet=True,
                shared=shared,
            )

        def go_on(command: Sequence[str], at: int, workers: tuple[HandedWorker, ...]) -> None:
            files = tuple(map(str, shared))
            hand_over(Handover(__version__, at, str(folder), files, workers), command)

        origin = surroundings.origin.file
        restart = restart_of(sys.orig_argv, None if origin is None else str(origin))
        workers = () if handed is None else handed.workers
        settle()
        return Supervisor(
            listener, work, surroundings.read, configuration, file, restart, go_on, workers
        ).run()


@contextlib.contextmanager
def _common_folder(handed: Handover | None) -> Generator[Path]:
    """What the processes have in common, until all of them have ended: a program that takes over keeps it."""
    folder = Path(tempfile.mkdtemp(prefix="dragoman-") if handed is None else handed.folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def found(
    settings: Settings, providers: dict[str, Provider], keys: KeyRing, directory: Path, port: int
) -> list[str]:
    """The start-up lines: version and address, providers, routes, what it stands on, keys."""
    host = settings.server.host
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    lines = [
        f"dragoman {__version__} on {url}",
        f"providers: {', '.join(sorted(providers))}",
        f"routes: {', '.join(settings.routes) or 'none; use provider/model or a bare model name'}",
        *backing_in_words(settings, directory),
    ]
    more = "; virtual keys of the store too" if opens_virtual_keys(settings, directory) else ""
    if keys.is_open:
        lines.append("keys: none asked for (auth.open)")
    elif keys.created:
        cards = Router(providers, settings.routes, build_profiles(settings)).cards()
        model = cards[0].id if cards else "MODEL"
        body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Good evening"}}]}}'
        lines += [
            f"new key, shown only now: {keys.created}",
            (
                f"curl {url}/v1/chat/completions -H 'Authorization: Bearer {keys.created}' "
                f"-H 'Content-Type: application/json' -d '{body}'"
            ),
        ]
    elif configured := len(settings.auth.keys) + len(settings.keys):
        lines.append(f"keys: {configured} from the configuration{more}")
    else:
        lines.append(f"keys: as in {directory / FILE} (delete that file for a new one){more}")
    return lines
