"""Answers that are compressed although nobody asked for it, given unpacked."""

from collections.abc import Mapping

from dragoman.conversation.failure import FailureError
from dragoman.upstream import failures
from dragoman.upstream.content_coding import ContentCodingError, ContentDecoder, content_decoder
from dragoman.upstream.transport import UpstreamResponse, read_to_end


def unpacked(response: UpstreamResponse, where: str) -> UpstreamResponse:
    """The answer without its `content-encoding`; itself where it has none. `where` is `host:port`."""
    try:
        decoder = content_decoder(response.headers)
    except ContentCodingError as error:
        # said when the body is read: status and headers are worth having without it
        return _UnpackedResponse(response, where, None, error)
    return response if decoder is None else _UnpackedResponse(response, where, decoder, None)


class _UnpackedResponse:
    """See `UpstreamResponse`: another answer's, through a decoder, or with the reason why there is none."""

    def __init__(
        self,
        packed: UpstreamResponse,
        where: str,
        decoder: ContentDecoder | None,
        undecodable: ContentCodingError | None,
    ) -> None:
        self._packed = packed
        self._where = where
        self._decoder = decoder
        self._undecodable = undecodable
        self._failure: FailureError | None = None
        self._over = False
        # they describe the packed body, which nobody gets to see
        hidden = () if decoder is None else ("content-encoding", "content-length")
        self._headers = {name: value for name, value in packed.headers.items() if name not in hidden}

    @property
    def status(self) -> int:
        """See `UpstreamResponse.status`."""
        return self._packed.status

    @property
    def headers(self) -> Mapping[str, str]:
        """See `UpstreamResponse.headers`. A body that is unpacked here has no `content-encoding` and
        no `content-length`.
        """
        return self._headers

    @property
    def connected_at(self) -> float:
        """See `UpstreamResponse.connected_at`."""
        return self._packed.connected_at

    @property
    def ended(self) -> bool:
        """See `UpstreamResponse.ended`. The body may still turn out to be damaged."""
        return self._packed.ended

    async def read(self, limit: int) -> bytes:
        """See `UpstreamResponse.read`."""
        return await read_to_end(self, limit, self._where)

    async def next(self) -> bytes:
        """See `UpstreamResponse.next`."""
        if self._failure is not None:
            raise self._failure
        if self._over:
            return b""
        try:
            piece = await self._next_piece()
        except ContentCodingError as error:
            self._packed.close()
            self._failure = failures.not_decodable(self._where, error)
            raise self._failure from None
        self._over = not piece
        return piece

    def close(self) -> None:
        """See `UpstreamResponse.close`."""
        self._packed.close()
        if self._failure is None and not self._over:
            self._failure = failures.let_go(self._where)

    async def _next_piece(self) -> bytes:
        decoder = self._decoder
        if decoder is None:
            data = await self._packed.next()
            if data and self._undecodable is not None:
                raise self._undecodable
            return data
        piece = decoder.feed(b"") if decoder.pending else b""
        while not piece:
            packed = await self._packed.next()
            if not packed:
                decoder.close()
                break
            piece = decoder.feed(packed)
        return piece
