"""What Ref and Fn::GetAtt stand for in a stack."""

from __future__ import annotations

from localcloud.cloudformation.stacks import Stack, Stacks
from localcloud.cloudformation.template import Scope, TemplateError
from localcloud.iam import arns


def of(stacks: Stacks, stack: Stack) -> Scope:
    """The stack's resources as they are when the name is looked up, and the pseudo parameters."""
    pseudo = {
        "AWS::AccountId": stacks.account_id,
        "AWS::Partition": arns.partition(stacks.region_name),
        "AWS::Region": stacks.region_name,
        "AWS::StackId": stack.id,
        "AWS::StackName": stack.name,
        "AWS::URLSuffix": arns.url_suffix(stacks.region_name),
    }

    def look_up(name: str, attribute: str) -> str:
        if name in pseudo:
            return pseudo[name]
        resource = stack.resources.get(name)
        if resource is None or resource.made is None:
            raise TemplateError(f"The local cloud's CloudFormation does not know {name}.")
        if attribute and attribute not in resource.made.attributes:
            raise TemplateError(f"The local cloud knows no attribute {attribute} of {resource.type}.")
        return resource.made.attributes[attribute] if attribute else resource.made.id

    return look_up
