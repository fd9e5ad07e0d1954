"""`invoke` with the keys of a role that has some of the documented policies and no others, as on AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from localcloud.iam.policy import JudgedCall
from localcloud.server.control import Endpoint
from tests.cloud.invoke_runner import REPO, Done, InvokeRunner
from tests.cloud.privileges import calls_of, forget_calls, judged
from tests.unit.docs.policies import document

ACCOUNT = "123456789012"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "sts:AssumeRole",
        }
    ],
}


@dataclass(frozen=True)
class RoleRunner(InvokeRunner):
    """Runs tasks with ``--cloud aws`` at the local cloud's endpoint, in a role."""

    role: str = ""
    arn: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    folder: Path = REPO

    @property
    def checkout(self) -> Path:
        """Some tasks write into it."""
        return self.folder

    @property
    def environment(self) -> dict[str, str]:
        """No credentials but the role's."""
        elsewhere = {"HUBSMITH_STATE": str(self.state / "elsewhere"), "AWS_REGION": "us-east-1"}
        return {**super().environment, **elsewhere, "AWS_ENDPOINT_URL": self.endpoint, **self.keys}


@dataclass
class Account:
    """An account of AWS in a local cloud: its administrator makes roles, and what they called is kept."""

    owner: InvokeRunner
    cloud: Endpoint
    calls: list[JudgedCall] = field(default_factory=list)
    """What all roles asked for."""
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The documented policies that roles had, as they had them."""

    @contextmanager
    def role(self, name: str, *policies: str, **changes: str) -> Iterator[RoleRunner]:
        """A role with these policies of docs/reference/iam/, by their names; texts in them are replaced."""
        iam = self.owner.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        for policy in policies:
            text = json.dumps(document(policy))
            for old, new in changes.items():
                text = text.replace(old, new)
            self.policies[policy] = json.loads(text)
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=text)
        yield self.renewed(RoleRunner(self.owner.state, self.owner.endpoint, name, arn))
        for policy in policies:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        iam.delete_role(RoleName=name)

    def renewed(self, runner: RoleRunner) -> RoleRunner:
        """With the keys of a new session."""
        sts = self.owner.client("sts")
        given = sts.assume_role(RoleArn=runner.arn, RoleSessionName="tests")["Credentials"]
        keys = {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }
        return replace(runner, keys=keys)

    def allowed(self, runner: RoleRunner, *command: str, status: int = 0) -> Done:
        """Run a task to its end; the policies must allow everything that it asks for."""
        done = self.run(runner, *command)
        assert done.status == status, done.err
        return done

    def run(self, runner: RoleRunner, *command: str) -> Done:
        """Run a task to its end."""
        forget_calls(self.cloud)
        try:
            done = runner.invoke(*command)
        finally:
            made = calls_of(self.cloud, runner.role)
            self.calls += [judged(record) for record in made]
        refused = [f"{record['action']} on {record['resources']}" for record in made if not record["allowed"]]
        assert not refused, f"{' '.join(command)}: {refused}\n{done.err}"
        return done
