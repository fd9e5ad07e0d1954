"""passwd, shadow, group and gshadow as text: which of the hub's users are in them, and put back there.

Nothing here reads or writes a file; registry.py does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

FIRST_UID = 2000
"""Accounts made for the hub have numbers from 2000: below are those of the image and of whoever looks after
the machine.
"""
LAST_UID = 59999
TRIAL_UIDS = range(1500, FIRST_UID)
"""Of users that a check makes and removes again (status --spawn, the image tests): no registry ever keeps
them.
"""
# days after 1970-01-01: expired, and told apart from what an operator expires by hand (who takes 0 or 1)
CLOSED = "2"
_FIRST_GID = 1000

Rows = dict[str, list[str]]


@dataclass(frozen=True)
class User:
    """One user: numbers, groups beside the own one, the password's hash as in shadow, and open or closed."""

    uid: int
    gid: int
    groups: tuple[str, ...]
    hash: str
    state: str

    @property
    def is_open(self) -> bool:
        """May this user log in?"""
        return self.state == "open"


@dataclass(frozen=True)
class Users:
    """Who there is, and the numbers of the groups that are not the image's."""

    users: Mapping[str, User] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Files:
    """The content of the four files."""

    passwd: str
    shadow: str
    group: str
    gshadow: str


def is_kept(uid: int) -> bool:
    """Is this the number of one of the hub's users, whom the registry keeps?"""
    return FIRST_UID <= uid <= LAST_UID


def is_users(uid: int) -> bool:
    """May the hub treat the account of this number as a user?

    Those of the image and of its operators are below.
    """
    return is_kept(uid) or uid in TRIAL_UIDS


def seen(files: Files) -> Users:
    """The hub's users of this machine."""
    passwd, shadow, group = _rows(files.passwd), _rows(files.shadow), _rows(files.group)
    users = {}
    for name, row in passwd.items():
        if is_kept(int(row[2])):
            secret = shadow.get(name, [name, "!", *[""] * 7])
            memberships = tuple(sorted(other for other, its in group.items() if name in _members(its)))
            state = "closed" if secret[7:8] == [CLOSED] else "open"
            users[name] = User(int(row[2]), int(row[3]), memberships, secret[1], state)
    wanted = {user.gid for user in users.values()}, {name for user in users.values() for name in user.groups}
    numbers = {name: int(row[2]) for name, row in group.items()}
    return Users(
        users,
        {
            name: gid
            for name, gid in numbers.items()
            if _FIRST_GID <= gid <= LAST_UID and (gid in wanted[0] or name in wanted[1])
        },
    )


def merged(kept: Users, files: Files, skipped: frozenset[str] = frozenset()) -> tuple[Users, list[str]]:
    """What is kept, brought up to date from this machine; and what could not be.

    Nobody is ever forgotten, no number given to another: who is missing here counts as closed, but for those
    that `replayed` could not bring to this machine (``skipped``).
    """
    here, existing = seen(files), set(_rows(files.group))
    users, problems, owners = dict(kept.users), [], {user.uid: name for name, user in kept.users.items()}
    for name, user in here.users.items():
        old = kept.users.get(name)
        if name in skipped or owners.get(user.uid, name) != name or (old and old.uid != user.uid):
            problems.append(f"{name} ({user.uid}) is not kept: the name or the number is another user's")
            continue
        # A group that this image does not have is not one that the user has left.
        elsewhere = [group for group in (old.groups if old else ()) if group not in existing]
        users[name] = replace(user, groups=tuple(sorted({*user.groups, *elsewhere})))
    for name in kept.users.keys() - here.users.keys() - skipped:
        users[name] = replace(users[name], state="closed")
    return Users(users, {**here.groups, **kept.groups}), problems


def replayed(kept: Users, files: Files) -> tuple[Files, dict[str, str]]:
    """The files with everybody who is kept in them; and {name: why} of those without a place here."""
    passwd, shadow, group, gshadow = (
        _rows(text) for text in (files.passwd, files.shadow, files.group, files.gshadow)
    )
    _put_groups(kept, group, gshadow)
    gids, uids = {int(row[2]) for row in group.values()}, {int(row[2]): name for name, row in passwd.items()}
    problems = {}
    for name, user in sorted(kept.users.items(), key=lambda item: item[1].uid):
        if uids.get(user.uid, name) != name:
            problems[name] = f"number {user.uid} is {uids[user.uid]}'s on this machine"
        elif name in passwd and int(passwd[name][2]) != user.uid:
            problems[name] = (
                f"this machine has an account of that name with the number {passwd[name][2]}, not {user.uid}"
            )
        elif user.gid not in gids:
            problems[name] = f"the number of the group {user.gid} is another's on this machine"
        else:
            _put_user(name, user, passwd, shadow)
            _put_memberships(name, user, group, gshadow)
    return Files(*(_text(rows) for rows in (passwd, shadow, group, gshadow))), problems


def next_uid(kept: Users, files: Files) -> int:
    """A number that no user, and no group, has or has ever had. Raises ValueError when there is none left."""
    numbers = (
        [user.uid for user in kept.users.values()]
        + [user.gid for user in kept.users.values()]
        + list(kept.groups.values())
    )
    numbers += [int(row[2]) for text in (files.passwd, files.group) for row in _rows(text).values()]
    chosen = max((number for number in numbers if FIRST_UID <= number <= LAST_UID), default=FIRST_UID - 1) + 1
    if chosen > LAST_UID:
        raise ValueError(f"there is no number left below {LAST_UID + 1}")
    return chosen


def _put_groups(kept: Users, group: Rows, gshadow: Rows) -> None:
    taken = {int(row[2]) for row in group.values()}
    for name, gid in kept.groups.items():
        if name not in group and gid not in taken:
            group[name] = [name, "x", str(gid), ""]
            gshadow[name] = [name, "!", "", ""]
            taken.add(gid)


def _put_user(name: str, user: User, passwd: Rows, shadow: Rows) -> None:
    old = passwd.get(name, [name, "x", "", "", "", f"/home/{name}", "/bin/bash"])
    passwd[name] = [name, "x", str(user.uid), str(user.gid), *old[4:]]
    secret = shadow.get(name, [name, "!", "", "0", "99999", "7", "", "", ""])
    expires = "" if user.is_open and secret[7] == CLOSED else secret[7]
    shadow[name] = [name, user.hash, *secret[2:7], expires if user.is_open else CLOSED, secret[8]]


def _put_memberships(name: str, user: User, group: Rows, gshadow: Rows) -> None:
    for rows in (group, gshadow):
        for other, row in rows.items():
            members = [member for member in _members(row) if member != name]
            if other in user.groups:
                members.append(name)
            row[3] = ",".join(members)


def _members(row: list[str]) -> list[str]:
    return [member for member in row[3].split(",") if member]


def _rows(text: str) -> Rows:
    return {line.split(":", 1)[0]: line.split(":") for line in text.splitlines() if line}


def _text(rows: Rows) -> str:
    return "".join(":".join(row) + "\n" for row in rows.values())
