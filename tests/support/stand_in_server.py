"""A small server with OpenAI's interface on this machine, which answers as it is told and fails as it is told."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAME = "stand-in"
Answer = Callable[[dict[str, Any]], dict[str, Any]]


def written(text: str, **more: Any) -> dict[str, Any]:
    """A chat reply of this text."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}, **more}
    usage = {"prompt_tokens": 7, "completion_tokens": len(text.split()), "total_tokens": 0}
    return {"model": NAME, "system_fingerprint": "fp_1", "choices": [choice], "usage": usage}


class StandIn:
    """A running stand-in.

    Attributes:
        faults: what happens to the next requests, one word each, see ``_fail``; where it is empty all is well.
        newer: whether it takes the length of an answer by its newer name alone. without_stops: whether it refuses
            texts that end an answer.
        asked: the bodies of all requests for answers. keys: their keys. together: most requests at one time.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer, self.faults, self.asked, self.keys = answer, deque[str](), [], []
        self.models: list[str] | None = [NAME]
        self.newer = self.without_stops = False
        self.running = self.together = 0
        self.lock = threading.Lock()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.http.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}/v1"

    @property
    def source(self) -> str:
        return f"api:{NAME}@{self.url}"


def _handler(server: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if server.models is None:
                self._send(500, b'{"detail": "broken"}')
            else:
                self._send(200, json.dumps({"data": [{"id": name} for name in server.models]}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with server.lock:
                server.asked.append(body)
                server.keys.append(self.headers.get("authorization", ""))
                server.running += 1
                server.together = max(server.together, server.running)
                fault = server.faults.popleft() if server.faults else ""
            try:
                if server.newer and "max_tokens" in body:
                    told = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
                    self._send(400, json.dumps({"error": {"message": told}}).encode())
                elif server.without_stops and "stop" in body:
                    told = "Unsupported parameter: 'stop' is not supported with this model."
                    self._send(400, json.dumps({"error": {"message": told}}).encode())
                elif fault:
                    self._fail(fault, body)
                else:
                    self._send(200, json.dumps(server.answer(body)).encode())
            finally:
                with server.lock:
                    server.running -= 1

        def _fail(self, fault: str, body: dict[str, Any]) -> None:
            whole = json.dumps(server.answer(body)).encode()
            match fault.split():
                case ["status", status]:
                    key = self.headers.get("authorization", "")
                    self._send(int(status), json.dumps({"error": {"message": f"no: {key}"}}).encode())
                case ["retry-after", seconds]:
                    self._send(429, b'{"error": {"message": "slow down"}}', [("retry-after", seconds)])
                case ["slow", seconds]:
                    time.sleep(float(seconds))
                    self._send(200, whole)
                case ["cut-off"]:  # well-formed HTTP, half of the JSON
                    self._send(200, whole[: len(whole) // 2])
                case ["broken-off"]:  # fewer bytes than announced
                    self._send(200, whole[: len(whole) // 2], announced=len(whole))
                case ["html"]:
                    self._send(200, b"<html><body>Welcome to the proxy</body></html>", kind="text/html")
                case ["no-choices"]:
                    self._send(200, json.dumps({"model": NAME, "choices": []}).encode())
                case ["null"]:
                    self._send(200, b"null")
                case ["other-model", name]:
                    self._send(200, json.dumps(server.answer(body) | {"model": name}).encode())
                case _:
                    raise AssertionError(fault)

        def _send(
            self,
            status: int,
            content: bytes,
            headers: list[tuple[str, str]] = [],  # noqa: B006
            *,
            kind: str = "application/json",
            announced: int | None = None,
        ) -> None:
            self.send_response(status)
            for name, value in [("content-type", kind), ("content-length", str(announced or len(content))), *headers]:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@contextmanager
def stand_in(answer: Answer) -> Iterator[StandIn]:
    server = StandIn(answer)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
