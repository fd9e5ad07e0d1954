"""verify: one option for the key to log in with; the name it had is taken too."""

from __future__ import annotations

import pytest

from build.commands.images import _one_key
from build.errors import UserError
from build.report.reporter import Reporter

OTHER_NAME = "--identity is now called --operator-key; both work"


@pytest.mark.parametrize(
    ("operator_key", "identity", "key", "noted"),
    [
        ("key", "", "key", False),
        ("", "key", "key", True),
        ("key", "key", "key", True),
        ("", "", "", False),
    ],
)
def test_the_key_is_taken_by_either_name(
    capsys: pytest.CaptureFixture[str], operator_key: str, identity: str, key: str, noted: bool
) -> None:
    assert _one_key(operator_key, identity, Reporter()) == key
    assert (OTHER_NAME in " ".join(capsys.readouterr().err.split())) is noted


def test_two_keys_are_refused() -> None:
    with pytest.raises(UserError, match="are the same option"):
        _one_key("one", "other", Reporter())
