"""SSM's parameters: the limits of names and values, which moto lacks.

A name is made of letters, digits and .-_, a path of such behind slashes. A value has 4 KB in the standard
tier and 8 KB in the advanced one, and is none that would be read as a reference to another parameter: see
"Name" and "Value" in
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
AWS's error counts characters, its reference KB; bytes are counted here, which is the stricter of the two.
"""

from __future__ import annotations

import re

from moto.core.responses import ActionResult
from moto.ssm import urls
from moto.ssm.exceptions import ValidationException
from moto.ssm.responses import SimpleSystemManagerResponse

STANDARD_BYTES, ADVANCED_BYTES = 4096, 8192
_NAME = re.compile(r"/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
_REFERENCE = re.compile(r"\{\{.*?\}\}", re.DOTALL)


class ParameterResponse(SimpleSystemManagerResponse):
    """moto's, with the limits."""

    def put_parameter(self) -> ActionResult:
        """PutParameter."""
        _check_name(str(self._get_param("Name") or ""))
        value = str(self._get_param("Value") or "")
        _check_size(value, self._tier(value))
        if _REFERENCE.search(value):
            raise ValidationException(
                'Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.'
            )
        return super().put_parameter()

    def get_parameter(self) -> ActionResult:
        """GetParameter, of which AWS refuses the same names: https://github.com/anomalyco/sst/issues/4698."""
        name = str(self._get_param("Name") or "")
        if not name.startswith("arn:"):
            _check_letters(name.partition(":")[0])  # behind the colon is a version or a label
        return super().get_parameter()

    def _tier(self, value: str) -> str:
        """What is asked for, else what the parameter has."""
        known = self.ssm_backend._parameters.get(str(self._get_param("Name")))
        tier = str(self._get_param("Tier") or (known and known[-1].tier) or "Standard")
        if tier == "Intelligent-Tiering":
            return "Advanced" if len(value.encode()) > STANDARD_BYTES else "Standard"
        return tier


def _check_name(name: str) -> None:
    _check_letters(name)
    if "/" in name and not name.startswith("/"):
        raise ValidationException("Parameter name must be a fully qualified name.")


def _check_letters(name: str) -> None:
    if not _NAME.fullmatch(name):
        # AWS says so also of a space: https://github.com/boto/boto3/issues/1499
        raise ValidationException(
            'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can '
            "consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, "
            "numbers and the following 3 symbols .-_"
        )


def _check_size(value: str, tier: str) -> None:
    size = len(value.encode())
    if tier == "Standard" and size > STANDARD_BYTES:
        raise ValidationException(
            f"Standard tier parameters support a maximum parameter value of {STANDARD_BYTES} characters. To "
            "create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For "
            "more information, see "
            "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
        )
    if size > ADVANCED_BYTES:
        raise ValidationException(
            f"Advanced tier parameters support a maximum parameter value of {ADVANCED_BYTES} characters."
        )


def install() -> None:
    """From now on moto's addresses of SSM lead here."""
    urls.url_paths["{0}/$"] = ParameterResponse.dispatch
