"""Users in bulk: files as people have them, and nothing changed where one line is wrong."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from build.errors import UserError
from build.operate import user_changes, user_list
from build.operate.user_changes import Changes
from tests.conftest import REPO

NAMES = ("ada", "bob.l", "eve@uni.edu")


@pytest.mark.parametrize(
    "text",
    [
        "ada\nbob.l\neve@uni.edu\n",
        "ada\r\nbob.l\r\neve@uni.edu",
        "# class of 2026\n\n  ada  # the first\nbob.l\nada\neve@uni.edu\n",
        "username\nada\nbob.l\neve@uni.edu\n",
        '"Login"\n"ada"\n"bob.l"\n"eve@uni.edu"\n',
        'username,full name\nada,Ada L\nbob.l,"L, Bob"\neve@uni.edu,Éve\n',
        "Full name;UserName\nAda;ada\nBob;bob.l\n;\nÉve;eve@uni.edu\n",
        "sep=;\nmail;user\nx;ada\ny;bob.l\nz;eve@uni.edu\n",
        "mail\tlogin\nx\tada\ny\tbob.l\nz\teve@uni.edu\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_files_as_spreadsheets_and_editors_write_them(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "class").write_bytes(text.encode(encoding))
    assert user_list.read(str(tmp_path / "class")) == NAMES


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ada\nBob\neve\n", "{file}:2: 'Bob' cannot be a user name"),
        ("ada\n\n# x\nbob eve\n", "{file}:4: 'bob eve' cannot be a user name"),
        ("ada\nmüller\n", "{file}:2: 'müller' cannot be a user name"),
        ("ada\n$(id)\n", "{file}:2: '$(id)' cannot be a user name"),
        ("ada\n--json\n", "{file}:2: '--json' cannot be a user name"),
        ("ada\nbob,Bob\n", "{file}:2: has more columns than the first line"),
        ("username,x\nada,1\n,2\n", "{file}:3: '' cannot be a user name"),
        ('username,x\nada,"1\n', "{file}:2: is not CSV"),
        ("lovelace,ada\n", "{file}:1: has 2 columns, none of which is called 'username'"),
        ("", "{file}: has no names in it"),
        ("# nobody\n", "{file}: has no names in it"),
    ],
)
def test_a_line_that_is_wrong_is_told(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "class.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        user_list.read(str(file))
    assert caught.value.message.startswith(told.format(file=file))
    assert caught.value.exit_code == 2


def test_all_lines_that_are_wrong_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "class"
    file.write_text("ada\n" + "X\n" * 50, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        user_list.read(str(file))
    lines = caught.value.message.splitlines()
    assert (len(lines), lines[-1]) == (21, "and 30 more")


def test_a_file_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=re.escape(f"{tmp_path}/no: cannot be read: no such file or directory")
    ):
        user_list.read(f"{tmp_path}/no")


def test_half_a_character_of_utf_16_is_told(tmp_path: Path) -> None:
    (tmp_path / "class").write_bytes("ada\n".encode("utf-16")[:-1])
    with pytest.raises(UserError, match="is not UTF-16 text"):
        user_list.read(f"{tmp_path}/class")


def test_the_rule_is_that_of_the_machine() -> None:
    theirs = runpy.run_path(
        str(REPO / "provisioners/base/files/usr/lib/hubsmith/lib/hubsmith_machine/names.py")
    )
    assert theirs["USER_NAME"] == user_list.USER_NAME


PEOPLE = [
    {"name": "ada", "state": "open", "password": True},
    {"name": "bob", "state": "closed", "password": True},
    {"name": "eve", "state": "open", "password": False},
]


def test_what_would_change() -> None:
    changes = Changes(add=("new", "ada", "bob", "eve"), reset=("ada",), remove=("eve",))
    assert user_changes.rows(changes, PEOPLE) == [
        ("new", "add"),
        ("ada", "nothing: exists already"),
        ("bob", "open again, with a new password"),
        ("eve", "first password"),
        ("ada", "new password; servers and logins end"),
        ("eve", "remove; the files stay"),
    ]


def test_one_name_that_cannot_be_changed_and_nothing_is() -> None:
    with pytest.raises(UserError) as caught:
        user_changes.rows(Changes(add=("new",), reset=("bob", "nobody"), remove=("nemo",)), PEOPLE)
    assert caught.value.message.splitlines() == [
        "there is no user nobody",
        "there is no user nemo",
        "bob was removed: add the name again",
    ]


@pytest.mark.parametrize(
    ("add", "reset", "remove", "told"),
    [
        (["Ada"], [], [], "--add Ada: 'Ada' cannot be"),
        ([], ["a;b"], [], "--reset a;b"),
        ([], [], [""], "--remove : ''"),
        (["ada"], [], ["ada"], "--remove ada: --add, --from or --reset names this user too"),
    ],
)
def test_names_of_options_are_checked_before_the_hub_is_asked(
    add: list[str], reset: list[str], remove: list[str], told: str
) -> None:
    with pytest.raises(UserError) as caught:
        Changes.wanted(add, "", reset, remove)
    assert caught.value.message.startswith(told)
