"""Masking as a pure function of a stream and its splits."""

from __future__ import annotations

import base64
import json
import shlex
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronicle.execute.masking import Masker, mask_forms

few_letters = st.binary(max_size=60).map(lambda data: bytes(b"abc"[byte % 3] for byte in data))
secrets = st.lists(few_letters.map(lambda data: data[:6]), max_size=4)


def mask(masks, pieces):
    masker = Masker(masks)
    return b"".join([masker.feed(piece) for piece in pieces] + [masker.finish()])


def naive(masks, text):
    """Hides each byte of each occurrence, and writes one mask for each run of overlapping ones."""
    spans = sorted(
        (start, start + len(m))
        for m in set(masks)
        if m
        for start in range(len(text))
        if text.startswith(m, start)
    )
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    out, position = b"", 0
    for start, end in merged:
        out += text[position:start] + b"***"
        position = end
    return out + text[position:]


@st.composite
def split_texts(draw):
    masks = draw(secrets)
    parts = draw(st.lists(few_letters | st.sampled_from([m for m in masks if m] or [b""]), max_size=8))
    text = b"".join(parts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    bounds = [0, *cuts, len(text)]
    return masks, text, [text[a:b] for a, b in pairwise(bounds)]


@given(split_texts())
def test_any_split_of_any_text_gives_the_same_and_no_secret(case):
    masks, text, pieces = case

    masked = mask(masks, pieces)

    assert masked == naive(masks, text)
    assert not any(m in masked for m in masks if m)


@given(st.lists(st.binary(min_size=1), min_size=1, max_size=3), st.lists(st.binary(max_size=30), max_size=6))
def test_any_bytes_are_masked_as_by_the_naive_way(masks, pieces):
    assert mask(masks, pieces) == naive(masks, b"".join(pieces))


def test_only_what_may_become_a_secret_is_held_back():
    masker = Masker([b"hunter2"])

    assert masker.feed(b"password: ") == b"password: "
    assert masker.feed(b"oh, hun") == b"oh, "
    assert masker.feed(b"dred") == b"hundred"
    assert not masker.found


def test_without_secrets_the_data_itself_is_passed_on():
    data = b"x" * 100
    assert Masker([b""]).feed(data) is data


SECRET = 'p@ss "wörd"/+\nsecond line of it\n}\n'


@pytest.mark.parametrize(
    "printed",
    [
        SECRET.encode(),
        SECRET.strip().encode(),
        b"second line of it",
        base64.b64encode(SECRET.encode()),
        base64.b64encode(SECRET.strip().encode()),
        quote(SECRET).encode(),
        quote(SECRET, safe="").encode(),
        quote_plus(SECRET).encode(),
        json.dumps(SECRET).encode(),
        json.dumps(SECRET, ensure_ascii=False).encode(),
        shlex.quote(SECRET).encode(),
    ],
)
def test_the_forms_in_which_secrets_are_printed_are_masked(printed):
    masked = mask(mask_forms(SECRET), [b"<" + printed + b">"])

    assert b"***" in masked
    assert b"ss" not in masked
    assert b"second" not in masked


@pytest.mark.parametrize("user", ["", "a", "ad", "ada", "adal"])
def test_a_secret_inside_of_basic_authentication_is_masked(user):
    """All but the two characters at each side, which depend on its neighbours too."""
    header = base64.b64encode(f"{user}:correct horse battery".encode())

    masked = mask(mask_forms("correct horse battery"), [header])

    assert b"***" in masked
    assert len(masked) < len(user) * 2 + 12


def test_short_lines_of_a_secret_are_not_masked_by_themselves():
    assert mask(mask_forms("long enough line\n}\n"), [b"{ x }"]) == b"{ x }"


def test_an_empty_secret_masks_nothing():
    assert mask_forms("") == ()
