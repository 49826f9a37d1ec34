"""The real client against a server that misbehaves as servers do."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from recaudit.errors import EnvironmentProblem
from recaudit.labels import ollama
from recaudit.labels.ollama import Ollama, Reply
from recaudit.labels.prompting import Question

QUESTION = Question("t", "be brief", "hello", {"type": "object"}, seed=3, longest=20)
TAGS = {"models": [{"model": "tiny:latest", "digest": "abc"}]}
CHAT = {
    "model": "tiny",
    "message": {"role": "assistant", "content": "{}"},
    "done": True,
    "done_reason": "stop",
}


@pytest.fixture
def server(monkeypatch):
    """A server whose answers are scripted: (status, body) or a callable, one a request, the last for ever."""
    monkeypatch.setattr(ollama, "WAIT_SECONDS", 0.01)
    script, seen = [], []
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.append((self.path, json.loads(body) if body else None))
            step = script.pop(0) if len(script) > 1 else script[0]
            if step == "hang":
                stop.wait(5)
                return
            if step == "drop":
                self.connection.close()
                return
            status, content = step
            data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    host = f"http://127.0.0.1:{running.server_address[1]}"
    transport = Ollama("tiny", host, 0.5)

    def transport_with(*steps):
        script.extend(steps)
        return transport

    yield transport_with, seen
    transport.close()
    stop.set()
    running.shutdown()
    thread.join()
    running.server_close()


def test_what_goes_over_the_wire(server):
    transport, seen = server[0]((200, CHAT)), server[1]
    assert transport.ask(QUESTION) == Reply("{}", "stop")
    ((path, body),) = seen
    assert path == "/api/chat"
    assert body["messages"] == QUESTION.messages
    assert body["format"] == {"type": "object"}
    assert body["options"] == {"temperature": 0, "seed": 3, "num_predict": 20, "num_ctx": 8192}
    assert body["stream"] is False


def test_digest_of_the_named_model(server):
    assert server[0]((200, TAGS)).digest() == "abc"


def test_unknown_model_says_pull(server):
    transport = server[0]((200, {"models": []}), (404, {"error": "model 'tiny' not found"}))
    for call in (transport.digest, lambda: transport.ask(QUESTION)):
        with pytest.raises(EnvironmentProblem) as caught:
            call()
        assert "ollama pull tiny" in caught.value.fix
        assert caught.value.exit_code == 5


@pytest.mark.parametrize("first", [(500, {"error": "out of memory"}), "drop", (503, {"error": "busy"})])
def test_a_passing_failure_is_tried_again(server, first):
    assert server[0](first, (200, CHAT)).ask(QUESTION).text == "{}"
    assert len(server[1]) == 2


def test_a_lasting_failure_is_an_error(server):
    with pytest.raises(EnvironmentProblem, match="500: no\\\\x1b memory"):
        server[0]((500, {"error": "no\x1b memory"})).ask(QUESTION)
    assert len(server[1]) == ollama.TRIES


def test_a_refused_request_is_not_repeated(server):
    with pytest.raises(EnvironmentProblem, match="400"):
        server[0]((400, {"error": "bad format"})).ask(QUESTION)
    assert len(server[1]) == 1


def test_no_answer_in_time(server):
    with pytest.raises(EnvironmentProblem, match=r"within 0.5 s") as caught:
        server[0]("hang").ask(QUESTION)
    assert "--timeout" in caught.value.fix


def test_no_server(monkeypatch):
    monkeypatch.setattr(ollama, "WAIT_SECONDS", 0.01)
    transport = Ollama("tiny", "http://127.0.0.1:1", 0.5)
    assert transport.digest() is None
    with pytest.raises(EnvironmentProblem) as caught:
        transport.ask(QUESTION)
    transport.close()
    assert "ollama serve" in caught.value.fix


@pytest.mark.parametrize("body", ["<html>", {"models": 3}, [1]])
def test_another_kind_of_server(server, body):
    with pytest.raises(EnvironmentProblem, match="no Ollama server"):
        server[0]((200, body)).digest()


def test_ollama_host_is_read(monkeypatch, server):
    transport = server[0]((200, TAGS))
    monkeypatch.setenv("OLLAMA_HOST", transport.host)
    other = Ollama("tiny")
    assert other.digest() == "abc"
    other.close()
