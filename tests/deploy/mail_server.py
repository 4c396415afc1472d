"""A mail server that takes whatever it is given for anybody but `refused@…`, for the one thing that no loopback address can show: a delivery by the release binary.

It dials no private address, and no variable lets it. So the tests run in a network namespace of their own, in which this public
address is on the loopback interface and from which nothing gets out.
"""

import socketserver
import threading

# In no documentation range, as those are refused too; the namespace holds it, see `binaries`.
ADDRESS = "192.0.1.25"
PORT = 25


class _Session(socketserver.StreamRequestHandler):
    def handle(self):
        self.reply("220 mail.example.com ESMTP")
        for line in self.rfile:
            match line.split()[:1]:
                case [b"EHLO"]:
                    self.reply("250-mail.example.com\r\n250-PIPELINING\r\n250 8BITMIME")
                case [b"DATA"]:
                    self.reply("354 go on")
                    lines = iter(self.rfile.readline, b".\r\n")
                    self.server.messages.append(b"".join(lines))
                    self.server.together.wait(60)
                    self.reply("250 2.0.0 taken")
                case [b"RCPT"] if b"<refused@" in line:
                    self.reply("550 5.1.1 nobody of that name")
                case [b"QUIT"]:
                    return self.reply("221 2.0.0 bye")
                case _:
                    self.reply("250 2.0.0 ok")

    def reply(self, text):
        self.wfile.write(f"{text}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    """Listens at once; `messages` are those it has taken. It says so to as many sessions at a time as there are to be `together`."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, together=1):
        super().__init__((ADDRESS, PORT), _Session)
        self.messages = []
        self.together = threading.Barrier(together)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()
