"""`invoke users --disk-limit`: what is wrong is refused before anything is asked of the machine."""

from __future__ import annotations

import pytest

from build.commands import hubs
from build.errors import UserError
from build.operate.user_changes import Changes, rows

PEOPLE = [{"name": "ada", "state": "open", "password": True}]


def test_a_limit_is_one_job_for_the_machine() -> None:
    changes = Changes.wanted([], "", [], [], ["ada=50G", "bob=default", "ada=50G"])
    assert changes.any
    (job,) = hubs._jobs(changes, list=False)
    assert hubs._users_line(*job, json=False) == "/usr/lib/hubsmith/users disk-limit ada=50G bob=default"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["ada"], "after NAME= comes an amount"),
        (["ada=50"], "after NAME= comes an amount"),
        (["ada=50GB"], "after NAME= comes an amount"),
        (["ada=0G"], "after NAME= comes an amount"),
        (["Ada=50G"], "cannot be a user name"),
        (["ada=50G; reboot"], "after NAME= comes an amount"),
        (["ada=50G", "ada=60G"], "has another limit earlier on the line"),
    ],
)
def test_what_is_no_limit_is_refused(given: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Changes.wanted([], "", [], [], given)


def test_it_is_shown_before_it_is_done() -> None:
    assert rows(Changes.wanted([], "", [], [], ["ada=none"]), PEOPLE) == [("ada", "disk limit none")]


def test_somebody_who_is_added_by_the_same_command_can_have_one() -> None:
    changes = Changes.wanted(["bob"], "", [], [], ["bob=5G"])
    assert rows(changes, PEOPLE) == [("bob", "add"), ("bob", "disk limit 5G")]
    with pytest.raises(UserError, match="there is no user eve"):
        rows(Changes.wanted([], "", [], [], ["eve=5G"]), PEOPLE)
