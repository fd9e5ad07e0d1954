"""Users and their numbers outlive machines: any life of a hub gives the same people on a later one."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

PASSWD = "root:x:0:0:root:/root:/bin/bash\nadmin:x:1000:1000:Debian:/home/admin:/bin/bash\n"
SHADOW = "root:*:20000:0:99999:7:::\nadmin:!:20000:0:99999:7:::\n"
GROUP = "root:x:0:\nadmin:x:1000:\nhubadmins:x:988:\nanaconda:x:{anaconda}:admin\n"
GSHADOW = "root:*::\nadmin:!::\nhubadmins:!::\nanaconda:!::admin\n"
NAMES = ("ada", "bob", "cem", "dan.d@example.org")
GROUPS = ("hubadmins", "anaconda", "class-a")


@pytest.fixture(scope="module")
def userdb(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_hub.userdb")


class Machine:
    """A machine's four files, changed as the system's tools change them, and the registry on its volume."""

    def __init__(self, userdb: ModuleType, kept: Any = None, anaconda: int = 987) -> None:
        self.userdb, self.kept = userdb, kept or userdb.Users()
        fresh = userdb.Files(PASSWD, SHADOW, GROUP.format(anaconda=anaconda), GSHADOW)
        self.files, self.problems = userdb.replayed(self.kept, fresh)
        self.note()

    def note(self) -> None:
        self.kept, _ = self.userdb.merged(self.kept, self.files, frozenset(self.problems))

    def rows(self, file: str) -> dict[str, list[str]]:
        return {line.split(":")[0]: line.split(":") for line in getattr(self.files, file).splitlines()}

    def write(self, **rows: dict[str, list[str]]) -> None:
        texts = {file: "".join(":".join(row) + "\n" for row in its.values()) for file, its in rows.items()}
        self.files = self.userdb.Files(**{**vars(self.files), **texts})

    def add(self, name: str) -> None:
        """As accounts.create and, for who is there, accounts.reopen."""
        passwd, shadow, group, gshadow = (
            self.rows(file) for file in ("passwd", "shadow", "group", "gshadow")
        )
        if name in passwd:
            shadow[name][7] = "" if shadow[name][7] == "2" else shadow[name][7]
        else:
            known = self.kept.users.get(name)
            uid = str(known.uid if known else self.userdb.next_uid(self.kept, self.files))
            passwd[name] = [name, "x", uid, uid, "", f"/home/{name}", "/bin/bash"]
            shadow[name] = [name, "!", "20000", "0", "99999", "7", "", "", ""]
            group[name], gshadow[name] = [name, "x", uid, ""], [name, "!", "", ""]
        self.write(passwd=passwd, shadow=shadow, group=group, gshadow=gshadow)

    def close(self, name: str) -> None:
        shadow = self.rows("shadow")
        if name in shadow:
            shadow[name][1], shadow[name][7] = "!" + shadow[name][1].lstrip("!"), "2"
            self.write(shadow=shadow)

    def password(self, name: str, value: str) -> None:
        shadow = self.rows("shadow")
        if name in shadow:
            shadow[name][1] = value
            self.write(shadow=shadow)

    def join(self, name: str, other: str) -> None:
        group, gshadow = self.rows("group"), self.rows("gshadow")
        if name in self.rows("passwd"):
            number = str(self.userdb.next_uid(self.kept, self.files))
            group.setdefault(other, [other, "x", number, ""])
            gshadow.setdefault(other, [other, "!", "", ""])
            for rows in (group, gshadow):
                rows[other][3] = ",".join(sorted({*filter(None, rows[other][3].split(",")), name}))
            self.write(group=group, gshadow=gshadow)

    def delete(self, name: str) -> None:
        """userdel, by hand."""
        kept = {
            file: {k: row for k, row in self.rows(file).items() if k != name}
            for file in ("passwd", "shadow", "group", "gshadow")
        }
        for file in ("group", "gshadow"):
            for row in kept[file].values():
                row[3] = ",".join(member for member in row[3].split(",") if member != name)
        self.write(**kept)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["add", "close", "password", "join", "delete", "relaunch"]),
        st.sampled_from(NAMES),
        st.sampled_from(GROUPS),
    ),
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(ACTIONS)
def test_any_life_of_a_hub_keeps_everybodys_number(
    userdb: ModuleType, actions: list[tuple[str, str, str]]
) -> None:
    machine, anaconda = Machine(userdb), 987
    numbers: dict[str, int] = {}
    for step, (action, name, group) in enumerate(actions):
        if action == "relaunch":
            anaconda -= 1  # another image gives its own groups other numbers
            before = userdb.seen(machine.files).users
            machine = Machine(userdb, machine.kept, anaconda)
            assert machine.problems == {}
            after = userdb.seen(machine.files).users
            assert before.items() <= after.items()
            assert all(not after[name].is_open for name in after.keys() - before.keys())
        elif action in ("password", "join"):
            getattr(machine, action)(name, f"$y${step}" if action == "password" else group)
        else:
            getattr(machine, action)(name)
        machine.note()
        for who, user in machine.kept.users.items():
            assert numbers.setdefault(who, user.uid) == user.uid
            assert (user.uid, user.gid) >= (2000, 2000)
    assert len(set(numbers.values())) == len(numbers)
    assert set(numbers) == set(machine.kept.users)


@settings(max_examples=100, deadline=None)
@given(ACTIONS)
def test_replayed_twice_is_replayed_once(userdb: ModuleType, actions: list[tuple[str, str, str]]) -> None:
    machine = Machine(userdb)
    for action, name, _ in actions:
        if action in ("add", "close", "delete"):
            getattr(machine, action)(name)
            machine.note()
    once, _ = userdb.replayed(machine.kept, machine.files)
    assert userdb.replayed(machine.kept, once) == (once, {})
    assert userdb.seen(once) == machine.kept


@pytest.fixture
def lived(userdb: ModuleType) -> Machine:
    """ada is open with a password and an administrator, bob was closed."""
    machine = Machine(userdb)
    for name in ("ada", "bob"):
        machine.add(name)
        machine.password(name, f"$y$of-{name}")
        machine.note()
    machine.join("ada", "hubadmins")
    machine.close("bob")
    machine.note()
    return machine


def test_the_next_machine_has_them_as_they_were(userdb: ModuleType, lived: Machine) -> None:
    fresh = Machine(userdb, lived.kept)
    assert "ada:x:2000:2000::/home/ada:/bin/bash\n" in fresh.files.passwd
    assert fresh.rows("shadow")["ada"][1] == "$y$of-ada"
    assert fresh.rows("group")["hubadmins"][3] == "ada"
    assert fresh.rows("gshadow")["hubadmins"][3] == "ada"
    assert fresh.rows("shadow")["bob"][7] == "2"
    assert fresh.rows("shadow")["bob"][1].startswith("!")


def test_the_images_own_accounts_are_left_alone(userdb: ModuleType, lived: Machine) -> None:
    fresh = Machine(userdb, lived.kept)
    assert fresh.files.passwd.startswith(PASSWD)
    assert fresh.files.shadow.startswith(SHADOW)
    assert fresh.rows("group")["anaconda"][3] == "admin"


def test_a_new_user_never_gets_the_number_of_one_who_left(userdb: ModuleType, lived: Machine) -> None:
    lived.delete("bob")
    lived.note()
    fresh = Machine(userdb, lived.kept)
    fresh.add("cem")
    assert fresh.rows("passwd")["cem"][2] == "2002"


def test_who_was_deleted_and_comes_back_has_the_old_number(userdb: ModuleType, lived: Machine) -> None:
    lived.delete("bob")
    lived.note()
    lived.add("bob")
    lived.note()
    assert lived.rows("passwd")["bob"][2] == "2001"
    assert lived.kept.users["bob"].is_open


def test_a_name_that_the_image_has_taken_is_left_out_and_not_forgotten(
    userdb: ModuleType, lived: Machine
) -> None:
    taken = userdb.Files(
        PASSWD + "ada:x:999:999::/:/bin/false\n", SHADOW, GROUP.format(anaconda=987), GSHADOW
    )
    files, problems = userdb.replayed(lived.kept, taken)
    assert "this machine has an account of that name with the number 999" in problems["ada"]
    kept, _ = userdb.merged(lived.kept, files, frozenset(problems))
    assert kept.users["ada"] == lived.kept.users["ada"]


def test_a_number_that_the_image_has_taken_is_left_out_and_not_forgotten(
    userdb: ModuleType, lived: Machine
) -> None:
    taken = userdb.Files(
        PASSWD + "other:x:2000:2000::/:/bin/false\n", SHADOW, GROUP.format(anaconda=987), GSHADOW
    )
    files, problems = userdb.replayed(lived.kept, taken)
    assert problems == {"ada": "number 2000 is other's on this machine"}
    kept, told = userdb.merged(lived.kept, files, frozenset(problems))
    assert kept.users == lived.kept.users
    assert told == ["other (2000) is not kept: the name or the number is another user's"]


def test_a_group_that_an_image_lacks_is_not_left(userdb: ModuleType, lived: Machine) -> None:
    lacking = userdb.Files(
        PASSWD,
        SHADOW,
        GROUP.format(anaconda=987).replace("hubadmins:x:988:\n", ""),
        GSHADOW.replace("hubadmins:!::\n", ""),
    )
    files, problems = userdb.replayed(lived.kept, lacking)
    kept, _ = userdb.merged(lived.kept, files, frozenset(problems))
    assert kept.users["ada"].groups == ("hubadmins",)


def test_the_last_number_is_not_passed(userdb: ModuleType) -> None:
    full = userdb.Users({"last": userdb.User(59999, 59999, (), "!", "open")}, {})
    with pytest.raises(ValueError, match="no number left"):
        userdb.next_uid(full, userdb.Files(PASSWD, SHADOW, GROUP.format(anaconda=1), GSHADOW))
