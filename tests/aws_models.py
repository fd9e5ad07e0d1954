"""botocore's descriptions of AWS's services, read once by each process of a run.

Each session of boto3 reads them anew: EC2's takes a third of a second, and most tests open a session.
"""

from __future__ import annotations

import functools

import botocore.session


def share() -> None:
    """Give all sessions of this process the same loader for each folder of descriptions.

    Clients only read what a loader keeps.
    """
    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
