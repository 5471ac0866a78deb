"""The small wallet over HTTP, `served_wallet.py PORT [FILE]`: in the file, or else in memory, where no crash leaves anything."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from races.small_wallet import File, Memory, SmallWallet


def served(port: int, wallet: Callable[[], SmallWallet]) -> ThreadingHTTPServer:
    """A server that asks for the wallet of each connection."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.wallet = wallet()

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(self.wallet.handle(request)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main(port: str, path: str = "") -> None:
    wallet = SmallWallet(File(Path(path)) if path else Memory())
    served(int(port), lambda: wallet).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
