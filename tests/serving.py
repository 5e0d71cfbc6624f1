"""A server that speaks the OpenAI protocol and serves the built-in model, with the faults that real ones have."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tailguard.adapters.trainers import ngram

FAULTS = ("429", "500", "cut", "slow", "cut in the middle")


@dataclass
class Served:
    """What the server was asked. `faults` come first, one a request; `broken` answers everything with one status."""

    url: str = ""
    faults: list[str] = field(default_factory=list)
    broken: int | None = None
    requests: Counter[str] = field(default_factory=Counter)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    most_at_once: int = 0
    stop_after: int | None = None


@contextmanager
def serving(model: ngram.NgramModel) -> Iterator[Served]:
    """A server on a free port of this machine, for as long as the context lasts."""
    served = Served()
    guard = threading.Lock()
    busy: list[int] = []
    company = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with guard:
                served.requests[self.path] += 1
                served.bodies.append(body)
                served.keys.add(self.headers.get("Authorization", ""))
                busy.append(1)
                served.most_at_once = max(served.most_at_once, len(busy))
                first = len(served.bodies) == 1
                if len(busy) > 1:
                    company.set()
                fault = served.faults.pop(0) if served.faults else None
                late = served.stop_after is not None and len(served.bodies) > served.stop_after
            if first:  # a busy machine would answer it before a client that asks several at once has sent the next
                company.wait(2.0)
            try:
                self._answer(body, "500" if late else fault)
            finally:
                with guard:
                    busy.pop()

        def _answer(self, body: dict[str, Any], fault: str | None) -> None:
            if served.broken or fault in ("429", "500"):
                self.send_response(served.broken or int(str(fault)))
                self.send_header("Retry-After", "0")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if fault == "slow":
                time.sleep(0.5)
            if fault == "cut":
                self.close_connection = True
                self.connection.close()
                return
            chat = self.path.endswith("/chat/completions")
            prompt = body["messages"][0]["content"] if chat else body["prompt"]
            (text,) = ngram.sample(
                model, [prompt], max_tokens=body["max_tokens"], temperature=body["temperature"], seed=body["seed"]
            )
            choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
            choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
            used = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(text.split())}
            answer = json.dumps(
                {
                    "id": "1",
                    "object": "chat.completion" if chat else "text_completion",
                    "created": 0,
                    "model": body["model"],
                    "choices": [choice],
                    "usage": {**used, "total_tokens": sum(used.values())},
                }
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer[: len(answer) // 2] if fault == "cut in the middle" else answer)
            if fault == "cut in the middle":
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
