"""What an instance is told at its first boot."""

from __future__ import annotations

import yaml

from build.bake.user_data import render
from build.remote import keys


def test_cloud_init_gets_the_host_key_the_runs_key_and_an_end() -> None:
    host, run = keys.generate(), keys.generate()
    text = render(host_key=host, run_key=run, shutdown_after_minutes=90)
    assert text.startswith("#cloud-config\n# hubsmith-shutdown-after: 90\n")
    config = yaml.safe_load(text)
    assert config["ssh_keys"]["ed25519_private"] == host.private
    assert config["ssh_keys"]["ed25519_public"].split()[:2] == host.public.split()
    assert config["ssh_authorized_keys"] == [f"{run.public} hubsmith-run"]
    assert "OnActiveSec=90min" in config["bootcmd"][0][-1]


def test_the_private_key_of_the_run_stays_here() -> None:
    run = keys.generate()
    assert run.private.splitlines()[-2] not in render(
        host_key=keys.generate(), run_key=run, shutdown_after_minutes=1
    )
    assert run.private not in repr(run)


def test_it_fits_into_ec2s_16_kib() -> None:
    assert (
        len(render(host_key=keys.generate(), run_key=keys.generate(), shutdown_after_minutes=1440))
        < 16 * 1024 * 3 // 4
    )


def test_an_instance_of_a_layer_forgets_the_keys_in_it_before_sshd_starts_and_once_only() -> None:
    host, run = keys.generate(), keys.generate()
    cold, layered = (
        yaml.safe_load(render(host_key=host, run_key=run, shutdown_after_minutes=1, forget_keys=forget))
        for forget in (False, True)
    )
    assert "authorized_keys" not in str(cold["bootcmd"])
    first = layered["bootcmd"][0]
    assert first[:2] == ["cloud-init-per", "instance"]  # at every boot it would take the run's own key too
    assert "rm -f /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys" in first
