"""What an instance of a run is told at its first boot."""

from __future__ import annotations

import yaml

from build.remote.keys import SshKey


class _Text(str):
    """Text shown as a literal block, which is how people (and the tiny image) read keys."""


def _literal(dumper: yaml.SafeDumper, text: _Text) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Text, _literal)


# A unit in /run, started without waiting: bootcmd runs before sysinit.target, where systemd-run (it asks for
# the system bus) would wait for ever.
_START_TIMER = """\
printf %s "$1" >/run/systemd/system/hubsmith-end.timer
systemctl daemon-reload
systemctl start --no-block hubsmith-end.timer
"""
_END_TIMER = """\
[Unit]
Description=ends this temporary instance
[Timer]
OnActiveSec={minutes}min
Unit=poweroff.target
"""


# Once an instance and before sshd starts: cloud-init adds keys to those that are there, and a layer has those
# of an earlier build.
_FORGET_KEYS = [
    "cloud-init-per",
    "instance",
    "hubsmith-keys",
    "sh",
    "-c",
    "rm -f /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys",
]


def render(
    *, host_key: SshKey, run_key: SshKey, shutdown_after_minutes: int, forget_keys: bool = False
) -> str:
    """A #cloud-config with the host key (to check it from the first byte), the run's key and a timer.

    The timer powers the machine off after ``shutdown_after_minutes``; the instance is launched with shutdown
    = terminate, so a builder whose build died ends itself. With ``forget_keys`` no key that is in the image's
    files lets anybody in.
    """
    config = {
        "ssh_keys": {
            "ed25519_private": _Text(host_key.private),
            "ed25519_public": f"{host_key.public} hubsmith",
        },
        "ssh_authorized_keys": [f"{run_key.public} hubsmith-run"],
        "bootcmd": [
            *([_FORGET_KEYS] if forget_keys else []),
            ["sh", "-c", _Text(_START_TIMER), "sh", _Text(_END_TIMER.format(minutes=shutdown_after_minutes))],
        ],
    }
    body = yaml.dump(config, Dumper=_Dumper, sort_keys=False, width=4096)
    return f"#cloud-config\n# hubsmith-shutdown-after: {shutdown_after_minutes}\n{body}"
