"""Profiles whose role wants an MFA code: it is asked for once, and the session kept as the AWS CLI does.

botocore alone asks each process, and each of its sessions, again; a code is good for one use.
"""

from __future__ import annotations

import getpass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.utils import JSONFileCache

from build.errors import UserError

_TERMINAL = Path("/dev/tty")
_MANDATORY = timedelta(minutes=10)
"""botocore wants other credentials so long before the end of these, and cannot ask for another code."""


def boto3_session(region: str | None = None) -> boto3.Session:
    """A session with botocore's own chain of credentials. Raises what botocore raises."""
    core = botocore.session.Session()
    if region:
        core.set_config_variable("region", region)
    roles: Any = core.get_component("credential_provider").get_provider("assume-role")
    roles.cache = JSONFileCache(str(Path("~/.aws/cli/cache").expanduser()))
    roles._prompter = _ask  # botocore has no other way to it
    return boto3.Session(botocore_session=core, region_name=region)


def end_of(session: boto3.Session) -> datetime | None:
    """When the credentials of a role with MFA stop working; None for any other. They are not renewed."""
    credentials, core = session.get_credentials(), session._session
    if credentials is None or credentials.method != "assume-role":
        return None
    if "mfa_serial" not in core.get_scoped_config():
        return None
    end: datetime | None = getattr(credentials, "_expiry_time", None)
    return end - _MANDATORY if end else None


def _ask(question: str) -> str:
    """Raises UserError where nobody can answer: in a schedule, say."""
    try:
        _TERMINAL.open("rb").close()
    except OSError:
        raise UserError(
            "the role of AWS_PROFILE wants an MFA code, and there is no terminal to ask for it",
            hint="run `aws sts get-caller-identity` in a terminal first; its session is used here, too. A "
            "schedule needs a profile without MFA",
        ) from None
    return getpass.getpass(question)
