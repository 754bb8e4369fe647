"""A proxy before an S3 service that cuts, delays and refuses; a process of its own that imports little.

    python tests/s3_proxy.py PORT TARGET_PORT MODE_FILE

What the file says holds from the next request on: `pass`, `cut`, `silent` (taken and never answered), `slow SECONDS`,
`unconditional`, or a status and a code; with a further word only for addresses that have it in them. For each request
that was cut, left or refused a byte is put into the file MODE_FILE.refused.
"""

import http.client
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target: int
    mode: Path

    def relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind, what, part = [*self.mode.read_text().split(" "), "", ""][:3]
        if part not in self.path:
            kind, what = "pass", ""
        self.close_connection = True
        if kind in ("cut", "silent") or kind.isdecimal():
            with self.mode.with_suffix(".refused").open("a") as file:
                file.write("x")
        if kind == "cut":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif kind == "silent":
            self.connection.recv(1)  # returns when who asks gives up
        elif kind.isdecimal():
            xml = f"<Error><Code>{what}</Code><Message>no</Message></Error>".encode() if what else b""
            self._answer(int(kind), {}, xml)
        else:
            time.sleep(float(what or 0))
            target = http.client.HTTPConnection("127.0.0.1", self.target)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            if kind == "unconditional":
                headers.pop("If-None-Match", None)
            target.request(self.command, self.path, body, headers)
            answer = target.getresponse()
            self._answer(answer.status, dict(answer.getheaders()), answer.read())

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = relay  # noqa: N815

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("server", "date", "connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = headers.get("content-length", headers.get("Content-Length")) if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    Handler.target, Handler.mode = int(sys.argv[2]), Path(sys.argv[3])
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
