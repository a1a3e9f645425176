"""What may stand between a store and its PostgreSQL server: a wire that can be cut, and a pooler."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Queue
from urllib.parse import urlsplit, urlunsplit

ENOUGH = 1 << 16

COMMITTED = b"COMMIT\x00"
"""In what the client sends: the statement; in what the server answers: that it is done."""


class Listener:
    """Accepts connections on the loopback; each is served in a thread of its own."""

    def __init__(self, uri: str) -> None:
        self._server = urlsplit(uri)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        self.refuses = False
        """True while nobody is let through."""

    @property
    def uri(self) -> str:
        """As that of the server, but through here."""
        port = self._socket.getsockname()[1]
        user = f"{self._server.username}@" if self._server.username else ""
        return urlunsplit(self._server._replace(netloc=f"{user}127.0.0.1:{port}"))

    def close(self) -> None:
        with suppress(OSError):  # wakes whoever accepts
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def connect(self) -> socket.socket:
        assert self._server.hostname is not None
        return socket.create_connection((self._server.hostname, self._server.port or 5432))

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            if self.refuses:
                client.close()
            else:
                threading.Thread(target=self._guarded, args=(client,), daemon=True).start()

    def _guarded(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            self.serve(client)

    def serve(self, client: socket.socket) -> None:
        raise NotImplementedError


class Wire(Listener):
    """Forwards what is said; at the next commit it may be cut."""

    def __init__(self, uri: str) -> None:
        self._open: list[socket.socket] = []
        self.commits = 0
        """That have been asked for."""
        self.cut_before = False
        """Cut it when the next commit is asked for, before the server hears of it."""
        self.cut_after = False
        """Cut it when the next commit has been done, before the client hears of it."""
        self.at_cut: Callable[[], None] = lambda: None
        self.at_answer: Callable[[], None] = lambda: None
        """Called when a commit has been done, before the client hears of it."""
        super().__init__(uri)

    def cut(self) -> None:
        """Cut all connections that there are."""
        while self._open:
            end = self._open.pop()
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve(self, client: socket.socket) -> None:
        with self.connect() as server:
            self._open += [client, server]
            back = threading.Thread(target=self._answer, args=(server, client), daemon=True)
            back.start()
            while said := client.recv(ENOUGH):
                if COMMITTED in said:
                    self.commits += 1
                    if self.cut_before:
                        self._cut_now()
                        return
                server.sendall(said)
            with suppress(OSError):
                server.shutdown(socket.SHUT_WR)
            back.join()

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while said := server.recv(ENOUGH):
                if COMMITTED in said:
                    self.at_answer()
                    if self.cut_after:
                        self._cut_now()
                        return
                client.sendall(said)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _cut_now(self) -> None:
        self.cut_before = self.cut_after = False
        self.at_cut()
        self.cut()


class Pooler(Listener):
    """As pgbouncer in transaction mode: each transaction gets the session that has been free the longest.

    A session is given to the next as the last has left it.
    """

    def __init__(self, uri: str, sessions: int = 3) -> None:
        self._server = urlsplit(uri)
        self._free: Queue[socket.socket] = Queue()
        self.used: list[int] = []
        """Which session each transaction had."""
        self.sessions: list[socket.socket] = []
        self.greeting = b""
        for _ in range(sessions):
            self.sessions.append(self._log_in())
            self._free.put(self.sessions[-1])
        super().__init__(uri)

    def close(self) -> None:
        super().close()
        for session in self.sessions:
            session.close()

    def _log_in(self) -> socket.socket:
        """A session with the server, which asks for no password; its parameters are what clients are greeted with."""
        session = self.connect()
        database = self._server.path.removeprefix("/")
        words = f"user\0{self._server.username}\0database\0{database}\0client_encoding\0UTF8\0\0".encode()
        session.sendall(struct.pack("!II", len(words) + 8, 196_608) + words)
        self.greeting = b""
        for kind, message in messages(session):
            if kind in b"RS":
                self.greeting += message
            if kind == b"Z":
                return session
        raise AssertionError("the server has hung up")

    def serve(self, client: socket.socket) -> None:
        while True:
            (length,) = struct.unpack("!I", receive(client, 4))
            (code,) = struct.unpack("!I", receive(client, length - 4)[:4])
            if code == 196_608:
                break
            client.sendall(b"N")  # no TLS, no GSS
        key = b"K" + struct.pack("!III", 12, 0x7FFFFFFF, 1)
        client.sendall(self.greeting + key + b"Z" + struct.pack("!I", 5) + b"I")
        while True:
            first = receive(client, 1)
            if first == b"X":
                return
            session = self._free.get()
            self.used.append(self.sessions.index(session))
            self._converse(client, first, session)
            self._free.put(session)

    def _converse(self, client: socket.socket, first: bytes, session: socket.socket) -> None:
        """Forward both ways until the server is out of a transaction, and has answered all."""
        done = threading.Event()
        asked = 0

        def answer() -> None:
            answered = 0
            for kind, message in messages(session):
                client.sendall(message)
                if kind == b"Z":
                    answered += 1
                    if message.endswith(b"I") and answered == asked:
                        done.set()
                        return

        threading.Thread(target=answer, daemon=True).start()
        while not done.is_set():
            if not first and not select.select([client], [], [], 0.002)[0]:
                continue
            kind, first = first or receive(client, 1), b""
            length = receive(client, 4)
            body = receive(client, struct.unpack("!I", length)[0] - 4)
            asked += kind in (b"Q", b"S")
            session.sendall(kind + length + body)


def receive(end: socket.socket, count: int) -> bytes:
    """So many bytes."""
    found = b""
    while len(found) < count:
        more = end.recv(count - len(found))
        if not more:
            raise OSError("hung up")
        found += more
    return found


def messages(session: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    """What a server says: kinds, and whole messages."""
    while True:
        head = receive(session, 5)
        yield head[:1], head + receive(session, struct.unpack("!I", head[1:])[0] - 4)
