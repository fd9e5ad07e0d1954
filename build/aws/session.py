"""The one place that makes AWS clients. A cloud is an endpoint and credentials, nothing else."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ProfileNotFound

from build.aws import mfa
from build.errors import UserError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_route53 import Route53Client
    from mypy_boto3_ssm import SSMClient

# Packer's experience: botocore's default of a few attempts "regularly gets tripped" by throttling.
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 10},
    connect_timeout=10,
    read_timeout=60,
    user_agent_extra="hubsmith",
)

Client = Any
"""A client of a service that is known at run time only: botocore makes its methods then."""


@dataclass(frozen=True)
class GuestView:
    """What a machine of this cloud has to be told beside the public places; None where nothing differs."""

    endpoint_url: str | None = None
    acme_directory: str | None = None
    acme_ca: str | None = None  # PEM: what the directory's own https is checked with


@dataclass(frozen=True)
class Cloud:
    """Where to build.

    Without an endpoint and keys, botocore's own chain decides (environment, profile, role).
    """

    name: str
    region: str
    endpoint_url: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    guest: GuestView | None = None
    acme_roots: str | None = None  # PEM: whose certificates hubs have here; None: those that everybody trusts


@dataclass(frozen=True)
class Clients:
    """Clients of one cloud, and whose account it is.

    ``credentials_end`` is when the credentials stop working; None where they are renewed, last, or say
    nothing of it.
    """

    cloud: Cloud
    account: str
    ec2: EC2Client
    ssm: SSMClient
    route53: Route53Client
    iam: IAMClient
    credentials_end: datetime | None = None

    def __str__(self) -> str:
        return f"cloud {self.cloud.name} · account {self.account} · region {self.cloud.region}"


def connect(cloud: Cloud) -> Clients:
    """Make the clients and ask STS who we are, which proves the credentials.

    Raises UserError for an unknown profile; botocore's exceptions otherwise (refusals.explain translates).
    """
    try:
        session = (
            boto3.Session(cloud.access_key, cloud.secret_key, region_name=cloud.region)
            if cloud.access_key
            else mfa.boto3_session(cloud.region)
        )
    except ProfileNotFound as exc:
        raise UserError(str(exc), hint="set AWS_PROFILE to a profile of ~/.aws/config, or unset it") from exc
    sts = session.client("sts", endpoint_url=cloud.endpoint_url, config=_CONFIG)
    ec2 = session.client("ec2", endpoint_url=cloud.endpoint_url, config=_CONFIG)
    ec2.meta.events.register_first("needs-retry.ec2.RunInstances", _no_capacity_is_final)
    ssm = session.client("ssm", endpoint_url=cloud.endpoint_url, config=_CONFIG)
    route53 = session.client("route53", endpoint_url=cloud.endpoint_url, config=_CONFIG)
    iam = session.client("iam", endpoint_url=cloud.endpoint_url, config=_CONFIG)
    account, end = sts.get_caller_identity()["Account"], _credentials_end(session)
    return Clients(cloud, account, ec2, ssm, route53, iam, end)


def in_region(clients: Clients, region: str) -> Clients:
    """The same account and endpoint in another region. Raises what ``connect`` raises."""
    return connect(replace(clients.cloud, region=region))


def _credentials_end(session: boto3.Session) -> datetime | None:
    """AWS_CREDENTIAL_EXPIRATION, or the end of a role with MFA.

    botocore renews what comes from anywhere else (another role, SSO, a program).
    """
    credentials = session.get_credentials()
    if credentials is None or credentials.method != "env":
        return mfa.end_of(session)
    end: datetime | None = getattr(credentials, "_expiry_time", None)
    return end


def elsewhere(*clients: Client) -> str | None:
    """The first endpoint of these clients that is not AWS's: AWS_ENDPOINT_URL or a profile names it."""
    return next((one.meta.endpoint_url for one in clients if not _is_aws(one)), None)


def _is_aws(client: Client) -> bool:
    url, service = client.meta.endpoint_url, client.meta.service_model.service_name
    if str(urlsplit(url).hostname).endswith((".amazonaws.com", ".api.aws")):
        return True  # an endpoint of one's own VPC, too
    config = Config(ignore_configured_endpoint_urls=True)  # type: ignore[call-arg]  # its stubs are older
    known = boto3.Session(region_name=client.meta.region_name).client(service, config=config)
    return bool(url == known.meta.endpoint_url)


def _no_capacity_is_final(response: tuple[Any, dict[str, Any]] | None, **_: object) -> None:
    """EC2 says with a 500 that a zone has no capacity, which botocore would repeat for more than a minute.

    Another zone or type is the better answer, and there may be a dozen of them to try.
    """
    if response and response[1].get("Error", {}).get("Code") == "InsufficientInstanceCapacity":
        response[0].status_code = 400


def client(cloud: Cloud, service: str, token: str | None = None, agent: str = "") -> Client:
    """A client of any service of a cloud, for any thread; ``token`` goes with a role's temporary keys.

    ``agent`` is added to its user agent.
    """
    # clients may be shared among threads, the making of them may not (boto3's guide, "Multithreading")
    with _making:
        return _shared().client(
            service,
            region_name=cloud.region,
            endpoint_url=cloud.endpoint_url,
            aws_access_key_id=cloud.access_key,
            aws_secret_access_key=cloud.secret_key,
            aws_session_token=token,
            config=_CONFIG.merge(Config(user_agent_extra=f"hubsmith {agent}".strip())),
        )


_making = threading.Lock()


@functools.cache
def _shared() -> Any:  # noqa: ANN401  # a boto3.Session, whose stubs want the service as a literal
    """One for all: it reads the description of a service once."""
    return mfa.boto3_session()


def cloudformation(region: str) -> CloudFormationClient:
    """A client for stacks, with endpoint and credentials of botocore's own chain."""
    return mfa.boto3_session(region).client("cloudformation", config=_CONFIG)
