"""DynamoDB that answers every call with one item, at once: what is measured is the function, not the service."""

import multiprocessing
import re
import socket
import ssl
import threading
import zlib

# As many connections at once as any peer opens, and some.
CONNECTIONS = 8


class Stub:
    """Listens on localhost; with a `certificate`, by TLS. A process of its own, whose threads don't wait for those of the Runtime API."""

    def __init__(self, answer, certificate=None):
        self._head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
            f"Content-Length: {len(answer)}\r\nX-Amz-Crc32: {zlib.crc32(answer)}\r\n\r\n").encode()
        self._answer = answer
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://localhost:{self._listener.getsockname()[1]}"
        multiprocessing.get_context("fork").Process(target=self._run, daemon=True).start()

    def _run(self):
        threads = [threading.Thread(target=self._serve) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()

    def _serve(self):
        while True:
            connection, _ = self._listener.accept()
            try:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._tls:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                while self._request(connection):
                    connection.sendall(self._head + self._answer)
            except OSError:
                # A function that is killed resets its connection. Anything else ends the thread, and is on standard error.
                pass
            finally:
                connection.close()

    @staticmethod
    def _request(connection):
        """Whether another request came, whole."""
        text = b""
        while b"\r\n\r\n" not in text:
            more = connection.recv(65536)
            if not more:
                return False
            text += more
        head, body = text.split(b"\r\n\r\n", 1)
        length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
        while len(body) < length:
            more = connection.recv(65536)
            if not more:
                return False
            body += more
        return True
