"""What happens to the bytes of a stream between upstream and client, without any I/O.

Two pipelines with one shape: bytes of the upstream in, bytes for the client out. The relay moves
the bytes and keeps the time; a pipeline decides what they become.
"""

import itertools
import re
from collections.abc import Sequence
from typing import Protocol

import msgspec

from dragoman.conversation.cut_usage import CutUsages
from dragoman.conversation.events import Event, Failed, Started, UsageReported
from dragoman.conversation.failure import Failure
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Dialect, Emulation, Location, Reply, Sent, StreamDecoder
from dragoman.gateway.emulation import Emulator
from dragoman.gateway.reading import Clean, Listener, Reading

_FRAME_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
"""Where server-sent events end. Cuts elsewhere do no harm: decoders take their bytes in any pieces."""


class Pipeline(Protocol):
    """Bytes in, bytes out. `feed` takes the branch of a fan-out beside the bytes, else 0."""

    @property
    def reading(self) -> Reading:
        """What was learnt from the stream so far."""
        ...

    @property
    def cuts(self) -> CutUsages:
        """What came of each answer, for those that end before their upstream has told what they took."""
        ...

    @property
    def finished(self) -> bool:
        """Whether nothing more is wanted of the upstream."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the upstream has said the end of its format, so that only its connection is still open."""
        ...

    @property
    def moved(self) -> bool:
        """Whether the last bytes that were fed completed something: bytes of a frame that never ends are
        no sign of life.
        """
        ...

    def feed(self, data: bytes, branch: int = 0) -> bytes:
        """What the client gets for more bytes of the upstream."""
        ...

    def close(self, branch: int = 0) -> bytes:
        """What the client gets when a branch of the upstream has ended."""
        ...

    def end(self) -> bytes:
        """What the client gets when all of the upstream has ended at once."""
        ...

    def fail(self, failure: Failure) -> bytes:
        """What the client gets when the stream breaks after the client has seen some of it: an error,
        unless the answer itself was complete and only what comes after it is missing.
        """
        ...


class PassthroughPipeline:
    """The bytes themselves, whole frames only; a decoder beside them reads what is accounted for.

    Whole frames, so that a stream that breaks off can still be ended with an error that the client
    understands.
    """

    def __init__(
        self,
        dialect: Dialect,
        origin: str,
        location: Location,
        clean: Clean,
        *,
        hide_usage: bool,
    ) -> None:
        self._dialect = dialect
        self._decoder = dialect.stream_decoder(origin)
        self._location = location
        self._hide_usage = hide_usage
        self._pending = 0
        self._tail = bytearray()
        self._opening = b""
        self._last = b""
        self._told = False
        self._array_closed = False
        self.moved = False
        self.reading = Reading(clean)
        self.cuts = CutUsages()

    @property
    def finished(self) -> bool:
        """Only a failure ends a passed-through stream early."""
        return self.reading.failure is not None

    @property
    def complete(self) -> bool:
        """See `Pipeline.complete`."""
        return self._decoder.complete

    def feed(self, data: bytes, branch: int = 0) -> bytes:
        """The whole frames among the bytes so far, up to the first that makes no sense."""
        del branch
        if (words := self._decoder.skim(data)) is not None:
            # most of every stream: nothing is held back, and nothing but the words is accounted for
            self.cuts.take(words)
            self._last = data
            self.moved = True
            return data
        before = self._pending
        out = self._fed(data) if _is_one_frame(data) else self._frames(data)
        self.moved = before + len(data) > self._pending
        return out

    def _frames(self, data: bytes) -> bytes:
        ends = [found.end() for found in _FRAME_END.finditer(data)]
        out: list[bytes] = []
        for start, end in itertools.pairwise(dict.fromkeys([0, *ends, len(data)])):
            out.append(self._fed(data[start:end]))
            if self.reading.failure is not None:
                break
        return b"".join(out)

    def _fed(self, data: bytes) -> bytes:
        """As `feed`, for bytes that complete one frame at most."""
        reading, cuts = self.reading, self.cuts
        for event in self._decoder.feed(data):
            cuts.hear(event)
            reading.note(event)
        pending = self._pending = self._decoder.pending
        if reading.failure is not None and not reading.failure.body:
            return b""  # bytes that are no frame of this dialect, or hold a secret, are not passed on
        if not self._tail and not pending:
            return self._out(data)
        # a frame may come in thousands of pieces: none of them is copied more than once
        self._tail += data
        whole = len(self._tail) - pending
        frames = bytes(self._tail[:whole])
        del self._tail[:whole]
        return self._out(frames)

    def close(self, branch: int = 0) -> bytes:
        """What was left without the blank line that ends a frame, with it; half a frame is none. Then the
        stream's end, where the answer is complete and the upstream has not said so.
        """
        del branch
        tail, self._tail = bytes(self._tail), bytearray()
        if self._location.sse and tail.strip():
            tail = _completed(tail)
        for event in self._decoder.close():
            self.cuts.hear(event)
            self.reading.note(event)
        if self.reading.failure is not None:
            return b""
        out = self._out(tail)
        closed = not self._location.sse and (self._last + out).rstrip().endswith(b"]")
        ended = self._decoder.complete or closed or not self.reading.stops
        return out if ended else out + self._dialect.stream_end(self._location)

    def end(self) -> bytes:
        """See `close`."""
        return self.close()

    def fail(self, failure: Failure) -> bytes:
        """The dialect's own error, unless the upstream's own has gone through already."""
        if self.reading.failure is None:
            rest = self.close()
            if self.reading.failure is None:
                return rest
            failure = self.reading.failure = self.reading.clean(failure)
        if self._told:
            # the upstream's own error went through; the array around it may still be open
            return b"" if self._location.sse or self._array_closed else b"\n]"
        return self._dialect.stream_failure(failure, self._location, Sent(self._opening, self._last))

    def _out(self, frames: bytes) -> bytes:
        if self._hide_usage and frames:
            frames = self._dialect.hide_usage(frames)
        if not self.reading.meaningful:
            self._opening += frames
        elif frames and not frames.startswith(b":"):
            self._last = frames
        self._told = self.reading.failure is not None and bool(frames)
        self._array_closed = frames.rstrip().endswith(b"]") if self._told else False
        return frames


def _is_one_frame(data: bytes) -> bool:
    """Whether the bytes have no more than one end of a frame, and that at their own."""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
        if b"\r" in data:
            return False
    end = data.find(b"\n\n")
    return end < 0 or end + 2 == len(data)


def _completed(tail: bytes) -> bytes:
    """A last server-sent event with the blank line that it lacks; nothing of one that is cut."""
    lines = tail.splitlines()
    said = b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))
    try:
        if said != b"[DONE]":
            msgspec.json.decode(said)
    except msgspec.DecodeError:
        return b""
    return tail.rstrip(b"\r\n") + b"\n\n"


class TranslationPipeline:
    """Upstream bytes to events, through the emulations, to bytes of the client's dialect.

    With several branches (one request fanned out), each branch's choices become a choice of the
    one answer: its index is the branch. Usage is the sum.
    """

    def __init__(
        self,
        client: Dialect,
        upstream: Dialect,
        reply: Reply,
        emulation: Emulation,
        clean: Clean,
        branches: int = 1,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self._decoders: list[StreamDecoder] = [upstream.stream_decoder(reply.origin) for _ in range(branches)]
        self._single = self._decoders[0] if branches == 1 else None
        self._usages: list[Usage | None] = [None] * branches
        choices = branches if branches > 1 else reply.request.candidates
        told, veil = emulation.apart()
        self._emulator = Emulator(told, choices) if told.needed else None
        self._request = reply.request
        self._veil = Emulator(veil, choices) if veil.needed else None
        self._encoder = client.stream_encoder(reply)
        self._pending = [0] * branches
        self._open = set(range(branches))
        self._started = False
        self.moved = False
        self.reading = Reading(clean, listeners)
        self.cuts = CutUsages(branches)

    @property
    def finished(self) -> bool:
        """Whether the stream has failed, or all of it that is wanted has come."""
        return self.reading.failure is not None or (self._emulator is not None and self._emulator.finished)

    @property
    def complete(self) -> bool:
        """See `Pipeline.complete`."""
        if self._single is not None:
            return self._single.complete or not self._open
        return all(self._decoders[branch].complete for branch in self._open)

    def feed(self, data: bytes, branch: int = 0) -> bytes:
        """The client's frames for more bytes of one branch."""
        decoder = self._decoders[branch]
        before = self._pending[branch]
        out = self._encoded(decoder.feed(data), branch)
        pending = self._pending[branch] = decoder.pending
        self.moved = before + len(data) > pending
        return out

    def close(self, branch: int = 0) -> bytes:
        """The client's last frames of one branch, and of the stream when it was the last branch."""
        self._open.discard(branch)
        out = b"" if self.finished else self._encoded(self._decoders[branch].close(), branch)
        if self.reading.failure is not None or (self._open and not self.finished):
            return out
        return out + self._estimated() + self._encoder.close()

    def end(self) -> bytes:
        """The client's last frames of every branch that is still open."""
        return b"".join([self.close(branch) for branch in sorted(self._open)])

    def _estimated(self) -> bytes:
        """The client's frames for the usage of an answer that was cut short before the upstream told it."""
        reading = self.reading
        if not self.finished or reading.failure is not None or self.cuts.complete:
            return b""
        event = UsageReported(self.cuts.total(self._request))
        reading.note(event)
        reading.estimated = True
        return self._encoder.encode(event)

    def fail(self, failure: Failure) -> bytes:
        """The client dialect's own error, in the stream."""
        out = b""
        if self.reading.failure is None:
            out = self.end()
            if self.reading.failure is None:
                return out
            failure = self.reading.failure = self.reading.clean(failure)
        return out + self._encoder.encode(Failed(failure)) + self._encoder.close()

    def _encoded(self, events: list[Event], branch: int) -> bytes:
        reading, cuts, encode = self.reading, self.cuts, self._encoder.encode
        emulator, veil, several = self._emulator, self._veil, self._single is None
        out: list[bytes] = []
        for event in events:
            cuts.hear(event, branch)
            tagged = self._tagged(event, branch) if several else event
            if tagged is None:
                continue
            if isinstance(tagged, Failed):
                reading.note(tagged)
                break  # the relay decides what becomes of it: nothing was sent, or `fail`
            for wanted in (tagged,) if emulator is None else emulator.feed(tagged):
                reading.note(wanted)
                if veil is None:
                    out.append(encode(wanted))
                else:
                    out.extend(encode(one) for one in veil.feed(wanted))
        return b"".join(out)

    def _tagged(self, event: Event, branch: int) -> Event | None:
        """An event of one branch as an event of the whole answer."""
        match event:
            case Started():
                if self._started:
                    return None
                self._started = True
                return event
            case UsageReported(usage=usage):
                known = self._usages[branch]
                self._usages[branch] = usage if known is None else known.updated(usage)
                total = Usage()
                for one in self._usages:
                    total = total if one is None else total.plus(one)
                return UsageReported(total)
            case Failed():
                return event
            case _:
                return with_choice(event, branch)


def with_choice(event: Event, choice: int) -> Event:
    """The same event in another choice; events of no choice as they are."""
    if isinstance(event, Started | UsageReported | Failed):
        return event
    return msgspec.structs.replace(event, choice=choice)
