"""The types of resources there are, each made, changed and deleted by calls of its service's own API.

Names of properties after https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/.
"""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.cloudformation.resource_types.codebuild import Project
from localcloud.cloudformation.resource_types.events import Rule
from localcloud.cloudformation.resource_types.iam import Role
from localcloud.cloudformation.resource_types.logs import LogGroup
from localcloud.cloudformation.resource_types.resource_type import ResourceType
from localcloud.cloudformation.resource_types.scheduler import Schedule
from localcloud.cloudformation.resource_types.sns import Topic, TopicPolicy

RESOURCE_TYPES: Mapping[str, ResourceType] = {
    "AWS::CodeBuild::Project": Project(),
    "AWS::Events::Rule": Rule(),
    "AWS::IAM::Role": Role(),
    "AWS::Logs::LogGroup": LogGroup(),
    "AWS::SNS::Topic": Topic(),
    "AWS::SNS::TopicPolicy": TopicPolicy(),
    "AWS::Scheduler::Schedule": Schedule(),
}
