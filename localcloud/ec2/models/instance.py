"""An instance."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2.models.instances import Instance, InstanceState, StateReason
from moto.ec2.models.security_groups import SecurityGroup

from localcloud.ec2.models.volume import Attachment
from localcloud.ec2.run_instances_request import LaunchRequest
from localcloud.machine.qemu.spec import Controller

if TYPE_CHECKING:
    from localcloud.ec2.backend import LocalBackend

STATE_CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}

# what a transition leads to
GOALS = {"pending": "running", "stopping": "stopped", "shutting-down": "terminated"}


def _interface(subnet_id: str) -> dict[str, object]:
    """The one that RunInstances makes."""
    return {
        "DeviceIndex": 0,
        "SubnetId": subnet_id,
        # moto takes a missing one for False, and would leave an interface behind each instance.
        "DeleteOnTermination": True,
        "AssociatePublicIpAddress": False,
    }


class LocalInstance(Instance):
    """An instance with a QEMU machine behind it.

    Its state is what is wanted of the machine; reconcile/ makes it so.
    """

    ena_support = True
    boot_mode = current_instance_boot_mode = "uefi"
    platform_details = "Linux/UNIX"
    usage_operation = "RunInstances"

    def __init__(
        self,
        backend: LocalBackend,
        request: LaunchRequest,
        subnet_id: str,
        groups: list[SecurityGroup],
        index: int,
    ) -> None:
        super().__init__(
            backend,
            request.image_id,
            Base64EncodedString(request.user_data) if request.user_data else None,
            groups,
            nics=[_interface(subnet_id)],
            subnet_id=subnet_id,
            private_ip=request.private_ip,
            associate_public_ip=False,
            instance_type=request.instance_type,
            region_name=backend.region_name,
            key_name=request.key_name,
            ami_launch_index=index,
            ebs_optimized=request.ebs_optimized,
            disable_api_stop=request.disable_api_stop,
            disable_api_termination=request.disable_api_termination,
            instance_initiated_shutdown_behavior=request.shutdown_behavior,
            monitoring_state="enabled" if request.monitoring else "disabled",
            metadata_options=dict(request.metadata_options),
            client_token=request.client_token,
        )
        # one from the pool while it runs, as the subnet or the request says
        self.public_address_wanted = False
        self.launched = False  # has it ever been running?
        self.force_stop = False
        self.reboot_wanted = False
        self.guest_is_up = False  # has it asked its metadata service anything since it was powered on?
        self.forward_problems: dict[str, str] = {}  # "127.77.1.2:80" -> why it could not be bound
        self.terminated_at: datetime | None = None

    # Of the class, so that an instance of a state kept before has them.
    booted_at = 0.0  # seconds since 1970
    posted = b""  # the console output that EC2 has posted,
    posted_of = -1.0  # and of which boot
    controller: Controller = "virtio-blk"  # of its disks, since it was powered on
    nics: dict[int, Any]
    block_device_mapping: dict[str, Attachment]  # type: ignore[assignment]  # moto keeps copies of attachments here, we the attachments

    def become(self, state: str, *, code: str = "", message: str = "") -> None:
        """Enter a state, with a reason if any ("Client.UserInitiatedShutdown", "User initiated shutdown")."""
        if state in GOALS:
            self.ec2_backend.host.faults.begin(GOALS[state], self.id)
        self._state = InstanceState(state, STATE_CODES[state])
        self.state_reason = StateReason(f"{code}: {message}" if code else "", code)
        self._reason = (
            f"{message} ({utcnow():%Y-%m-%d %H:%M:%S} GMT)" if code.startswith("Client.User") else message
        )

    def reach(self, state: str) -> None:
        """Reach the state a transition led to; why it began stays."""
        self._state = InstanceState(state, STATE_CODES[state])
        self.force_stop = self.reboot_wanted = False
        self.forward_problems = {}
        if state == "terminated":
            self.terminated_at = utcnow()

    def note_forwards(self, problems: dict[str, str]) -> None:
        """Which ports could not be bound; a running instance says so where others say why they stopped."""
        self.forward_problems = problems
        if self.state == "running":
            code = "Server.PortNotForwarded" if problems else ""
            self.state_reason = StateReason(
                "; ".join(f"{place}: {reason}" for place, reason in problems.items()), code
            )

    @property
    def attachments(self) -> list[Attachment]:
        """Its volumes, the root volume first."""
        return sorted(
            self.block_device_mapping.values(),
            key=lambda found: (found.device != self.root_device_name, found.device),
        )

    def leave_network(self) -> None:
        """Terminated: EC2 shows neither addresses nor subnet any more."""
        self._subnet_id = None
        self.security_groups = []

    @property
    def private_ip(self) -> str | None:
        """None once it is terminated."""
        return self.nics[0].private_ip_address if self.nics else None

    private_ip_address = private_ip

    @property
    def private_dns_name(self) -> str:
        """EC2's form of the private address."""
        return super().private_dns_name if self.nics else ""

    @property
    def public_ip(self) -> str | None:
        """Its automatic address or its Elastic IP."""
        return self.nics[0].public_ip if self.nics else None

    public_ip_address = public_ip

    @property
    def public_dns_name(self) -> str | None:
        """The address itself: nothing would resolve EC2's form of the name."""
        return self.public_ip or ""
