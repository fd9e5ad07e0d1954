"""Why a server has ended, in words, from entries of the journal as systemd 252 and 257 write them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

UNIT, SLICE = "jupyter-ada-singleuser.service", "jupyter-2000.slice"
GIB = 2**30


@pytest.fixture(scope="module")
def module(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_hub.unit_end")


def started() -> dict[str, Any]:
    kind = "39f53479d3a045ac8e11786248231fbf"
    return {"_PID": "1", "UNIT": UNIT, "MESSAGE_ID": kind, "MESSAGE": f"Started {UNIT} - /usr/lib/x."}


def exited(code: str, status: str) -> dict[str, Any]:
    return {
        "_PID": "1",
        "UNIT": UNIT,
        "MESSAGE_ID": "98e322203f7a4ed290d09fe03c09fe15",
        "EXIT_CODE": code,
        "EXIT_STATUS": status.partition("/")[0],
        "MESSAGE": f"{UNIT}: Main process exited, code={code}, status={status}",
    }


def failed(result: str) -> dict[str, Any]:
    kind = "d9b373ed55a64feb8242e02dbe79a49c"
    message = f"{UNIT}: Failed with result '{result}'."
    return {"_PID": "1", "UNIT": UNIT, "MESSAGE_ID": kind, "UNIT_RESULT": result, "MESSAGE": message}


def out_of_memory() -> dict[str, Any]:
    kind = "fe6faa94e7774663a0da52717891d8ef"
    message = f"{UNIT}: A process of this unit has been killed by the OOM killer."
    return {"_PID": "1", "UNIT": UNIT, "MESSAGE_ID": kind, "MESSAGE": message}


def killer(where: str, unit: str = UNIT) -> dict[str, Any]:
    """The kernel's line; ``where`` the limit was."""
    limit = (
        f"CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg={where}"
        if where
        else "CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom"
    )
    task = f"/jupyter.slice/{SLICE}/{unit},task=jupyterhub-sing,pid=4711,uid=2000"
    return {"_TRANSPORT": "kernel", "MESSAGE": f"oom-kill:constraint={limit},task_memcg={task}"}


def wrote(message: Any) -> dict[str, Any]:
    return {"_SYSTEMD_UNIT": UNIT, "_PID": "4711", "_TRANSPORT": "stdout", "MESSAGE": message}


def words(module: ModuleType, *entries: dict[str, Any], memory: int | None = 2 * GIB) -> str:
    said: str = module.in_words(module.understood(entries, UNIT, SLICE), memory)
    return said


KILLED = (exited("killed", "9/KILL"), failed("signal"))
OWN = f"/jupyter.slice/{SLICE}"


class TestMemory:
    @pytest.mark.parametrize("limit_at", [OWN, f"{OWN}/{UNIT}"])
    def test_the_users_own_limit(self, module: ModuleType, limit_at: str) -> None:
        said = words(module, started(), killer(limit_at), out_of_memory(), *KILLED)
        assert said == "The server was ended because it used more memory than your limit of 2 GB."

    @pytest.mark.parametrize("limit_at", ["/jupyter.slice", ""])
    def test_what_all_users_have_together(self, module: ModuleType, limit_at: str) -> None:
        said = words(module, started(), killer(limit_at), out_of_memory(), *KILLED)
        assert said.startswith("The server was ended because the machine has no memory left")

    def test_systemds_own_word_is_enough(self, module: ModuleType) -> None:
        assert "your limit of 1.5 GB" in words(
            module, exited("killed", "9/KILL"), failed("oom-kill"), memory=3 * GIB // 2
        )

    def test_without_a_limit_there_is_none_to_name(self, module: ModuleType) -> None:
        assert "limit" not in words(module, killer(OWN), out_of_memory(), *KILLED, memory=None)

    def test_a_kernel_that_was_killed_is_not_why_a_server_ended_by_itself_later(
        self, module: ModuleType
    ) -> None:
        said = words(module, killer(OWN), out_of_memory(), exited("exited", "1/FAILURE"), failed("exit-code"))
        assert said == "The server ended with status 1."

    def test_what_happened_to_another_server_is_not_of_this_one(self, module: ModuleType) -> None:
        assert (
            words(module, killer(OWN, "jupyter-bob-singleuser.service"), *KILLED)
            == "The server was ended by the signal KILL."
        )


class TestTheRest:
    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("OSError: [Errno 28] No space left on device: '/x'", "because its disk is full."),
            ("OSError: [Errno 122] Disk quota exceeded", "because your disk space is used up."),
        ],
    )
    def test_a_full_disk(self, module: ModuleType, line: str, said: str) -> None:
        end = (exited("exited", "1/FAILURE"), failed("exit-code"))
        assert words(module, started(), wrote(line), *end).endswith(said)

    def test_a_server_that_ended_well_did_not_end_by_what_it_once_wrote(self, module: ModuleType) -> None:
        assert words(module, started(), wrote("No space left on device")) == "The server ended by itself."

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            ("200/CHDIR", "your home folder cannot be opened"),
            ("203/EXEC", "its program is missing or may not be run"),
            ("226/NAMESPACE", "systemd reports NAMESPACE"),
            ("3/NOTIMPLEMENTED", "ended with status 3."),
        ],
    )
    def test_an_exit_status(self, module: ModuleType, status: str, said: str) -> None:
        assert said in words(module, started(), exited("exited", status), failed("exit-code"))

    def test_a_signal(self, module: ModuleType) -> None:
        assert (
            words(module, exited("dumped", "11/SEGV"), failed("core-dump"))
            == "The server was ended by the signal SEGV."
        )

    def test_a_timeout(self, module: ModuleType) -> None:
        assert (
            words(module, exited("killed", "9/KILL"), failed("timeout"))
            == "The server was ended because it took too long."
        )

    def test_a_unit_that_systemd_never_started(self, module: ModuleType) -> None:
        assert words(module) == "systemd could not start the server. The hub's log has the reason."

    def test_a_user_cannot_write_systemds_part(self, module: ModuleType) -> None:
        forged = {**failed("oom-kill"), "_SYSTEMD_UNIT": UNIT, "_PID": "4711"}
        assert words(module, started(), forged) == "The server ended by itself."


@pytest.mark.parametrize(
    ("mib", "amount"),
    [
        (128, "128 MB"),
        (1000, "1000 MB"),
        (1024, "1 GB"),
        (1536, "1.5 GB"),
        (12288, "12 GB"),
        (131072, "128 GB"),
    ],
)
def test_amounts_of_memory(module: ModuleType, mib: int, amount: str) -> None:
    assert words(module, failed("oom-kill"), memory=mib * 2**20).endswith(f"your limit of {amount}.")


class TestLines:
    def test_systemds_own_words_come_last(self, module: ModuleType) -> None:
        end = module.understood([started(), wrote("hello"), *KILLED], UNIT, SLICE)
        assert end.log() == ("hello", "systemd: Result=signal, code=killed, status=9/KILL")
        assert module.understood([started(), wrote("hello")], UNIT, SLICE).log() == ("hello",)

    def test_the_last_ten_without_colours_and_not_too_long(self, module: ModuleType) -> None:
        entries = [wrote(f"\x1b[31mline {number}\x1b[0m") for number in range(20)]
        end = module.understood([*entries, wrote("x" * 5000), wrote("  ")], UNIT, SLICE)
        assert end.lines == (*(f"line {number}" for number in range(11, 20)), "x" * 300)

    def test_what_journalctl_prints_as_bytes_or_leaves_out(self, module: ModuleType) -> None:
        end = module.understood([wrote([104, 105, 255]), wrote(None)], UNIT, SLICE)
        assert end.lines == ("hi�",)


def test_the_journal_is_asked_for_this_start_and_nothing_of_others(
    module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    async def journalctl(*arguments: str) -> str:
        asked.append(arguments)
        if "_TRANSPORT=kernel" in arguments:
            return json.dumps(killer(OWN))
        return "\n".join(json.dumps(one) for one in (started(), *KILLED)) if len(arguments) > 1 else ""

    monkeypatch.setattr(module, "_journalctl", journalctl)
    end = asyncio.run(module.read(UNIT, 1234.5, SLICE))
    assert (end.result, end.code, end.status) == ("signal", "killed", "9/KILL")
    assert asked[0] == ("--sync",)
    assert "--since=@1234.500000" in asked[1]
    # Without it journalctl may print "-- No entries --", which is no JSON.
    assert all("--quiet" in arguments for arguments in asked[1:])
    matches = " ".join(one for one in asked[1] if not one.startswith("--"))
    assert matches == f"_SYSTEMD_UNIT={UNIT} + UNIT={UNIT} _PID=1"
    assert end.ran_out_of_memory


def test_a_journal_that_is_slow_to_write_is_read_as_it_is(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def journalctl(*arguments: str) -> str:
        if arguments == ("--sync",):
            raise asyncio.TimeoutError
        return "" if "_TRANSPORT=kernel" in arguments else json.dumps(exited("exited", "3/x"))

    monkeypatch.setattr(module, "_journalctl", journalctl)
    assert asyncio.run(module.read(UNIT, 0, SLICE)).status == "3/x"


@pytest.mark.parametrize("trouble", [OSError, asyncio.TimeoutError])
def test_without_a_journal_the_end_is_unknown(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, trouble: type[Exception]
) -> None:
    async def journalctl(*_: str) -> str:
        raise trouble

    monkeypatch.setattr(module, "_journalctl", journalctl)
    assert asyncio.run(module.read(UNIT, 0, SLICE)) == module.End()
