"""What attempts read and write: both streams exact, data exact, limits, masks, floods."""

from __future__ import annotations

import hashlib
import os
import resource

import pytest

from cronicle.execute.interface import Outcome, Reason
from cronicle.logs import Stream, read_log

ALTERNATING = "import os\nfor n in range(600): os.write(1 + n % 2, b'%d of stream %d\\n' % (n, 1 + n % 2))"
EXPECTED = [b"%d of stream %d\n" % (n, 1 + n % 2) for n in range(600)]


def of_stream(path, stream):
    return b"".join(chunk.data for chunk in read_log(path) if chunk.stream == stream)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "logs" / "log"


async def test_each_stream_is_exact(execute, log):
    await execute('"$PYTHON" -c "$CODE"', env={"CODE": ALTERNATING})

    assert of_stream(log, Stream.STDOUT) == b"".join(EXPECTED[0::2])
    assert of_stream(log, Stream.STDERR) == b"".join(EXPECTED[1::2])


async def test_merged_output_keeps_the_common_order(execute, log):
    await execute('"$PYTHON" -c "$CODE"', env={"CODE": ALTERNATING}, merge_output=True)

    assert log.read_bytes() == b"".join(EXPECTED)
    assert of_stream(log, Stream.STDERR) == b""


async def test_a_silent_attempt_leaves_no_log(execute, log):
    end = await execute("true")

    assert end.log_bytes == 0
    assert not log.parent.exists()


async def test_a_closed_stdout_is_no_end(execute, log):
    end = await execute("exec >&- 2>&-; sleep 0.05; exit 4")

    assert end.exit_code == 4


async def test_any_bytes_are_kept(execute, log):
    await execute(r"printf '\000\377\r\n\033[31m'")

    assert log.read_bytes() == b"\0\xff\r\n\x1b[31m"


async def test_a_flood_is_cut_at_the_limit_and_bounded_in_memory(execute, log):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    end = await execute("head -c 300000000 /dev/zero", log_limit=1_000_000)

    assert end.outcome is Outcome.SUCCEEDED
    assert of_stream(log, Stream.STDOUT) == bytes(1_000_000)
    notes = of_stream(log, Stream.NOTE)
    assert b"its limit of 1000000 bytes" in notes
    assert b"299000000 bytes" in notes
    assert end.log_bytes == log.stat().st_size == 1_000_000 + len(notes)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


async def test_a_log_of_exactly_the_limit_is_not_cut(execute, log):
    await execute("head -c 1000 /dev/zero", log_limit=1000)

    assert log.read_bytes() == bytes(1000)


async def test_an_endless_flood_can_be_timed_out(execute):
    end = await execute("yes", timeout=0.3, log_limit=1000)

    assert end.outcome is Outcome.TIMED_OUT


async def test_stdin_is_empty_unless_given(execute, log):
    await execute("wc -c; readlink /proc/self/fd/0")

    assert log.read_text().split() == ["0", "/dev/null"]


async def test_a_file_is_the_stdin(execute, tmp_path, log):
    (tmp_path / "in").write_bytes(b"\0one\n")

    await execute("cat", stdin=(tmp_path / "in",))

    assert log.read_bytes() == b"\0one\n"


async def test_several_inputs_are_concatenated(execute, tmp_path, log):
    large = os.urandom(1_000_000)
    (tmp_path / "large").write_bytes(large)
    (tmp_path / "empty").touch()
    inputs = (b"first\n", tmp_path / "large", tmp_path / "empty", b"", tmp_path / "large", b"last")

    end = await execute("sha256sum", stdin=inputs)

    whole = b"first\n" + large * 2 + b"last"
    assert end.outcome is Outcome.SUCCEEDED
    assert log.read_text().split()[0] == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize("inputs", [(b"",), (b"", b"")])
async def test_empty_inputs_are_an_empty_stdin(execute, inputs, log):
    await execute("wc -c", stdin=inputs)

    assert log.read_text().strip() == "0"


async def test_a_command_need_not_read_its_inputs(execute):
    end = await execute("exec <&-; sleep 0.05", stdin=(b"x" * 1_000_000, b"y"))

    assert end.outcome is Outcome.SUCCEEDED


async def test_data_is_exact_and_the_log_shows_its_beginning(execute, tmp_path, log):
    spool = tmp_path / "stdout" / "data"
    code = "import os, sys\nsys.stdout.buffer.write(bytes(range(256)) * 4096)\nos.write(2, b'on stderr')"
    end = await execute('"$PYTHON" -c "$CODE"', env={"CODE": code}, stdout_path=spool)

    assert end.outcome is Outcome.SUCCEEDED
    assert spool.read_bytes() == bytes(range(256)) * 4096
    assert end.stdout_size == 1 << 20
    assert of_stream(log, Stream.STDOUT) == bytes(range(256)) * 256
    assert of_stream(log, Stream.STDERR) == b"on stderr"
    assert b"stdout goes on" in of_stream(log, Stream.NOTE)


async def test_empty_data_is_an_empty_file(execute, tmp_path):
    end = await execute("true", stdout_path=tmp_path / "data")

    assert (end.stdout_size, (tmp_path / "data").read_bytes()) == (0, b"")


async def test_data_replaces_what_an_earlier_try_left(execute, tmp_path):
    (tmp_path / "data").write_bytes(b"old and longer")

    await execute("echo new", stdout_path=tmp_path / "data")

    assert (tmp_path / "data").read_bytes() == b"new\n"


async def test_data_of_exactly_the_limit_is_fine(execute, tmp_path):
    end = await execute("head -c 100000 /dev/zero", stdout_path=tmp_path / "data", stdout_limit=100_000)

    assert (end.outcome, end.stdout_size) == (Outcome.SUCCEEDED, 100_000)


@pytest.mark.parametrize("script", ["head -c 100001 /dev/zero", "cat /dev/zero", "cat /dev/zero; exit 0"])
async def test_too_much_data_ends_the_attempt(execute, tmp_path, log, script):
    end = await execute(script, stdout_path=tmp_path / "data", stdout_limit=100_000)

    assert (end.outcome, end.reason) == (Outcome.FAILED, Reason.STDOUT_TOO_LARGE)
    assert "100000 bytes" in end.detail
    assert b"100000 bytes" in of_stream(log, Stream.NOTE)
    assert not (tmp_path / "data").exists()


async def test_a_secret_in_data_ends_the_attempt_before_it_is_on_the_disk(execute, tmp_path, log):
    script = "printf 'before s3'; sleep 0.1; printf 'cret-value after\\n'; sleep 301"
    end = await execute(script, stdout_path=tmp_path / "data", masks=(b"s3cret-value",))

    assert (end.outcome, end.reason) == (Outcome.FAILED, Reason.SECRET_IN_STDOUT)
    assert not (tmp_path / "data").exists()
    assert b"s3cret" not in log.read_bytes()


async def test_data_with_masks_and_without_secrets_is_exact(execute, tmp_path):
    await execute(
        "printf 'a s3cre'; printf 't-valu and s3'", stdout_path=tmp_path / "d", masks=(b"s3cret-value",)
    )

    assert (tmp_path / "d").read_bytes() == b"a s3cret-valu and s3"


async def test_data_that_cannot_be_written_ends_the_attempt(execute, tmp_path):
    """`/dev/full` is a disk without room."""
    (tmp_path / "data").symlink_to("/dev/full")
    end = await execute("echo x", stdout_path=tmp_path / "data")
    assert end.reason is Reason.START_ERROR  # a link in the place of the data is not followed

    end = await execute("cat /dev/zero", stdout_path=type(tmp_path)("/dev/full"))
    assert end.reason is Reason.CAPTURE_ERROR
    assert "No space left" in end.detail


async def test_a_log_that_cannot_be_written_does_not_end_the_attempt(execute, tmp_path):
    (tmp_path / "file").touch()

    end = await execute("echo x; echo y", log_path=tmp_path / "file" / "log")

    assert end.outcome is Outcome.SUCCEEDED
    assert "log could not be written" in end.detail


async def test_secrets_are_masked_in_both_streams_over_any_writes(execute, log):
    script = (
        "printf s3cr; sleep 0.1; echo et-value; printf s3cr >&2; sleep 0.1; echo et-value >&2;"
        "echo two s3cret-value s3cret-values3cret-value; printf s3cret-valu"
    )
    await execute(script, masks=(b"s3cret-value",))

    assert of_stream(log, Stream.STDOUT) == b"***\ntwo *** ******\ns3cret-valu"
    assert of_stream(log, Stream.STDERR) == b"***\n"


async def test_masking_comes_before_the_limit_cuts(execute, log):
    await execute("printf 'aaaas3cret-value'", masks=(b"s3cret-value",), log_limit=6)

    assert of_stream(log, Stream.STDOUT) == b"aaaa**"


async def test_secrets_are_masked_in_what_cronicle_says_itself(execute, log):
    end = await execute(argv=("/no/s3cret-value",), masks=(b"s3cret-value",))

    assert b"s3cret" not in log.read_bytes()
    assert "s3cret" not in end.detail


async def test_a_secret_in_the_outputs_fails_the_attempt_without_showing_it(execute, log):
    end = await execute('echo k=s3cret-value >> "$CRONICLE_OUTPUT"', masks=(b"s3cret-value",))

    assert end.reason is Reason.BAD_OUTPUT
    assert end.outputs == {}
    assert "s3cret" not in end.detail
    assert b"s3cret" not in log.read_bytes()
