"""What pytest's JUnit file says of a run of the image tests."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

_REASON_LENGTH = 300


@dataclass(frozen=True)
class FailedTest:
    """A test that failed, or whose preparation did."""

    name: str
    """``test_file::test_name``"""
    reason: str
    """The first line of what pytest says of it; empty where it says nothing."""


@dataclass(frozen=True)
class TestSummary:
    """Counts, and what failed."""

    passed: int
    failed: int
    skipped: int
    broken: tuple[FailedTest, ...]

    def told(self) -> str:
        """What failed, for an error message: a line for its name, and one for its reason."""
        return "\n".join(f"  {test.name}\n    {test.reason}".rstrip() for test in self.broken)


def read(junit: Path) -> TestSummary:
    """What pytest's JUnit file says."""
    cases = list(ET.parse(junit).getroot().iter("testcase"))  # noqa: S314 - written by our own pytest
    failed = tuple(test for case in cases if (test := _failed(case)))
    skipped = [case for case in cases if case.find("skipped") is not None]
    return TestSummary(len(cases) - len(failed) - len(skipped), len(failed), len(skipped), failed)


def _failed(case: ET.Element) -> FailedTest | None:
    for kind in ("failure", "error"):
        if (found := case.find(kind)) is not None:
            lines = [line.strip() for line in found.get("message", "").splitlines() if line.strip()]
            name = f"{str(case.get('classname')).rpartition('.')[2]}::{case.get('name')}"
            return FailedTest(name, lines[0][:_REASON_LENGTH] if lines else "")
    return None
