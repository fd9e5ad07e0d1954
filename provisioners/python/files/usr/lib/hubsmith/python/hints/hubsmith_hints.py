"""Tell users who may not install into the shared environment how to make one of their own.

hubsmith-hints.pth calls it at each start of the shared Python, so that `pip install`, `!pip install` and
`%pip install` all say it. pip's own advice, --user, does not work in a virtual environment.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing's own would have to be imported, at each start
if TYPE_CHECKING:
    from logging import LogRecord

HINT = (
    "Only administrators change the environment that everybody shares. To make one of your own, with all "
    "that is in this one: create-kernel NAME"
)
HINT_OF_ANOTHER = (
    "Only administrators change this environment, which everybody shares. To make one of your own: "
    "create-kernel NAME"
)
# Where pip says that it could not install, and that --user does not work.
_LOGGERS = ("pip._internal.commands.install", "pip._internal.cli.base_command")


def enable() -> None:
    """Let pip, if this is pip, say HINT instead of what it says when it may not write."""
    words = [word.rpartition("/")[2] for word in sys.orig_argv[1:4]]
    if any(word.startswith("pip") for word in words) and not _may_install():
        import logging  # costs time, and no other start needs it

        # Not a filter of the loggers: they have to be made by pip, whose class they are of.
        logging.setLogRecordFactory(_reworded)


def _may_install() -> bool:
    import sysconfig

    return os.access(sysconfig.get_path("purelib"), os.W_OK)


def _reworded(*args, **kwargs) -> LogRecord:  # type: ignore[no-untyped-def]  # noqa: ANN002, ANN003
    import logging

    record = logging.LogRecord(*args, **kwargs)
    if record.name in _LOGGERS and record.levelno >= logging.ERROR and _is_refusal(record):
        record.msg, record.args, record.exc_info = _hint(), (), None
    return record


def _hint() -> str:
    """create-kernel builds on /opt/anaconda, not on those in its envs/."""
    return HINT_OF_ANOTHER if os.path.basename(os.path.dirname(sys.prefix)) == "envs" else HINT  # noqa: PTH119, PTH120


def _is_refusal(record: LogRecord) -> bool:
    if record.exc_info and isinstance(record.exc_info[1], PermissionError):
        return True
    message = record.getMessage()
    return "Permission denied" in message or "'--user' install" in message
