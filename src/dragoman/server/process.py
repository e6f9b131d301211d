"""A process that serves: what it is told from outside while it runs, and its end."""

import asyncio
import contextlib
import enum
import itertools
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import NoReturn

import structlog

from dragoman.server.garbage import settle
from dragoman.server.http_server import HttpServer
from dragoman.server.reload import Reloading

_NO_WORKERS = "there are no workers to be replaced one by one (--workers): start another gateway instead"

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.server")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2)
"""What a process is told things with."""


class Order(enum.Enum):
    """What a process can be told. The value is how a supervisor says it to its workers."""

    STOP = b"s"
    FORCE = b"f"
    """Stop without waiting for answers."""
    RELOAD = b"r"


READY = b"+"
"""What a worker tells its supervisor when it serves."""


class Process:
    """Serves on a socket until it is told to stop."""

    def __init__(self, server: HttpServer, reloading: Reloading) -> None:
        self._server = server
        self._reloading = reloading
        self._reloads: set[asyncio.Task[None]] = set()

    def obey(self, order: Order) -> None:
        """Do what is ordered. Only inside the event loop."""
        match order:
            case Order.STOP:
                self._server.stop()
            case Order.FORCE:
                self._server.force()
            case Order.RELOAD:
                task = asyncio.get_running_loop().create_task(self._reloading.read_again())
                self._reloads.add(task)
                task.add_done_callback(self._reloads.discard)

    def run(
        self,
        listener: socket.socket,
        attend: "Attend",
        on_start: Callable[[], None] = lambda: None,
    ) -> None:
        """Serve until told to stop. `attend` connects what orders come from. Signals are blocked afterwards:
        only the end of the process is left. Raises `StartError`.
        """
        hold_signals()
        runner = asyncio.Runner(loop_factory=self._server.loop_factory())
        # the loop is never closed: threads that are stuck, such as for a name, would hold up the end
        runner.run(self._run(listener, attend, on_start))

    async def _run(
        self,
        listener: socket.socket,
        attend: "Attend",
        on_start: Callable[[], None],
    ) -> None:
        attend(self, asyncio.get_running_loop())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        watching = asyncio.create_task(self._reloading.watch())
        settle()
        try:
            await self._server.serve([listener], on_start)
        finally:
            watching.cancel()
            hold_signals()


Attend = Callable[[Process, asyncio.AbstractEventLoop], None]
"""Connects a process to what its orders come from."""


def hold_signals() -> None:
    """Let signals wait until somebody listens to them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def attend_signals() -> Attend:
    """Orders come by signals: to stop, the second time at once, and to read the configuration again."""
    at_terminal = os.isatty(0)

    def attend(process: Process, loop: asyncio.AbstractEventLoop) -> None:
        orders = itertools.chain((Order.STOP,), itertools.repeat(Order.FORCE))

        def stop() -> None:
            process.obey(next(orders))

        def hang_up() -> None:
            # without the terminal that it was started from, this signal means what it once meant
            process.obey(Order.STOP if at_terminal and not os.isatty(0) else Order.RELOAD)

        loop.add_signal_handler(signal.SIGINT, stop)
        loop.add_signal_handler(signal.SIGTERM, stop)
        loop.add_signal_handler(signal.SIGHUP, hang_up)
        loop.add_signal_handler(signal.SIGUSR2, _log.warning, _NO_WORKERS)

    return attend


def attend_supervisor(channel: socket.socket) -> Attend:
    """Orders come from the supervisor at the other end of the channel; if that ends, so does the worker.

    Of the signals, only SIGTERM means something. The others reach the supervisor too, as they go to all
    processes of a terminal, and it is the supervisor that decides then.
    """
    channel.setblocking(False)

    def attend(process: Process, loop: asyncio.AbstractEventLoop) -> None:
        def hear() -> None:
            with contextlib.suppress(BlockingIOError):
                said = channel.recv(64)
                if not said:
                    loop.remove_reader(channel)
                    process.obey(Order.STOP)
                for byte in said:
                    process.obey(Order(bytes([byte])))

        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        loop.add_signal_handler(signal.SIGTERM, process.obey, Order.STOP)
        loop.add_reader(channel, hear)

    return attend


def announce(channel: socket.socket) -> None:
    """Tell the supervisor at the other end of the channel that this worker serves."""
    with contextlib.suppress(OSError):  # without it the worker hears the channel's end, and stops
        channel.sendall(READY)


def leave(status: int) -> NoReturn:
    """End the process, whatever threads are still at."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
