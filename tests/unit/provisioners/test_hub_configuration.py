"""The hub's configuration is what the manifest's `hub:` says."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import ModuleType

import pytest

from tests.unit.provisioners.hub_configuration import REPO, Config


def culler(config: Config) -> list[str]:
    """Its command; empty where there is none."""
    return next(
        (service["command"] for service in config.JupyterHub.services if service["name"] == "idle-culler"), []
    )


def test_every_setting_of_the_manifest_arrives(configured: Callable[..., Config]) -> None:
    config = configured(
        "hub.admin_users=[ada, bob]",
        "hub.default_url=/tree",
        "hub.cpu_limit=1.5",
        "hub.mem_limit=2G",
        "hub.tasks_limit=200",
        "hub.concurrent_starts=3",
        "hub.named_servers=2",
        "hub.idle_timeout_minutes=30",
        "hub.idle_kernel_timeout_minutes=10",
        "hub.shutdown_on_logout=false",
        """hub.environment={NLTK_DATA: /srv/nltk, MOTTO: "it's \\"quoted\\" \\\\ {{ here }}"}""",
    )
    assert config.Authenticator.admin_users == {"ada", "bob"}
    assert config.Spawner.default_url == "/tree"
    assert (config.SystemdSpawner.cpu_limit, config.SystemdSpawner.mem_limit) == (1.5, "2G")
    assert config.SystemdSpawner.unit_extra_properties["TasksMax"] == "200"
    assert config.SystemdSpawner.concurrent_starts == 3
    assert (config.JupyterHub.allow_named_servers, config.JupyterHub.named_server_limit_per_user) == (True, 2)
    assert culler(config)[1:4] == ["-m", "jupyterhub_idle_culler", "--timeout=1800"]
    # test_single_user.py has the real Jupyter obey them.
    options = ("cull_idle_timeout=600", "cull_interval=150", "cull_connected=True", "cull_busy=False")
    assert config.Spawner.cmd[-4:] == [f"--MappingKernelManager.{option}" for option in options]
    assert config.JupyterHub.shutdown_on_logout is False
    assert config.Spawner.environment["NLTK_DATA"] == "/srv/nltk"
    assert config.Spawner.environment["MOTTO"] == 'it\'s "quoted" \\ {{ here }}'


def test_what_may_be_switched_off_is_off(configured: Callable[..., Config]) -> None:
    config = configured(
        "hub.cpu_limit=null",
        "hub.mem_limit=null",
        "hub.named_servers=0",
        "hub.idle_timeout_minutes=null",
        "hub.idle_kernel_timeout_minutes=null",
    )
    assert (config.SystemdSpawner.cpu_limit, config.SystemdSpawner.mem_limit) == (None, None)
    assert config.JupyterHub.allow_named_servers is False
    assert culler(config) == []
    assert "idle-culler" not in [role["name"] for role in config.JupyterHub.load_roles]
    assert not any("cull" in argument for argument in config.Spawner.cmd)


def test_as_shipped_limits_grow_with_the_machine_and_the_seeds_lines_have_their_like(
    configured: Callable[..., Config],
) -> None:
    config = configured()
    assert config.SystemdSpawner.cpu_limit == pytest.approx(0.75 * (os.cpu_count() or 1))
    assert config.SystemdSpawner.mem_limit == pytest.approx(
        os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2, abs=1
    )
    assert config.SystemdSpawner.concurrent_starts == (os.cpu_count() or 1)
    # Above its limit JupyterHub refuses (429): the queue is for all who come.
    assert config.JupyterHub.concurrent_spawn_limit == 0
    assert (config.JupyterHub.bind_url, config.JupyterHub.hub_bind_url) == (
        "https://:443",
        "http://100.64.0.1:881",
    )
    assert config.JupyterHub.db_url == "sqlite:////srv/jupyterhub/jupyterhub.sqlite"
    assert config.JupyterHub.cookie_secret_file == "/srv/jupyterhub/cookie_secret"
    assert config.JupyterHub.shutdown_on_logout is True
    assert [config.SystemdSpawner[name] for name in ("isolate_devices", "disable_user_sudo")] == [True] * 2
    # What a mistake with an allow list did in 2019's: nobody could log in, its administrators included.
    assert config.Authenticator.allow_all is True


def test_no_server_writes_to_the_machines_disk_or_needs_room_in_a_home(
    configured: Callable[..., Config],
) -> None:
    """PrivateTmp is a folder on the machine's disk; /var/tmp is hubsmith_hub.temporary's.

    A server wrote its runtime files into the home and so did not start with a full disk:
    https://github.com/2i2c-org/infrastructure/issues/6639
    """
    config = configured()
    mounts = dict(
        one.split(":", 1)
        for one in config.SystemdSpawner.unit_extra_properties["TemporaryFileSystem"].split()
    )
    assert {"/tmp", "/dev/shm", "/run/lock", "/run/jupyter"} == mounts.keys()
    assert all(options.startswith("mode=1777,size=") for options in mounts.values())
    assert config.Spawner.environment["JUPYTER_RUNTIME_DIR"] == "/run/jupyter"
    assert config.Spawner.cmd[0] == "/usr/lib/hubsmith/start-server"
    assert config.Spawner.environment["TMPDIR"] == "/var/tmp"
    # It would win over the /tmp in memory.
    assert config.SystemdSpawner.isolate_tmp is False


@pytest.mark.parametrize(
    ("of_the_hub", "of_servers"),
    [("de_DE.UTF-8", "de_DE.UTF-8"), ("", "C.UTF-8"), (None, "C.UTF-8")],
)
def test_servers_have_the_language_of_the_image(
    configured: Callable[..., Config],
    monkeypatch: pytest.MonkeyPatch,
    of_the_hub: str | None,
    of_servers: str,
) -> None:
    """A service had no LANG, its servers had none either, and names with other letters broke:
    https://github.com/jupyterhub/jupyterhub/issues/1902
    """
    monkeypatch.delenv("LANG", raising=False)
    if of_the_hub is not None:
        monkeypatch.setenv("LANG", of_the_hub)
    assert configured().Spawner.environment["LANG"] == of_servers
    assert configured("hub.environment={LANG: C}").Spawner.environment["LANG"] == "C"
    unit = REPO / "provisioners/service/files/usr/lib/systemd/system/jupyterhub.service"
    assert "\nEnvironmentFile=-/etc/default/locale\n" in unit.read_text()


@pytest.mark.parametrize(("minutes", "seconds"), [(120, 300), (20, 300), (10, 150), (1, 15)])
def test_servers_report_several_times_before_they_would_be_stopped(
    configured: Callable[..., Config], minutes: int, seconds: int
) -> None:
    config = configured(f"hub.idle_timeout_minutes={minutes}")
    assert config.Spawner.environment["JUPYTERHUB_ACTIVITY_INTERVAL"] == str(seconds)
    service = next(one for one in config.JupyterHub.services if one["name"] == "idle-culler")
    assert service["environment"] == {"HUBSMITH_REPORTS_EVERY_S": str(seconds)}


def test_the_server_itself_takes_no_packages_from_the_home(configured: Callable[..., Config]) -> None:
    """What a user installed with pip came before the server's own packages in a conda distribution:
    https://github.com/NERSC/jupyterhub-deploy/issues/55
    """
    config = configured()
    assert config.Spawner.cmd[1:3] == ["/opt/anaconda/bin/python", "-s"]
    assert "PYTHONNOUSERSITE" not in config.Spawner.environment  # kernels would not see them either


def test_the_culler_may_do_what_its_documentation_says_it_needs(configured: Callable[..., Config]) -> None:
    role = next(role for role in configured().JupyterHub.load_roles if role["name"] == "idle-culler")
    assert set(role["scopes"]) == {"list:users", "read:users:activity", "read:servers", "delete:servers"}
    assert role["services"] == ["idle-culler"]


@pytest.mark.parametrize("subdomains", [False, True])
def test_a_hub_with_a_name_is_on_https_only_and_with_subdomains_users_have_hosts(
    configured: Callable[..., Config],
    program: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    subdomains: bool,
) -> None:
    launch = program("hubsmith_machine.launch")
    monkeypatch.setattr(
        launch, "read", lambda: launch.Launch(domain="hub.example.test", subdomains=subdomains)
    )
    config = configured().JupyterHub
    strict = config.tornado_settings["headers"]["Strict-Transport-Security"]
    assert strict == "max-age=15552000" + ("; includeSubDomains" if subdomains else "")
    assert config.get("subdomain_host") == ("https://hub.example.test" if subdomains else None)
    assert config.get("cookie_host_prefix_enabled") == (True if subdomains else None)
    if subdomains:
        assert config.subdomain_hook("ada", "hub.example.test", kind="user") == "ada.hub.example.test"


def test_a_hub_without_a_name_has_no_subdomains_whatever_the_manifest_says(
    configured: Callable[..., Config],
) -> None:
    config = configured("hub.subdomains=true").JupyterHub
    assert {"subdomain_host", "subdomain_hook", "cookie_host_prefix_enabled", "tornado_settings"}.isdisjoint(
        config
    )
