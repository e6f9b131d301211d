"""A service with all that belongs to it, in this process, until it is told to stop."""

import socket
from collections.abc import Callable

from dragoman.server.backing import SharedFiles
from dragoman.server.configuration import Configuration, Surroundings
from dragoman.server.process import Attend, Process
from dragoman.server.reload import FileWatch, Reload, Reloading
from dragoman.server.service import Service, http_server
from dragoman.telemetry.secrets import secrets_of


def serve(
    configuration: Configuration,
    surroundings: Surroundings,
    listener: socket.socket,
    attend: Attend,
    *,
    file: FileWatch | None = None,
    on_start: Callable[[], None] = lambda: None,
    quiet: bool = False,
    shared: SharedFiles | None = None,
) -> None:
    """Serve until told to stop. `file` is the configuration's, to be looked at for changes; `quiet` leaves it
    to others to log them; in `shared` the workers of this node count together. Raises `StartError`.
    """
    service = Service(configuration, surroundings.folder, shared)

    def renewal(new: Configuration) -> Callable[[], None]:
        renew = service.renewal(new)
        secrets = secrets_of(new.settings, new.providers)

        def take_over() -> None:
            surroundings.redactor.learn(secrets)
            renew()

        return take_over

    def noted(good: bool) -> None:
        service.metrics.reloaded(success=good)

    reload = Reload(configuration, surroundings.read, renewal, noted, quiet=quiet)
    Process(http_server(service), Reloading(reload, file)).run(listener, attend, on_start)
