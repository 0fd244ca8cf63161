"""An OpenID provider on a loopback port: it gives a token for whatever code, and says of whom a test wants."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import time
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

CLIENT, SECRET = "pulse", "the client's secret"


@cache
def key(name: str) -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@dataclass
class Provider:
    """``claims`` is what its tokens say, ``info`` what its user's endpoint says; ``asked`` what was sent for tokens."""

    address: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    signed_by: str = "its own"
    fails: bool = False

    def token(self) -> str:
        now = int(time())
        claims = {"iss": self.address, "aud": CLIENT, "sub": "sub-1", "iat": now, "exp": now + 300} | self.claims
        given = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(given, key(self.signed_by), "RS256", {"kid": "1"})

    def answer(self, path: str, body: str) -> Any:
        if path == "/token":
            self.asked.append({name: values[0] for name, values in parse_qs(body).items()})
            return {"access_token": "an access token", "id_token": self.token(), "token_type": "Bearer"}
        if path == "/userinfo":
            return {"sub": "sub-1"} | self.info
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key("its own").public_key()))
        return {"keys": [{**public, "kid": "1", "alg": "RS256"}]}


@contextmanager
def provider() -> Iterator[Provider]:
    found = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            answer = json.dumps(found.answer(self.path, body)).encode()
            self.send_response(500 if found.fails else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.address = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield found
        server.shutdown()
