"""The types of resources there are, each made, changed and deleted by calls of its service's own API.

Names of properties after https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/.
"""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.cloudformation.kinds.codebuild import Project
from localcloud.cloudformation.kinds.events import Rule
from localcloud.cloudformation.kinds.iam import Role
from localcloud.cloudformation.kinds.kind import Kind
from localcloud.cloudformation.kinds.logs import LogGroup
from localcloud.cloudformation.kinds.scheduler import Schedule
from localcloud.cloudformation.kinds.sns import Topic, TopicPolicy

KINDS: Mapping[str, Kind] = {
    "AWS::CodeBuild::Project": Project(),
    "AWS::Events::Rule": Rule(),
    "AWS::IAM::Role": Role(),
    "AWS::Logs::LogGroup": LogGroup(),
    "AWS::SNS::Topic": Topic(),
    "AWS::SNS::TopicPolicy": TopicPolicy(),
    "AWS::Scheduler::Schedule": Schedule(),
}
