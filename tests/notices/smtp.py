"""A mail server on localhost that speaks enough SMTP for Django, keeps what it is given, and refuses what it is told
to."""

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from threading import Thread


class MailServer(socketserver.ThreadingTCPServer):
    """`answers`: what is said to a command instead of "250 OK"; empty hangs up."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.messages: list[tuple[str, Message]] = []  # to whom, and what
        self.answers: dict[str, str] = {}

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def texts(self) -> list[tuple[str, str]]:
        return [(to, str(message.get_payload())) for to, message in self.messages]


class _Talk(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 localhost")
        to = ""
        while line := self.rfile.readline().decode().strip():
            command = line.split(maxsplit=1)[0].upper()
            answer = self.server.answers.get(command, "354 Go on" if command == "DATA" else "250 OK")
            if command == "RCPT":
                to = line.partition("<")[2].partition(">")[0]
            if not answer:
                return
            self._say(answer)
            if command == "DATA" and answer.startswith("354"):
                self._keep(to)
            if command == "QUIT":
                return

    def _keep(self, to: str) -> None:
        lines = list(iter(self.rfile.readline, b".\r\n"))
        self.server.messages.append((to, message_from_bytes(b"".join(lines))))
        if answer := self.server.answers.get("END", "250 Kept"):
            self._say(answer)
        else:
            self.connection.close()

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
