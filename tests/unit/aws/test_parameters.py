"""Every value fits into an SSM parameter, and is read as it was."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.aws import parameters
from build.errors import CloudError

REFUSED = re.compile(r"\{\{.*?\}\}", re.DOTALL)


@given(st.dictionaries(st.text(max_size=5), st.text(alphabet='{}"\\aä\n', max_size=40) | st.integers()))
def test_a_value_is_read_as_it_was_and_refers_to_nothing(document: dict[str, str | int]) -> None:
    value = parameters.as_value(document)
    assert json.loads(value) == document
    assert not REFUSED.search(value)
    assert "{{" not in value


@pytest.mark.parametrize("character", ["x", "ä", "😀", '"', "{"])
def test_a_long_text_is_cut(character: str) -> None:
    value = parameters.as_value({"error": character * 5000, "failures": 3}, shorten="error")
    found = json.loads(value)
    assert len(value.encode()) <= 4096
    assert len(value.encode()) > 3000
    assert found == {"error": character * len(found["error"]), "failures": 3}


def test_what_cannot_be_cut_is_an_error() -> None:
    for shorten in ("", "error"):
        with pytest.raises(CloudError, match="are too many for an SSM parameter, which takes 4096"):
            parameters.as_value({"error": "", "inputs": "x" * 5000}, shorten=shorten)
