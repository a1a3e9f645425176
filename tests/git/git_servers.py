"""Servers of git repositories on the loopback interface, over HTTP, HTTPS and SSH, and what they may do wrong."""

from __future__ import annotations

import base64
import datetime as dt
import io
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
import pytest

pytest.importorskip("dulwich")

from dulwich.protocol import ReceivableProtocol
from dulwich.repo import Repo
from dulwich.server import DictBackend, ReceivePackHandler, UploadPackHandler
from dulwich.web import make_wsgi_chain


@attrs.define
class HttpServer:
    """Serves repositories by their names; what it was asked is kept."""

    port: int
    scheme: str = "http"
    password: str | None = None
    """As `user:password`; None asks for none."""
    moved_to: str | None = None
    """Where all requests are sent on to."""
    asked: list[tuple[str, str | None]] = attrs.field(factory=list)
    """Path, and the password that was given."""

    def url(self, name: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/{name}"


@contextmanager
def http_server(
    repositories: dict[str, Path], tls: ssl.SSLContext | None = None, **options: Any
) -> Iterator[HttpServer]:
    opened = {f"/{name}": Repo(str(path)) for name, path in repositories.items()}
    chain = make_wsgi_chain(DictBackend(opened))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # libgit2 wants the length of an answer

        def log_message(self, *_: Any) -> None: ...

        def answer(self) -> None:
            body = self._body()
            path, _, query = self.path.partition("?")
            given = self.headers.get("Authorization")
            said = base64.b64decode(given.removeprefix("Basic ")).decode() if given else None
            server.asked.append((path, said))
            if server.moved_to is not None:
                self._send("302 Found", [("Location", f"{server.moved_to}{self.path}")], b"")
            elif server.password is not None and said != server.password:
                self._send("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="git"')], b"")
            else:
                self._serve(path, query, body)

        do_GET = do_POST = answer  # noqa: N815 - what http.server calls

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def _serve(self, path: str, query: str, body: bytes) -> None:
            environ = {
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "wsgi.input": io.BytesIO(body),
            }
            written: list[bytes] = []
            head: list[Any] = []

            def start(
                status: str, headers: list[tuple[str, str]], _: object = None
            ) -> Callable[[bytes], None]:
                head[:] = [status, headers]
                return written.append

            rest = chain(environ, start)
            written.extend(rest)
            self._send(*head, b"".join(written))

        def _send(self, status: str, headers: list[tuple[str, str]], content: bytes) -> None:
            code, _, reason = status.partition(" ")
            self.send_response(int(code), reason)
            for name, value in headers:
                if name.lower() != "content-length":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ExitStack() as closed, ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        for repository in opened.values():
            closed.callback(repository.close)
        made.daemon_threads = True
        if tls is not None:
            made.socket = tls.wrap_socket(made.socket, server_side=True)
        server = HttpServer(made.server_port, "http" if tls is None else "https", **options)
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            made.shutdown()
            thread.join()


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate of 127.0.0.1 that signs itself: what a server shows, and the file that makes others trust it."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    start = dt.datetime(2020, 1, 1)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), start)
        .not_valid_after(start.replace(year=2120))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, both = folder / "trusted.pem", folder / "server.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(trusted.read_bytes() + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, trusted


@attrs.define
class SshServer:
    """An SSH server with one user, and one key that may log in."""

    port: int
    host_key: Any
    user_key: Any
    logins: list[str] = attrs.field(factory=list)

    def url(self, path: Path) -> str:
        return f"ssh://git@127.0.0.1:{self.port}{path}"

    @property
    def known_hosts_line(self) -> str:
        kind, key = self.host_key.export_public_key().decode().split()[:2]
        return f"[127.0.0.1]:{self.port} {kind} {key}\n"


@contextmanager
def ssh_server() -> Iterator[SshServer]:
    asyncssh = pytest.importorskip("asyncssh")
    import asyncio

    host_key, user_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    ready, server = threading.Event(), SshServer(0, host_key, user_key)
    stop: list[Callable[[], None]] = []

    class Gate(asyncssh.SSHServer):  # type: ignore[misc, name-defined]
        def begin_auth(self, username: str) -> bool:
            return True

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: Any) -> bool:
            return bool(username == "git" and key == user_key.convert_to_public())

        def auth_completed(self) -> None:
            server.logins.append("git")

    async def serve_git(process: Any) -> None:
        command, _, path = process.command.partition(" ")
        pack_handler = {"git-upload-pack": UploadPackHandler, "git-receive-pack": ReceivePackHandler}[command]
        loop = asyncio.get_running_loop()

        def read(size: int) -> bytes:
            future = asyncio.run_coroutine_threadsafe(process.stdin.read(size), loop)
            return bytes(future.result(30))

        def write(data: bytes) -> None:
            loop.call_soon_threadsafe(process.stdout.write, data)

        def serve() -> int:
            folder = path.strip("'")
            if not Path(folder).exists():
                return 128
            with closing(Repo(folder)) as repository:
                backend = DictBackend({"/": repository})
                pack_handler(backend, ["/"], ReceivableProtocol(read, write)).handle()
            return 0

        process.exit(await loop.run_in_executor(None, serve))

    async def main() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(stopped.set) and None)
        listener = await asyncssh.create_server(
            Gate, "127.0.0.1", 0, server_host_keys=[host_key], process_factory=serve_git, encoding=None
        )
        server.port = listener.sockets[0].getsockname()[1]
        ready.set()
        await stopped.wait()
        listener.close()
        await listener.wait_closed()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert ready.wait(30)
    try:
        yield server
    finally:
        stop[0]()
        thread.join()
