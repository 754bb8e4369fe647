"""A vendor on loopback that takes its time: `python -m scripts.benchmarks.slow_vendor MS` prints its port and answers
each path with the last twelve daily bars, after MS milliseconds."""

import sys
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BARS = 12


def days() -> list[str]:
    """The last weekdays that are over."""
    today = datetime.now(UTC).date()
    past = (today - timedelta(days=back) for back in range(1, 3 * BARS))
    return [day.isoformat() for day in past if day.isoweekday() < 6][:BARS][::-1]


BODY = "\n".join(
    [
        "Date,Open,High,Low,Close,Volume",
        *(f"{day},{100 + n},{102 + n},99,{101 + n},1000" for n, day in enumerate(days())),
    ]
).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    delay_s = 0.0

    def do_GET(self) -> None:
        time.sleep(self.delay_s)
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


def main() -> None:
    Handler.delay_s = float(sys.argv[1]) / 1000
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
