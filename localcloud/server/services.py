"""The services whose state is kept, each with moto's backends, which hold it."""

from __future__ import annotations

from typing import Any

from moto.cloudformation.models import cloudformation_backends
from moto.codebuild.models import codebuild_backends
from moto.core.base_backend import BackendDict
from moto.ec2.models import ec2_backends
from moto.events.models import events_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.logs.models import logs_backends
from moto.route53.models import route53_backends
from moto.s3.models import s3_backends
from moto.scheduler.models import scheduler_backends
from moto.sns.models import sns_backends
from moto.ssm.models import ssm_backends
from moto.sts.models import sts_backends

SERVICES: dict[str, BackendDict[Any]] = {
    "cloudformation": cloudformation_backends,
    "codebuild": codebuild_backends,
    "ec2": ec2_backends,
    "events": events_backends,
    "iam": iam_backends,
    "kms": kms_backends,
    "logs": logs_backends,
    "route53": route53_backends,
    "s3": s3_backends,
    "scheduler": scheduler_backends,
    "sns": sns_backends,
    "ssm": ssm_backends,
    "sts": sts_backends,
}
