"""Images of launch templates, which may name them by a parameter."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from build.images.in_use import Uses

PARAMETERS = {"/hub/image": "ami-of-parameter", "/hubsmith/x/latest": "ami-latest"}


def account(template_image: str, code: str = "ParameterNotFound") -> Any:
    """Clients of an account with one launch template; other parameters are answered with ``code``."""
    data = {"LaunchTemplateVersions": [{"LaunchTemplateData": {"ImageId": template_image}}]}
    pages: dict[str, Any] = {
        "describe_launch_templates": {
            "LaunchTemplates": [{"LaunchTemplateId": "lt-1", "LaunchTemplateName": "theirs"}]
        },
        "describe_launch_template_versions": data,
        "describe_instances": {"Reservations": []},
    }

    def get_parameter(*, Name: str) -> Any:
        if Name not in PARAMETERS:
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "GetParameter")
        return {"Parameter": {"Value": PARAMETERS[Name]}}

    ec2 = SimpleNamespace(
        get_paginator=lambda name: SimpleNamespace(paginate=lambda **_: [pages[name]]),
        describe_image_attribute=lambda **_: {"LaunchPermissions": []},
    )
    return SimpleNamespace(ec2=ec2, ssm=SimpleNamespace(get_parameter=get_parameter))


def uses(template_image: str, code: str = "ParameterNotFound") -> Uses:
    manifest: Any = SimpleNamespace(ssm_parameter="/hubsmith/x/latest")
    return Uses(manifest, account(template_image, code))


def of(found: Uses, image_id: str) -> str | None:
    image: Any = {"ImageId": image_id}
    return found.of(image)


def test_an_image_of_a_template_is_in_use_by_its_id_and_by_its_parameter() -> None:
    for template_image in ("ami-of-parameter", "resolve:ssm:/hub/image"):
        found = uses(template_image)
        assert of(found, "ami-of-parameter") == "in launch template theirs"
        assert of(found, "ami-other") is None
        assert not found.doubts


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException"])
def test_when_a_parameter_cannot_be_read_every_image_may_be_in_the_template(code: str) -> None:
    found = uses("resolve:ssm:/their/image", code)
    assert of(found, "ami-other") == "perhaps in launch template theirs"
    assert of(found, "ami-latest") == "in /hubsmith/x/latest"
    (doubt,) = found.doubts.values()
    assert "the parameter /their/image, which cannot be read: GetParameter: no" in doubt


@pytest.mark.parametrize("code", ["ParameterNotFound", "ParameterVersionNotFound"])
def test_a_parameter_that_is_not_there_names_no_image(code: str) -> None:
    found = uses("resolve:ssm:/gone", code)
    assert of(found, "ami-other") is None
    assert not found.doubts
