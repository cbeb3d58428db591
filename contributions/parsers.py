"""Request bodies of several megabytes, compressed or not, never more than the limit."""

import zlib
from typing import IO, Any

from django.conf import settings
from rest_framework import exceptions, status
from rest_framework.parsers import BaseParser

CHUNK_BYTES = 256 * 1024


class BodyTooLarge(exceptions.APIException):
    """413: the body is, or inflates to, more than is taken here."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"
    default_detail = "The body is larger than this service takes."


class EnvelopeParser(BaseParser):
    """JSON as raw bytes, so that it is parsed once, by the schema; gzip is inflated boundedly."""

    media_type = "application/json"

    @property
    def most_bytes(self) -> int:
        """The most that a body may be, before and after it is inflated."""
        return int(settings.MAX_BODY_BYTES)

    def parse(  # type: ignore[override]
        self, stream: IO[Any], media_type: Any = None, parser_context: Any = None
    ) -> bytes:
        """The inflated body. Raises BodyTooLarge, ParseError."""
        headers = parser_context["request"].headers
        encoding = headers.get("Content-Encoding", "identity").strip().lower()
        if int(headers.get("Content-Length") or 0) > self.most_bytes:
            raise BodyTooLarge
        if encoding in ("identity", ""):
            return self._plain(stream)
        if encoding == "gzip":
            return self._inflated(stream)
        raise exceptions.UnsupportedMediaType(
            encoding, "Content-Encoding must be gzip or identity."
        )

    def _plain(self, stream: IO[Any]) -> bytes:
        body = bytes(stream.read(self.most_bytes + 1))
        if len(body) > self.most_bytes:
            raise BodyTooLarge
        return body

    def _inflated(self, stream: IO[Any]) -> bytes:
        inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        parts: list[bytes] = []
        room = self.most_bytes
        try:
            while chunk := stream.read(CHUNK_BYTES):
                part = inflater.decompress(chunk, room + 1)
                room -= len(part)
                if room < 0 or inflater.unconsumed_tail:
                    raise BodyTooLarge
                parts.append(part)
        except zlib.error as error:
            raise exceptions.ParseError(f"The body is not gzip: {error}.") from None
        if not inflater.eof or inflater.unused_data:
            raise exceptions.ParseError("The gzip body is cut off or followed by something else.")
        return b"".join(parts)
