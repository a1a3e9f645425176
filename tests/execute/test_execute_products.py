"""What an attempt has made: found by its patterns, hashed, and refused where it cannot be recorded."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest
import trio

from cronicle.execute import products as products_module
from cronicle.execute.interface import AttemptControl, Outcome, Reason
from cronicle.execute.products import BadProducts, RefusedProductError, find_products, hashed
from cronicle.runs.products import Product


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for path, text in {
        "out/2026-01-01.csv": "a",
        "out/2026-01-02.csv": "bb",
        "out/deep/er/x.csv": "ccc",
        "out/.hidden.csv": "no",
        "other.txt": "",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def paths(found: tuple[Product, ...] | BadProducts) -> list[str]:
    assert isinstance(found, tuple), found
    return [one.path for one in found]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["out/2026-01-01.csv"], ["out/2026-01-01.csv"]),
        (["out/*.csv"], ["out/2026-01-01.csv", "out/2026-01-02.csv"]),
        (["out/**/*.csv"], ["out/2026-01-01.csv", "out/2026-01-02.csv", "out/deep/er/x.csv"]),
        (["out/**"], ["out/2026-01-01.csv", "out/2026-01-02.csv", "out/deep/er/x.csv"]),
        (["./out/.hid*"], ["out/.hidden.csv"]),
        (["*/????-01-0[!1].csv"], ["out/2026-01-02.csv"]),
        (["*.txt", "other.txt"], ["other.txt"]),
    ],
)
def test_patterns_mean_what_they_mean_in_inputs(data, patterns, expected):
    assert paths(find_products(data, patterns)) == expected


def test_a_file_is_recorded_with_its_size_and_hash(data):
    assert find_products(data, ["out/2026-01-02.csv"]) == (
        Product("out/2026-01-02.csv", 2, hashlib.sha256(b"bb").hexdigest()),
    )


@pytest.mark.parametrize("pattern", ["out/none.csv", "nowhere/*.csv", "out/deep", "*.csv"])
def test_each_pattern_must_match_a_file(data, pattern):
    found = find_products(data, ["out/*.csv", pattern])

    assert isinstance(found, BadProducts)
    assert found.is_missing
    assert f'"{pattern}"' in found.detail


def test_links_inside_count_as_files_and_links_out_are_refused(data, tmp_path):
    (data / "latest.csv").symlink_to("out/2026-01-02.csv")
    (data / "months").symlink_to("out")
    (data / "dangling.csv").symlink_to("nowhere")
    (tmp_path / "secret").write_text("s")
    (data / "escape.csv").symlink_to(tmp_path / "secret")
    (data / "outside").symlink_to(tmp_path)

    [link] = find_products(data, ["latest.csv"])
    assert (link.path, link.size) == ("latest.csv", 2)
    assert paths(find_products(data, ["months/*.csv"])) == ["months/2026-01-01.csv", "months/2026-01-02.csv"]
    assert "months/2026-01-01.csv" not in paths(find_products(data, ["**/2026*.csv"]))
    assert find_products(data, ["dangling.csv"]).is_missing
    for pattern in ("escape.csv", "outside/*", "*.csv"):
        found = find_products(data, [pattern])
        assert isinstance(found, BadProducts)
        assert "leads out of $CRONICLE_DATA" in found.detail


def test_a_link_to_itself_and_what_is_no_file_match_nothing(data):
    (data / "loop").symlink_to("loop")
    os.mkfifo(data / "pipe")
    (data / "out" / "round").symlink_to("..")

    assert find_products(data, ["pipe"]).is_missing
    assert isinstance(find_products(data, ["loop"]), BadProducts)
    assert "out/round" not in paths(find_products(data, ["out/**"]))


def test_more_than_the_bound_is_refused(data, monkeypatch):
    monkeypatch.setattr(products_module, "MOST_PRODUCTS", 2)
    assert "more than 2 files" in find_products(data, ["**"]).detail
    monkeypatch.setattr(products_module, "MOST_NAMES", 20)
    assert "too long" in find_products(data, ["out/*.csv"]).detail


def test_names_that_could_not_be_kept_or_shown_are_refused(data):
    (data / "out" / "s3cret-s3cret.csv").touch()
    found = find_products(data, ["out/*.csv"], (b"s3cret-s3cret",))
    assert found == BadProducts("The name of a file that it has made holds the value of a secret.")
    Path(os.fsdecode(os.fsencode(data) + b"/\xff.bin")).touch()
    assert "is not UTF-8" in find_products(data, ["*.bin"]).detail


def test_a_file_that_grows_while_it_is_read_is_refused(data):
    def grow() -> None:
        with (data / "other.txt").open("a") as file:
            file.write("more")

    (data / "other.txt").write_text("x")
    with pytest.raises(RefusedProductError, match="changed by somebody else"):
        hashed(data, "other.txt", grow)


def test_a_folder_that_cannot_be_read_is_told(data, monkeypatch):
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)

    found = find_products(data, ["out/*"])

    assert "cannot be read: Permission denied" in found.detail


# Attempts


async def test_a_succeeded_attempt_has_its_products_and_a_failed_one_none(execute, data):
    end = await execute("exit 0", produces=("out/*.csv",), data=data)
    assert (end.outcome, paths(end.products)) == (
        Outcome.SUCCEEDED,
        ["out/2026-01-01.csv", "out/2026-01-02.csv"],
    )
    assert (await execute("exit 1", produces=("out/*.csv",), data=data)).products == ()


async def test_what_was_not_made_fails_the_attempt_with_a_reason_of_its_own(execute, data, tmp_path):
    end = await execute('echo a=1 > "$CRONICLE_OUTPUT"', produces=("out/*.parquet",), data=data)

    assert (end.outcome, end.reason, end.exit_code, end.outputs) == (
        Outcome.FAILED,
        Reason.NO_PRODUCTS,
        0,
        {},
    )
    assert b'Nothing in $CRONICLE_DATA matches "out/*.parquet"' in (tmp_path / "logs" / "log").read_bytes()
    (data / "bad").symlink_to("/etc/passwd")
    assert (await execute("", produces=("bad",), data=data)).reason is Reason.BAD_PRODUCTS


async def test_a_cancel_ends_the_search_and_so_does_the_time_out(execute, data, monkeypatch):
    control = AttemptControl()
    arrived = threading.Event()
    patience = 10.0

    def search(*words: object) -> tuple[Product, ...]:
        arrived.set()
        for _ in range(int(patience / 0.01)):
            trio.from_thread.check_cancelled()
            threading.Event().wait(0.01)
        return ()

    monkeypatch.setattr(products_module, "find_products", search)
    ends = []

    async def run() -> None:
        ends.append(await execute("", control=control, produces=("x",), data=data))

    with trio.fail_after(patience / 2):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await trio.to_thread.run_sync(arrived.wait)
            control.cancel("Enough.")
        ends.append(await execute("", timeout=0.2, produces=("x",), data=data))

    assert [(end.outcome, end.products) for end in ends] == [
        (Outcome.CANCELLED, ()),
        (Outcome.TIMED_OUT, ()),
    ]
    assert ends[0].detail == "Enough."
