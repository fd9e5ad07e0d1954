"""conf.d: what JupyterHub's documentation shows there is merged with the image's settings, or refused with
file, line and a sentence.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.unit.provisioners.hub_configuration import Config


@pytest.fixture
def site(configured: Callable[..., Config], tmp_path: Path) -> Callable[..., Config]:
    """A function from the texts of files 10.py, 11.py, … to the configuration with them."""

    def read(*texts: str) -> Config:
        folder = tmp_path / "conf.d"
        folder.mkdir(exist_ok=True)
        for number, text in enumerate(texts, 10):
            (folder / f"{number}.py").write_text(text)
        return configured()

    return read


@pytest.fixture
def refused(
    site: Callable[..., Config], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """The same, to the sentence of a refusal, from the name of the file on."""

    def read(*texts: str) -> str:
        with pytest.raises(SystemExit) as ended:
            site(*texts)
        assert ended.value.code == 78  # RestartPreventExitStatus in jupyterhub.service
        said = capsys.readouterr().err
        told = json.loads((tmp_path / "run" / "problem.json").read_text())
        line = f", line {told['line']}" if told["line"] else ""
        assert said == f"error: {told['file']}{line}: {told['message']}\n"
        return said.removeprefix(f"error: {tmp_path}/conf.d/").strip()

    return read


@pytest.mark.parametrize(
    "text",
    [
        'c.Spawner.environment["TZ"] = "Europe/Berlin"',
        'c.Spawner.environment.update({"TZ": "Europe/Berlin"})',
        'c.Spawner.environment = {"TZ": "Europe/Berlin"}',
        'c.SystemdSpawner.environment = {"TZ": "Europe/Berlin"}',
        'c.HubsmithSpawner.environment.update({"TZ": "Europe/Berlin"})',
        'c.Spawner.environment |= {"TZ": "Europe/Berlin"}',
    ],
)
def test_environment_is_added_however_it_is_written(
    site: Callable[..., Config], configured: Callable[..., Config], text: str
) -> None:
    """https://github.com/jupyterhub/zero-to-jupyterhub-k8s/pull/2062"""
    before = configured().Spawner.environment
    config = site(text)
    assert config.Spawner.environment == {**before, "TZ": "Europe/Berlin"}
    assert "environment" not in dict.get(config, "SystemdSpawner", {})
    assert "environment" not in dict.get(config, "HubsmithSpawner", {})


def test_a_sites_own_value_of_a_variable_wins(site: Callable[..., Config]) -> None:
    assert (
        site('c.Spawner.environment = {"TMPDIR": "/data/tmp"}').Spawner.environment["TMPDIR"] == "/data/tmp"
    )


@pytest.mark.parametrize(
    "text",
    [
        'c.SystemdSpawner.unit_extra_properties = {"CPUWeight": "50"}',
        'c.SystemdSpawner.unit_extra_properties["CPUWeight"] = "50"',
        'c.Spawner.unit_extra_properties = {"CPUWeight": "50"}',
    ],
)
def test_isolation_stays_where_a_property_is_added(
    site: Callable[..., Config], configured: Callable[..., Config], text: str
) -> None:
    before = configured().SystemdSpawner.unit_extra_properties
    assert site(text).SystemdSpawner.unit_extra_properties == {**before, "CPUWeight": "50"}


def test_what_is_denied_is_added_to_and_fewer_are_meant_so(
    site: Callable[..., Config], configured: Callable[..., Config]
) -> None:
    properties = "c.SystemdSpawner.unit_extra_properties"
    before = configured().SystemdSpawner.unit_extra_properties["InaccessiblePaths"]
    found = site(f'{properties}["InaccessiblePaths"] = "/srv/exams"').SystemdSpawner.unit_extra_properties
    assert found["InaccessiblePaths"] == f"{before} /srv/exams"
    fewer = site(f'{properties}["InaccessiblePaths"] = "-/srv/jupyterhub"').SystemdSpawner
    assert fewer.unit_extra_properties["InaccessiblePaths"] == "-/srv/jupyterhub"
    both = site(
        'c.Spawner.unit_extra_properties = {"InaccessiblePaths": "/srv/exams"}', f'{properties}["Nice"] = "5"'
    )
    assert both.SystemdSpawner.unit_extra_properties["InaccessiblePaths"] == f"{before} /srv/exams"


@pytest.mark.parametrize("section", ["Spawner", "SystemdSpawner", "HubsmithSpawner"])
def test_a_limit_holds_whichever_class_it_is_set_on(site: Callable[..., Config], section: str) -> None:
    """On c.Spawner it was ignored: the image sets it on SystemdSpawner."""
    config = site(f'c.{section}.mem_limit = "4G"\nc.{section}.default_url = "/tree"')
    assert config.SystemdSpawner.mem_limit == "4G"
    assert config.Spawner.default_url == "/tree"


def names(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["name"] for entry in entries]


@pytest.mark.parametrize("verb", ["=", "+="])
def test_services_and_roles_are_added_to_the_images(site: Callable[..., Config], verb: str) -> None:
    """Assigned, they took out the idle culler and what `invoke users` needs.

    https://github.com/jupyterhub/jupyterhub-deploy-docker/issues/65
    """
    config = site(
        f'c.JupyterHub.services {verb} [{{"name": "grader", "url": "http://127.0.0.1:9999"}}]\n'
        f'c.JupyterHub.load_roles {verb} [{{"name": "grader", "scopes": ["self"], "services": ["grader"]}}]'
    )
    assert names(config.JupyterHub.services) == ["idle-culler", "grader"]
    assert names(config.JupyterHub.load_roles) == ["idle-culler", "grader"]


def test_the_idle_culler_can_be_replaced(site: Callable[..., Config]) -> None:
    command = '["python3", "-m", "jupyterhub_idle_culler", "--timeout=60", "--cull-every=30"]'
    config = site(f'c.JupyterHub.services.append({{"name": "idle-culler", "command": {command}}})')
    (culler,) = config.JupyterHub.services
    assert culler["command"][-1] == "--cull-every=30"


def test_what_jupyterhubs_documentation_shows_works(site: Callable[..., Config]) -> None:
    config = site(
        'c.JupyterHub.load_groups = {"class": {"users": ["zz-nobody-here"]}}\n'
        "c.Spawner.pre_spawn_hook = lambda spawner: None\n"
        'c.Spawner.args = ["--debug"]\n'
        'c.Authenticator.allowed_users = {"eve"}\n'
        'c.JupyterHub.template_paths = ["/etc/jupyterhub/templates"]\n'
        'c.JupyterHub.template_vars = {"announcement": "closed on Monday"}\n'
        'c.Spawner.cmd = ["jupyter-labhub"]\n'
        'c.Spawner.extra_paths = ["/opt/site/bin"]\n'
        "for service in c.JupyterHub.services:\n    assert service['name']\n"
        "get_config().JupyterHub.concurrent_spawn_limit = 7\n"
    )
    assert config.JupyterHub.load_groups == {"class": {"users": ["zz-nobody-here"]}}
    assert callable(config.Spawner.pre_spawn_hook)
    # A site's templates are found first, and the password pages are still there.
    assert config.JupyterHub.template_paths[0] == "/etc/jupyterhub/templates"
    assert config.JupyterHub.template_paths[1].endswith("/hubsmith_hub/templates")
    # A server with a full home still starts.
    assert config.Spawner.cmd == ["/usr/lib/hubsmith/start-server", "jupyter-labhub"]
    assert config.SystemdSpawner.extra_paths == ["/opt/anaconda/bin", "/opt/site/bin"]
    assert config.JupyterHub.concurrent_spawn_limit == 7


@pytest.mark.parametrize("section", ["Authenticator", "PAMAuthenticator"])
def test_administrators_of_the_manifest_and_of_the_launch_stay(
    site: Callable[..., Config], section: str
) -> None:
    config = site(
        f'c.{section}.admin_users = {{"eve"}}\nc.{section}.blocked_users = ["mallory"]\n'
        'c.PAMAuthenticator.admin_groups = {"professors"}'
    )
    assert "eve" in config.Authenticator.admin_users
    assert config.Authenticator.blocked_users == {"root", "mallory"}
    assert config.PAMAuthenticator.admin_groups == {"hubadmins", "professors"}


def test_headers_of_a_site_do_not_take_https_only_away(
    site: Callable[..., Config], program: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    launch = program("hubsmith_machine.launch")
    monkeypatch.setattr(launch, "read", lambda: launch.Launch(domain="hub.example.test"))
    config = site('c.JupyterHub.tornado_settings = {"headers": {"X-Site": "1"}, "slow_spawn_timeout": 30}')
    settings = config.JupyterHub.tornado_settings
    assert settings["headers"] == {"Strict-Transport-Security": "max-age=15552000", "X-Site": "1"}
    assert settings["slow_spawn_timeout"] == 30


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ('c.JupyterHub.spawner_class = "simple"', "what separates users from each other depends on it"),
        ('c.JupyterHub.authenticator_class = "dummy"', "who may log in are the open accounts"),
        ('c.JupyterHub.bind_url = "http://:8000"', "addresses, firewall and proxy of the image"),
        ('c.JupyterHub.db_url = "sqlite:///x"', "it is on the data volume"),
        ("c.JupyterHub.cleanup_servers = True", "a restart of the hub must not end servers"),
        ('c.JupyterHub.admin_users = {"ada"}', "JupyterHub ignores it; use c.Authenticator.admin_users"),
        ("c.SystemdSpawner.dynamic_users = True", "what separates users from each other depends on it"),
        ("c.Spawner.isolate_tmp = True", "what separates users from each other depends on it"),
        ('c.LocalAuthenticator.username_pattern = ".*"', "accounts and their end depend on it"),
        ("c.ConfigurableHTTPProxy.should_start = True", "the proxy is a service of its own"),
    ],
)
def test_what_is_the_images_alone_is_refused_with_its_file_and_line(
    refused: Callable[..., str], setting: str, why: str
) -> None:
    name = setting.partition(" =")[0]
    said = refused("c.Spawner.args = []\n", f"# mine\n\n{setting}\n")
    assert said.startswith(f"11.py, line 3: {name} is not a site's to set: {why}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("c.Spawner.environment = {\n", "10.py, line 1: SyntaxError: "),
        ("import nothing_of_this_name\n", "10.py, line 1: ModuleNotFoundError: No module named "),
        ("a = 1\n\nb = a.upper()\n", "10.py, line 3: AttributeError: 'int' object has no attribute 'upper'"),
        ("def f():\n    raise SystemExit('no')\nf()\n", "10.py, line 2: SystemExit: no"),
        ("import json\njson.loads('{')\n", "10.py, line 2: JSONDecodeError: "),
        (
            "c.Spawner.environment = 5\n",
            "10.py, line 1: c.Spawner.environment should be a dictionary, not int",
        ),
        (
            'c.JupyterHub.services = [{"url": "x"}]\n',
            "10.py, line 1: c.JupyterHub.services: each needs a name",
        ),
        (
            '\nc.JupyterHub.services = [{"name": "operator", "api_token": "mine"}]\n',
            "10.py, line 2: c.JupyterHub.services: operator is a name of the image's own",
        ),
        (
            'c.JupyterHub.load_groups = {"class": ["Ada Lovelace"]}\n',
            "10.py, line 1: c.JupyterHub.load_groups, class: 'ada lovelace' cannot be a user name",
        ),
    ],
)
def test_a_mistake_is_told_with_its_file_and_line(refused: Callable[..., str], text: str, said: str) -> None:
    assert refused(text).startswith(said)


def test_when_it_is_corrected_nothing_is_left_of_it(
    refused: Callable[..., str], site: Callable[..., Config], tmp_path: Path
) -> None:
    refused("1 / 0")
    site("c.Spawner.args = []")
    assert not (tmp_path / "run" / "problem.json").exists()


def test_a_removed_user_in_a_group_or_role_does_not_keep_the_hub_from_starting(
    site: Callable[..., Config],
    program: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """JupyterHub adds who is named there, and ended when the authenticator refused a closed account."""
    accounts = program("hubsmith_hub.accounts")
    monkeypatch.setattr(accounts, "exists", lambda name: name != "new")
    monkeypatch.setattr(
        accounts, "refusal", lambda name: "the account bob is closed" if name == "bob" else None
    )
    config = site(
        'c.JupyterHub.load_groups = {"class": {"users": ["ada", "Bob", "new"], "properties": {"a": 1}}, '
        '"old": ["bob"], "empty": {}}\n'
        'c.JupyterHub.load_roles = [{"name": "teacher", "scopes": ["self"], "users": ["bob", "ada"]}]'
    ).JupyterHub
    assert config.load_groups["class"] == {"users": ["ada", "new"], "properties": {"a": 1}}
    assert config.load_groups["old"] == {"users": []}
    assert config.load_roles[-1]["users"] == ["ada"]
    assert (
        "c.JupyterHub.load_groups, class: Bob is left out: the account bob is closed"
        in capsys.readouterr().err
    )


def test_one_file_may_read_another(site: Callable[..., Config], tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "more.txt").write_text('c.Spawner.environment["A"] = "1"')
    assert site('load_subconfig("more.txt")').Spawner.environment["A"] == "1"


def test_the_unit_is_not_started_again_after_it() -> None:
    unit = Path(__file__).parents[3] / "provisioners/service/files/usr/lib/systemd/system/jupyterhub.service"
    assert "\nRestartPreventExitStatus=78\n" in unit.read_text()
