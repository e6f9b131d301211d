"""Several processes that serve at one socket, and the one that looks after them."""

import contextlib
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence
from types import FrameType

import structlog

from dragoman.server.configuration import Configuration
from dragoman.server.handover import HandedWorker, Restart
from dragoman.server.http_server import CLOSING, FAREWELL
from dragoman.server.process import READY, SIGNALS, Order, hold_signals, leave
from dragoman.server.reload import FileWatch, Reload
from dragoman.telemetry.workers import forget

MOST_BAD_STARTS = 5
"""How many workers in a row may die before they serve; after that there is no point in starting more."""
FIRST_PAUSE = 0.1
"""Seconds before a worker is replaced; twice as long each time, while they die soon."""
LONGEST_PAUSE = 10.0
SOON = 30.0
"""Seconds that a worker has to live for the next pause to be short again."""
SPARE = 5.0
"""Seconds that workers get beyond all their own limits, before they are killed."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.server")

Work = Callable[[Configuration, socket.socket, socket.socket], None]
"""What a worker does: serves with a configuration at a listening socket, with a channel to the supervisor."""

GoOn = Callable[[Sequence[str], int, tuple[HandedWorker, ...]], None]
"""Goes on with another program in this process: its command, the listening socket's descriptor, and the
workers that it takes over. Raises `OSError` where it cannot be run.
"""


class Worker:
    """A process that serves, as seen from the supervisor."""

    def __init__(self, number: int, pid: int, channel: socket.socket) -> None:
        self.number = number
        self.pid = pid
        self.channel = channel
        self.began = time.monotonic()
        self.ready = False
        self.retired = False
        """Whether it was told to stop because another takes its place."""
        self.deadline: float | None = None
        """When it is killed, on the monotonic clock."""

    def tell(self, order: Order) -> None:
        """Give an order. One that is gone hears nothing, and one that does not listen misses it."""
        with contextlib.suppress(OSError):
            self.channel.send(order.value)


class Supervisor:
    """Starts workers, replaces those that die, and passes orders on. Serves nothing itself.

    Told to restart (SIGUSR2), it hands its workers to the program that is on the disk now, which replaces
    them one by one: a worker is told to stop when another serves in its place.

    There must be no other thread and no event loop in the process: workers are copies of it (fork).
    """

    def __init__(
        self,
        listener: socket.socket,
        work: Work,
        read: Callable[[], Configuration],
        current: Configuration,
        file: FileWatch | None,
        restart: Restart,
        go_on: GoOn,
        handed: Sequence[HandedWorker] = (),
    ) -> None:
        """Take what the workers do. `file` is the configuration's, to be looked at while the settings say
        so, and `read` reads it again. `handed` are the workers of the program before, to be replaced.
        """
        self._listener = listener
        self._work = work
        self._file = file
        self._reload = Reload(current, read, lambda _: self._pass_on)
        self._count = current.settings.server.workers
        self._workers: dict[int, Worker] = {}
        self._due: dict[int, float] = {}
        """When the worker of a number is to be started, on the monotonic clock."""
        self._ends: dict[int, str] = {}
        """How the last worker of a number has ended."""
        self._pauses: dict[int, float] = {}
        self._bad_starts = 0
        self._stops = 0
        self._status = 0
        self._restart = restart
        self._go_on = go_on
        self._handed = tuple(handed)
        self._old: list[Worker] = []
        """The workers of the program before that have not been told to stop."""
        self._waiting: list[int] = []
        """The numbers whose turn to be replaced comes later."""
        self._rolling = False
        """Whether the workers are being replaced."""
        self._again = False
        """Whether a restart was asked for meanwhile."""
        self._next_look = 0.0
        self._pid = os.getpid()
        self._at_terminal = os.isatty(0)
        self._awake: socket.socket | None = None
        """Where the numbers of signals come in."""
        self._selector = selectors.DefaultSelector()

    def run(self) -> int:
        """Look after the workers until told to stop, and they have ended; the exit status."""
        awake, waker = socket.socketpair()
        self._awake = awake
        with awake, waker, self._selector:
            for end in (awake, waker):
                end.setblocking(False)
            for number in (*SIGNALS, signal.SIGCHLD):
                signal.signal(number, _noted)
            signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            self._selector.register(awake, selectors.EVENT_READ)
            self._begin()
            while self._workers or self._due:
                self._start_due()
                events = self._selector.select(self._pause())
                # before anything else, also if that is not what has woken us: a worker may have ended because
                # everybody was told to stop
                self._hear_signals()
                for key, _ in events:
                    if key.fileobj is not awake:
                        self._hear(key.data)
                self._bury()
                self._kill_late()
                self._look_at_file()
                self._hand_over()
            hold_signals()
            signal.set_wakeup_fd(-1)
        return self._status

    # --- workers

    def _begin(self) -> None:
        """All at once, or, where there are workers of the program before, one after the other."""
        numbers = list(range(1, self._count + 1))
        for one in self._handed:
            worker = Worker(one.number, one.pid, socket.socket(fileno=one.channel))
            worker.channel.set_inheritable(False)
            worker.channel.setblocking(False)
            worker.ready, worker.retired = one.ready, one.retired
            self._workers[worker.pid] = worker
            self._selector.register(worker.channel, selectors.EVENT_READ, worker)
            if worker.retired:
                self._set_deadline(worker)
            else:
                self._old.append(worker)
        self._rolling = bool(self._old)
        first = 1 if self._rolling else len(numbers)
        self._due = dict.fromkeys(numbers[:first], 0.0)
        self._waiting = numbers[first:]

    def _advance(self, number: int) -> None:
        """A new worker serves: the old one of its number may go, and the next has its turn."""
        if not self._rolling:
            return
        if self._waiting:
            self._due[self._waiting.pop(0)] = 0.0
            leaving = [worker for worker in self._old if worker.number == number]
        else:
            self._rolling = False
            leaving = list(self._old)
            _log.info("all workers were replaced", workers=self._count)
        for worker in leaving:
            self._old.remove(worker)
            worker.retired = True
            worker.tell(Order.STOP)
            self._set_deadline(worker)
        if self._again and not self._rolling:
            self._again = False
            self._begin_restart()

    def _set_deadline(self, worker: Worker) -> None:
        patience = self._reload.current.settings.server.shutdown_timeout if self._stops <= 1 else 0.0
        worker.deadline = time.monotonic() + patience + 2 * FAREWELL + CLOSING + SPARE

    def _start_due(self) -> None:
        now = time.monotonic()
        for number in [number for number, due in self._due.items() if due <= now]:
            del self._due[number]
            if number in self._ends:
                _log.warning("a worker has ended and is replaced", worker=number, ended=self._ends[number])
            self._start(number)

    def _start(self, number: int) -> None:
        # nothing may be heard in the copy before it listens itself
        hold_signals()
        try:
            ours, theirs = socket.socketpair()
            pid = os.fork()
        except OSError as error:
            _log.error("a worker cannot be started", worker=number, error=error.strerror)
            self._due[number] = time.monotonic() + LONGEST_PAUSE
            return
        finally:
            if os.getpid() == self._pid:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        if not pid:
            self._be_worker(ours, theirs)
        theirs.close()
        ours.setblocking(False)
        worker = Worker(number, pid, ours)
        self._workers[pid] = worker
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _be_worker(self, ours: socket.socket, theirs: socket.socket) -> None:
        """The rest of a worker's life."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # else the workers would keep each other's channels open when the supervisor is gone
            for channel in (ours, *(worker.channel for worker in self._workers.values())):
                channel.close()
            self._selector.close()
            self._work(self._reload.current, self._listener, theirs)
            status = 0
        except BaseException:  # noqa: BLE001 - whatever it is, the process ends here and says why
            _log.exception("a worker failed")
        finally:
            leave(status)

    def _hear(self, worker: Worker) -> None:
        with contextlib.suppress(OSError):
            if READY in worker.channel.recv(64):
                worker.ready = True
                self._bad_starts = 0
                if worker not in self._old and not self._stops:
                    self._advance(worker.number)
                return
        # it is about to end
        self._selector.unregister(worker.channel)

    def _bury(self) -> None:
        for worker in list(self._workers.values()):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._ended(worker, os.waitstatus_to_exitcode(status))

    def _ended(self, worker: Worker, code: int) -> None:
        del self._workers[worker.pid]
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(worker.channel)
        worker.channel.close()
        forget(worker.pid)
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
        if self._stops:
            if code:
                _log.error("a worker did not end in order", worker=worker.number, ended=how)
                self._status = 1
            return
        if worker.retired:
            if code:
                _log.error("a worker did not end in order", worker=worker.number, ended=how)
            return
        if worker in self._old:
            self._old.remove(worker)
            if worker.number in self._waiting:
                self._waiting.remove(worker.number)
                self._due[worker.number] = 0.0
            return
        self._bad_starts += not worker.ready
        if self._bad_starts >= MOST_BAD_STARTS and self._old:
            _log.error("new workers die before they serve: the old ones stay", ended=how)
            self._bad_starts = 0
            self._waiting.clear()
            self._old.clear()
            self._rolling = False
            return
        if self._bad_starts >= MOST_BAD_STARTS:
            _log.error("workers die before they serve: giving up", worker=worker.number, ended=how)
            self._status = 1
            self._stop()
            return
        soon = time.monotonic() - worker.began < SOON
        before = self._pauses.get(worker.number, FIRST_PAUSE / 2) if soon else FIRST_PAUSE / 2
        pause = self._pauses[worker.number] = min(LONGEST_PAUSE, 2 * before)
        self._due[worker.number] = time.monotonic() + pause
        self._ends[worker.number] = how

    # --- orders

    def _hear_signals(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for number in b"" if self._awake is None else self._awake.recv(4096):
                self._signalled(number)

    def _signalled(self, number: int) -> None:
        if number == signal.SIGHUP and (not self._at_terminal or os.isatty(0)):
            if not self._stops:
                self._read_again()
        elif number == signal.SIGUSR2:
            self._begin_restart()
        elif number in SIGNALS:
            self._stop()

    def _begin_restart(self) -> None:
        if self._stops:
            return
        if self._rolling or self._restart.begun:
            self._again = True
            return
        try:
            self._restart.begin()
        except OSError as error:
            _log.error(_NO_RESTART, error=error.strerror)

    def _hand_over(self) -> None:
        """Go on with the new program, once it has shown that it can read the configuration."""
        good = self._restart.outcome()
        if good is None or self._stops:
            return
        if not good:
            _log.error(_NO_RESTART, error="'dragoman check' has found a mistake")
            return
        # what comes from now on waits for the new program
        hold_signals()
        self._hear_signals()
        if self._stops:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            return
        _log.info("restarting: the workers are replaced one by one")
        handed = tuple(
            HandedWorker(one.number, one.pid, one.channel.fileno(), one.ready, one.retired)
            for one in self._workers.values()
        )
        try:
            self._go_on(self._restart.command, self._listener.fileno(), handed)
        except OSError as error:
            _log.error(_NO_RESTART, error=error.strerror)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _stop(self) -> None:
        """Stop in order; the second time, at once."""
        self._stops += 1
        self._due.clear()
        self._listener.close()
        self._waiting.clear()
        self._tell(Order.STOP if self._stops == 1 else Order.FORCE)
        for worker in self._workers.values():
            self._set_deadline(worker)

    def _kill_late(self) -> None:
        now = time.monotonic()
        for worker in self._workers.values():
            if worker.deadline is not None and now >= worker.deadline:
                worker.deadline = None
                os.kill(worker.pid, signal.SIGKILL)

    def _read_again(self) -> None:
        if self._file is not None:
            self._file.skip()
        self._reload.prepare()()

    def _pass_on(self) -> None:
        # by now the configuration is known to be good
        self._tell(Order.RELOAD)

    def _tell(self, order: Order) -> None:
        for worker in self._workers.values():
            worker.tell(order)

    # --- time

    def _look_at_file(self) -> None:
        if self._file is None or self._stops or time.monotonic() < self._next_look:
            return
        if self._reload.current.settings.server.watch and self._file.changed():
            self._read_again()
        self._next_look = time.monotonic() + self._file.pause

    def _pause(self) -> float | None:
        """Seconds until there is something to do, even if nothing happens."""
        now = time.monotonic()
        times = [due - now for due in self._due.values()]
        times += [one.deadline - now for one in self._workers.values() if one.deadline is not None]
        if self._file is not None and not self._stops:
            times.append(self._next_look - now)
        return max(0.0, min(times)) if times else None


_NO_RESTART = "no restart: the program that runs goes on"


def _noted(_number: int, _frame: FrameType | None) -> None:
    """A signal has come: its number is in the socket that wakes the supervisor."""
