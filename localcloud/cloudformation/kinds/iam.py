"""AWS::IAM::Role."""

from __future__ import annotations

import json

from localcloud.cloudformation.kinds.kind import Clients, Made, Properties

_NAME_LIMIT = 64


class Role:
    """A role with inline policies; Ref is its name."""

    known = frozenset({"AssumeRolePolicyDocument", "Description", "Path", "Policies", "RoleName"})
    fixed = frozenset({"Path", "RoleName"})

    def make(self, clients: Clients, name: str, properties: Properties) -> Made:
        """CreateRole."""
        chosen = {key: properties[key] for key in ("Path", "Description") if key in properties}
        trust = json.dumps(properties["AssumeRolePolicyDocument"])
        name = properties.get("RoleName", name[-_NAME_LIMIT:].lstrip("-"))
        role = clients("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust, **chosen)["Role"]
        return Made(role["RoleName"], {"Arn": role["Arn"], "RoleId": role["RoleId"]})

    def fill(self, clients: Clients, made: Made, properties: Properties, before: Properties | None) -> None:
        """PutRolePolicy of each; of a role that is there: trust, description, and removed policies."""
        iam, policies = clients("iam"), _policies(properties)
        if before is not None:
            iam.update_assume_role_policy(
                RoleName=made.id, PolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"])
            )
            iam.update_role(RoleName=made.id, Description=properties.get("Description", ""))
            for name in _policies(before).keys() - policies:
                iam.delete_role_policy(RoleName=made.id, PolicyName=name)
        for name, document in policies.items():
            iam.put_role_policy(RoleName=made.id, PolicyName=name, PolicyDocument=document)

    def delete(self, clients: Clients, made: Made) -> None:
        """DeleteRolePolicy of each, DeleteRole."""
        iam = clients("iam")
        for name in iam.list_role_policies(RoleName=made.id)["PolicyNames"]:
            iam.delete_role_policy(RoleName=made.id, PolicyName=name)
        iam.delete_role(RoleName=made.id)


def _policies(properties: Properties) -> dict[str, str]:
    return {
        policy["PolicyName"]: json.dumps(policy["PolicyDocument"])
        for policy in properties.get("Policies", ())
    }
