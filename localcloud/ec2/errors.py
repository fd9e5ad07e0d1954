"""EC2's own error codes and messages, where moto has none or others.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html, and what the real service
says.
"""

from __future__ import annotations

from moto.ec2.exceptions import EC2ClientError

# One name for callers of this room: what a rule raises, and what the response serializes as an EC2 error.
Ec2Error = EC2ClientError


def not_in_state_for(instance_id: str, participle: str) -> Ec2Error:
    """An instance that cannot be "started", "stopped", "rebooted" or "terminated" now."""
    return Ec2Error(
        "IncorrectInstanceState",
        f"The instance '{instance_id}' is not in a state from which it can be {participle}.",
    )


def invalid_value(value: object, parameter: str, reason: str = "") -> Ec2Error:
    """A parameter whose value EC2 does not take."""
    return Ec2Error("InvalidParameterValue", f"Invalid value '{value}' for {parameter}. {reason}".rstrip())


def bad_value(message: str) -> Ec2Error:
    """InvalidParameterValue in words of its own."""
    return Ec2Error("InvalidParameterValue", message)


def instance_not_found(instance_id: str) -> Ec2Error:
    """No such instance."""
    return Ec2Error("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")


def snapshot_not_found(snapshot_id: str) -> Ec2Error:
    """No such snapshot."""
    return Ec2Error("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")


def volume_not_found(volume_id: str) -> Ec2Error:
    """No such volume."""
    return Ec2Error("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")


def no_capacity(instance_type: str, zone: str) -> Ec2Error:
    """A zone without room for another instance of that type."""
    return Ec2Error(
        "InsufficientInstanceCapacity",
        f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you "
        f"requested ({zone}). Our system will be working on provisioning additional capacity.",
    )


def other_parameters() -> Ec2Error:
    """A client token that came with other parameters before."""
    return Ec2Error(
        "IdempotentParameterMismatch",
        "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
    )


def missing_parameter(name: str) -> Ec2Error:
    """A parameter EC2 requires."""
    return Ec2Error("MissingParameter", f"The request must contain the parameter {name}")


def unsupported(what: str) -> Ec2Error:
    """Something EC2 has and the local cloud has not."""
    return Ec2Error("UnsupportedOperation", f"The local cloud does not support {what}.")
