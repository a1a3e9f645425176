"""What a service manager hears, on a socket of the test's own."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cronicle.engine.notify import LONGEST_STATUS, Notifier, notifier_from, take_notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path) -> Iterator[tuple[socket.socket, str]]:
    """A socket as systemd has one, and its name as `$NOTIFY_SOCKET` gives it."""
    if request.param == "abstract" and not sys.platform.startswith("linux"):
        pytest.skip("abstract names are Linux's")
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.settimeout(10)
    if request.param == "path":
        address = str(tmp_path / "notify")
        receiver.bind(address)
    else:
        address = f"@cronicle-test-{os.getpid()}"
        receiver.bind(f"\0{address[1:]}")
    yield receiver, address
    receiver.close()


def test_each_word_arrives_as_the_protocol_has_it(manager):
    receiver, address = manager
    notifier = notifier_from({"NOTIFY_SOCKET": address}, 1)

    heard = []
    for say in (
        lambda: notifier.ready("12 workflows"),
        lambda: notifier.reloading(1_500_000),
        notifier.alive,
        lambda: notifier.status("3 runs live, späte 0"),
        lambda: notifier.extend_timeout(2.5),
        lambda: notifier.main_process(42),
        notifier.stopping,
    ):
        say()
        heard.append(receiver.recv(4096).decode())

    assert heard == [
        "READY=1\nSTATUS=12 workflows",
        "RELOADING=1\nMONOTONIC_USEC=1500000",
        "WATCHDOG=1",
        "STATUS=3 runs live, späte 0",
        "EXTEND_TIMEOUT_USEC=2500000",
        "MAINPID=42",
        "STOPPING=1",
    ]
    assert notifier.is_heard


def test_a_name_in_a_status_cannot_begin_a_line_of_its_own(manager):
    receiver, address = manager

    Notifier(address).status("daily\nMAINPID=1\0\x1b[2J" + "x" * 1000)

    (line,) = receiver.recv(4096).decode().splitlines()
    assert line.startswith("STATUS=daily MAINPID=1  [2Jxxx")
    assert len(line) == len("STATUS=") + LONGEST_STATUS


@pytest.mark.parametrize("address", [None, "", "relative", "vsock:2:1234"])
def test_where_nobody_listens_nothing_is_said(address):
    notifier = notifier_from({} if address is None else {"NOTIFY_SOCKET": address}, 1)

    notifier.ready()

    assert not notifier.is_heard


@pytest.mark.parametrize("address", ["/nowhere/at/all", "/" + "x" * 500, "@nobody-listens-here"])
def test_a_manager_that_has_gone_is_no_error(address):
    Notifier(address).ready()


def test_a_manager_that_does_not_read_is_not_waited_for(tmp_path):
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(str(tmp_path / "full"))
    for _ in range(2000):  # more than any queue of datagrams holds
        Notifier(str(tmp_path / "full")).alive()
    receiver.close()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "1", "WATCHDOG_PID": "x"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_that_of_this_process(environ, seconds):
    assert notifier_from({"NOTIFY_SOCKET": "@x", **environ}, 7).watchdog_seconds == seconds


def test_children_do_not_inherit_the_socket():
    environ = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "7", "PATH": "/bin"}

    notifier = take_notifier(environ, 7)

    assert environ == {"PATH": "/bin"}
    assert notifier == Notifier("@x", 1.0)


def test_the_unit_in_the_docs_has_what_a_scheduler_needs():
    lines = (Path(__file__).parents[2] / "docs/reference/serve.service").read_text().splitlines()
    settings = [tuple(line.split("=", 1)) for line in lines if "=" in line and not line.startswith("#")]

    assert {
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("Restart", "always"),
        ("KillMode", "mixed"),
        ("OOMPolicy", "continue"),
    } <= set(settings)
    names = {name for name, _ in settings}
    assert {"WatchdogSec", "TimeoutStopSec", "ExecStart", "User", "StateDirectory"} <= names
    assert any(name == "After" and "time-sync.target" in value.split() for name, value in settings)
    assert {line for line in lines if line.startswith("[")} == {"[Unit]", "[Service]", "[Install]"}
