"""The part of Ollama's HTTP API that recaudit uses, answered by a real model file on loopback. For tests only.

llama.cpp runs in this process (``xllamacpp``); only the wire format is translated. It is a reading of the
protocol, not Ollama. Usage: ``python ollama_server.py NAME FILE.gguf``; prints ``READY URL`` when it answers.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import xllamacpp

CONTEXT = 4096
OPTIONS = {"temperature": "temperature", "seed": "seed", "num_predict": "max_tokens"}
"""Ollama's name of an option to llama.cpp's."""


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Model:
    """A loaded model."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()
        parameters = xllamacpp.CommonParams()
        parameters.model.path, parameters.model_alias = str(path), {name}
        parameters.hostnames, parameters.port, parameters.ui = ["127.0.0.1"], 0, False
        parameters.n_ctx, parameters.n_parallel, parameters.verbosity = CONTEXT, 1, 0
        # A second thread would spin against the first on a small machine.
        parameters.cpuparams.n_threads = 1
        self._server = xllamacpp.Server(parameters)

    def chat(self, body: dict[str, Any]) -> dict[str, Any]:
        """Ollama's answer to ``/api/chat``."""
        # Instructions are the same in every question; reading them is half of the work.
        request = {"messages": body["messages"], "cache_prompt": True}
        request |= {OPTIONS[key]: value for key, value in body.get("options", {}).items() if key in OPTIONS}
        if isinstance(body.get("format"), dict):
            # Without this a small model writes (legal) blanks for ever.
            compact = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
            request["grammar"] = xllamacpp.json_schema_to_grammar({**body["format"], "x-guidance": compact})
        got = self._server.handle_chat_completions(request)
        if "choices" not in got:
            error = got.get("error", got)
            raise Refused(int(error.get("code", 500)), str(error.get("message", error)))
        choice = got["choices"][0]
        return {
            "model": self.name,
            "created_at": "2026-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": choice["message"].get("content") or ""},
            "done": True,
            "done_reason": choice.get("finish_reason") or "stop",
        }


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    model: Model

    def do_GET(self) -> None:
        entry = {"name": self.model.name, "model": self.model.name, "digest": self.model.digest}
        known = {"/api/version": {"version": "0.0.0-test"}, "/api/tags": {"models": [entry]}}
        found = known.get(self.path)
        self._send(200 if found else 404, found or {"error": "404 page not found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            if self.path != "/api/chat":
                raise Refused(404, "404 page not found")
            if body.get("model") != self.model.name:
                raise Refused(404, f"model '{body.get('model')}' not found")
            self._send(200, self.model.chat(body))
        except Refused as refused:
            self._send(refused.status, {"error": str(refused)})

    def _send(self, status: int, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def main(name: str, path: str) -> None:
    """Serve until SIGTERM."""
    Handler.model = Model(name, Path(path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start())
    print(f"READY http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
    os._exit(0)  # llama.cpp's own threads never end


if __name__ == "__main__":
    main(*sys.argv[1:])
