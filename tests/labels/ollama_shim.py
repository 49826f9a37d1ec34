"""Test-only server: the Ollama HTTP API (subset) on loopback, answered by a REAL GGUF model.

llama.cpp runs in this process (PyPI `xllamacpp`, prebuilt); only the wire format is translated.
usage: python ollama_shim.py --model NAME=FILE.gguf[@TEMPLATE.jinja] [--model ...] [--port 11434]
"""

import argparse, hashlib, json, os, pathlib, signal, sys, threading, time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import xllamacpp as xlc

VERSION = "0.0.0-shim"
now = lambda: datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")
# Ollama option -> llama.cpp server field, and Ollama's documented defaults
OPTS = {
    k: k
    for k in (
        "temperature",
        "top_k",
        "top_p",
        "min_p",
        "typical_p",
        "seed",
        "stop",
        "repeat_penalty",
        "repeat_last_n",
        "presence_penalty",
        "frequency_penalty",
    )
} | {"num_predict": "max_tokens"}
CACHE = False
DEFAULTS = {"temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.0}


class ApiError(Exception):
    def __init__(self, code, msg):
        super().__init__(msg)
        self.code = code


def load(path, alias, args, template=None, embedding=False):
    p = xlc.CommonParams()
    p.model.path, p.model_alias = str(path), {alias}
    p.hostnames, p.port, p.ui = ["127.0.0.1"], 0, False
    p.n_ctx, p.n_parallel, p.verbosity = args.ctx, 1, args.verbosity
    p.cpuparams.n_threads = args.threads
    if template:
        p.chat_template = pathlib.Path(template).read_text()
    if embedding:
        p.embedding, p.pooling_type = True, xlc.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return xlc.Server(p)


class Model:
    def __init__(self, name, path, template, args):
        self.name, self.path, self.template, self.args = name, pathlib.Path(path), template, args
        self.lock, self._gen, self._emb, self.digest = threading.Lock(), None, None, None
        self.digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
        st = self.path.stat()
        self.size, self.mtime = st.st_size, datetime.fromtimestamp(st.st_mtime, timezone.utc).isoformat()
        self.gen()  # load now, so that "ready" means ready
        import urllib.request

        with urllib.request.urlopen(self._gen.listening_address + "/v1/models", timeout=10) as r:
            self.meta = json.load(r)["data"][0]["meta"]

    def gen(self):
        with self.lock:
            self._gen = self._gen or load(self.path, self.name, self.args, self.template)
            return self._gen

    def emb(self):
        with self.lock:
            self._emb = self._emb or load(self.path, self.name, self.args, embedding=True)
            return self._emb

    def details(self):
        fam = self.name.split(":")[0]
        return {
            "parent_model": "",
            "format": "gguf",
            "family": fam,
            "families": [fam],
            "parameter_size": f"{self.meta['n_params'] / 1e6:.2f}M",
            "quantization_level": self.meta["ftype"],
        }

    def entry(self):
        return {
            "name": self.name,
            "model": self.name,
            "modified_at": self.mtime,
            "size": self.size,
            "digest": self.digest,
            "details": self.details(),
        }


def closed(f):
    """Ollama's grammars admit no property that the schema does not name, unless it says so; LLGuidance does."""
    if isinstance(f, list):
        return [closed(x) for x in f]
    if not isinstance(f, dict):
        return f
    f = {k: closed(v) for k, v in f.items()}
    if isinstance(f.get("properties"), dict) and f.get("type") == "object":
        f.setdefault("additionalProperties", False)
    return f


def request_body(b):
    o = {**DEFAULTS, **(b.get("options") or {})}
    req = {OPTS[k]: v for k, v in o.items() if k in OPTS and v is not None}
    if req.get("max_tokens", -1) < 0:
        req.pop("max_tokens", None)
    f = {"type": "object"} if b.get("format") == "json" else b.get("format")
    if isinstance(f, dict):
        # compact JSON: a tiny model otherwise wanders off into endless (legal) white space
        compact = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
        req["grammar"] = xlc.json_schema_to_grammar({**closed(f), "x-guidance": compact})
    elif f:
        raise ApiError(400, f'invalid format: {json.dumps(f)}; expected "json" or a valid JSON Schema object')
    if b.get("logprobs"):
        req.update(logprobs=True, top_logprobs=b.get("top_logprobs") or 1)
    req["cache_prompt"] = (
        CACHE  # a reused prefix changes batch shapes, so the last bits, so (Gemma) the answer
    )
    return req


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    models = {}

    def log_message(self, fmt, *a):
        if self.server.verbose:
            sys.stderr.write("%s %s\n" % (self.command, fmt % a))

    def send(self, obj, code=200, ctype="application/json; charset=utf-8"):
        data = obj.encode() if isinstance(obj, str) else json.dumps(obj).encode()
        self.send_response(code)
        self.send_header("Content-Type", ctype)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def model(self, b):
        name = b.get("model") or b.get("name") or ""
        m = self.models.get(name) or self.models.get(name + ":latest")
        if not m:
            raise ApiError(404, f"model '{name}' not found")
        return m

    def do_GET(self):
        p = self.path.rstrip("/")
        if p == "":
            return self.send("Ollama is running", ctype="text/plain; charset=utf-8")
        if p == "/api/version":
            return self.send({"version": VERSION})
        if p in ("/api/tags", "/api/ps"):
            extra = {"expires_at": "2318-11-16T00:00:00Z", "size_vram": 0} if p.endswith("ps") else {}
            return self.send({"models": [{**m.entry(), **extra} for m in self.models.values()]})
        self.send({"error": "404 page not found"}, 404)

    do_HEAD = do_GET

    def do_POST(self):
        try:
            b = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            route = {
                "/api/show": self.show,
                "/api/chat": self.chat,
                "/api/generate": self.generate,
                "/api/embed": self.embed,
            }.get(self.path.rstrip("/"))
            if not route:
                raise ApiError(404, "404 page not found")
            route(b)
        except ApiError as e:
            self.send({"error": str(e)}, e.code)
        except ValueError as e:
            self.send({"error": str(e)}, 400)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except Exception as e:  # llama.cpp errors arrive as exceptions
            self.send({"error": str(e)}, 500)

    def show(self, b):
        m = self.model(b)
        self.send(
            {
                "modelfile": f"FROM {m.path.name}\n",
                "parameters": "",
                "template": pathlib.Path(m.template).read_text() if m.template else "",
                "details": m.details(),
                "modified_at": m.mtime,
                "capabilities": ["completion"],
                "model_info": {
                    "general.architecture": m.details()["family"],
                    "general.parameter_count": m.meta["n_params"],
                    f"{m.details()['family']}.context_length": m.meta["n_ctx_train"],
                    f"{m.details()['family']}.embedding_length": m.meta["n_embd"],
                },
            }
        )

    def embed(self, b):
        m, inp = self.model(b), b.get("input", "")
        r = m.emb().handle_embeddings({"input": [inp] if isinstance(inp, str) else inp})
        self.send(
            {
                "model": m.name,
                "embeddings": [d["embedding"] for d in r["data"]],
                "prompt_eval_count": r.get("usage", {}).get("prompt_tokens", 0),
                "total_duration": 0,
                "load_duration": 0,
            }
        )

    def chat(self, b):
        self.run(
            self.model(b),
            b,
            {"messages": b.get("messages") or []},
            lambda t: {"message": {"role": "assistant", "content": t}},
        )

    def generate(self, b):
        m, wrap = self.model(b), (lambda t: {"response": t})
        if b.get("raw"):
            return self.run(m, b, {"prompt": b.get("prompt", "")}, wrap, raw=True)
        msgs = [{"role": "system", "content": b["system"]}] if b.get("system") else []
        self.run(m, b, {"messages": msgs + [{"role": "user", "content": b.get("prompt") or ""}]}, wrap)

    def run(self, m, b, req, wrap, raw=False):
        req = {**req, **request_body(b)}
        srv, head = m.gen(), {"model": b["model"], "created_at": now()}
        call = srv.handle_completions if raw else srv.handle_chat_completions
        text = lambda c: (
            (c.get("text") if raw else (c.get("delta") or c.get("message") or {}).get("content")) or ""
        )
        t0 = time.perf_counter_ns()

        def tail(r, reason):
            t = r.get("timings") or {}
            return {
                "done": True,
                "done_reason": reason or "stop",
                "total_duration": time.perf_counter_ns() - t0,
                "load_duration": 0,
                "prompt_eval_count": t.get("prompt_n", 0) + t.get("cache_n", 0),
                "prompt_eval_duration": int(t.get("prompt_ms", 0) * 1e6),
                "eval_count": t.get("predicted_n", 0),
                "eval_duration": int(t.get("predicted_ms", 0) * 1e6),
            }

        if b.get("stream") is False:
            r = call(req)
            if "choices" not in r:
                e = r.get("error", r)
                raise ApiError(e.get("code", 500), e.get("message", str(e)))
            c = r["choices"][0]
            lp = {"logprobs": c["logprobs"]["content"]} if b.get("logprobs") and c.get("logprobs") else {}
            return self.send({**head, **wrap(text(c)), **lp, **tail(r, c.get("finish_reason"))})

        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

        def emit(o):
            d = (json.dumps(o) + "\n").encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(d), d))
            self.wfile.flush()

        last = {"r": {}, "reason": None}

        def on(r):
            try:
                for r in r if isinstance(r, list) else [r]:
                    if "timings" in r:
                        last["r"] = r
                    for c in r.get("choices") or []:
                        last["reason"] = c.get("finish_reason") or last["reason"]
                        if text(c):
                            emit({**head, **wrap(text(c)), "done": False})
                    if "error" in r:
                        emit({"error": str(r["error"])})
            except OSError:
                return True  # client left: stop generating

        call({**req, "stream": True}, on)
        emit({**head, **wrap(""), **tail(last["r"], last["reason"])})
        self.wfile.write(b"0\r\n\r\n")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--model", action="append", required=True, metavar="NAME=FILE.gguf[@TEMPLATE.jinja]")
    ap.add_argument("--port", type=int, default=11434)
    ap.add_argument("--ctx", type=int, default=4096)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--verbosity", type=int, default=0)
    ap.add_argument("--cache-prompt", action="store_true", help="faster, but answers may differ between runs")
    args = ap.parse_args()
    global CACHE
    CACHE = args.cache_prompt
    for spec in args.model:
        name, _, rest = spec.partition("=")
        path, _, template = rest.partition("@")
        name = name if ":" in name else name + ":latest"
        Handler.models[name] = Model(name, path, template or None, args)
    httpd = ThreadingHTTPServer(("127.0.0.1", args.port), Handler)
    httpd.daemon_threads, httpd.verbose = True, args.verbosity > 2
    stop = lambda *_: threading.Thread(target=httpd.shutdown, daemon=True).start()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"READY http://127.0.0.1:{httpd.server_address[1]} {list(Handler.models)}", flush=True)
    httpd.serve_forever()
    os._exit(0)  # llama.cpp threads need no farewell


if __name__ == "__main__":
    main()
