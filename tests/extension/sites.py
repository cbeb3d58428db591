"""Web sites for the tests, on 127.0.0.1: folders of files, and pages made on the spot."""

import mimetypes
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

Page = Callable[["Visit"], "Answer"]


@dataclass(frozen=True)
class Visit:
    """A request: method, host, path, query, body."""

    method: str
    host: str
    path: str
    query: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """A response."""

    body: bytes | str
    status: int = 200
    kind: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


class Site:
    """A server whose `pages` answer by path; files of `folder` answer the rest.

    As a browser's proxy it is every host there is, and `visits` is all of the browser's traffic.
    """

    def __init__(self, folder: Path | None = None, *, anything: Page | None = None) -> None:
        self.pages: dict[str, str | Page] = {}
        self.visits: list[Visit] = []
        self._folder = folder
        self._anything = anything
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def at(self, host: str, path: str = "/") -> str:
        """The address of a page under another name, which Chromium is told to find here."""
        return f"http://{host}:{self.port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, visit: Visit) -> Answer:
        self.visits.append(visit)
        page = self.pages.get(visit.path)
        if isinstance(page, str):
            return Answer(page)
        if page:
            return page(visit)
        if self._anything:
            return self._anything(visit)
        return self._file(visit.path)

    def _file(self, path: str) -> Answer:
        if self._folder is None:
            return Answer("not here", 404)
        file = (self._folder / path.lstrip("/")).resolve()
        if not file.is_relative_to(self._folder.resolve()) or not file.is_file():
            return Answer("not here", 404)
        return Answer(file.read_bytes(), kind=mimetypes.guess_type(file.name)[0] or "text/plain")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = unquote(parts.path)
                host = parts.netloc or self.headers.get("Host", "")
                visit = Visit(self.command, host, path, parts.query, body, dict(self.headers))
                answer = site.answer(visit)
                data = answer.body.encode() if isinstance(answer.body, str) else answer.body
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", answer.kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815

            def do_CONNECT(self) -> None:
                # As a proxy it passes nothing on that it cannot read.
                site.visits.append(Visit("CONNECT", self.path, "", "", b"", dict(self.headers)))
                self.send_error(502)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
