"""moto on a free loopback port, which it prints. It then writes a line for each call that it has answered, until it is terminated.

moto's own server answers in threads, and its tables have no locks: of two writes that come at once, both may find that their condition holds.
DynamoDB makes one after the other, and so does this.
"""

import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server


class Handler(MotoRequestHandler):
    # The clients keep their connections.
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_request(self, code="-", size="-"):
        # In one piece, as there are threads.
        sys.stderr.write(f"{self.headers.get('x-amz-target')} {int(code)}\n")


class OneAtATime:
    def __init__(self, application):
        self.application = application
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        with self.lock:
            return [b"".join(self.application(environ, start_response))]


application = OneAtATime(DomainDispatcherApplication(create_backend_app))
server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Handler)
server.daemon_threads = True
print(f"127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
