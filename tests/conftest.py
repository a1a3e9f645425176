"""What holds for all tests."""

import signal


def pytest_configure() -> None:
    """Have Ctrl-C reach the programs that tests start.

    A shell without job control starts what it puts into the background with SIGINT ignored, and every program that is
    started from there inherits that: a test that interrupts one would wait for ever.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
