"""The names of the package."""

from __future__ import annotations

import pytest

import grammar


@pytest.mark.parametrize("name", grammar.__all__)
def test_each_public_name_is_found_where_it_is_said_to_be(name: str) -> None:
    assert getattr(grammar, name) is not None


def test_there_are_no_other_names() -> None:
    assert dir(grammar) == grammar.__all__
    with pytest.raises(AttributeError, match="nothing"):
        grammar.nothing  # noqa: B018
