"""`check` tells of settings in conf.d that the hub would refuse at its start."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from build.manifest.provisioners import conf_d

if TYPE_CHECKING:
    from tests.unit.manifest.conftest import Project

SHIPPED = Path(__file__).parents[3] / "provisioners"
FILE = "provisioners/hub/files/etc/jupyterhub/conf.d/site.py"


def test_a_setting_that_is_the_images_is_told_with_its_line(project: Project) -> None:
    rules = project.folder / "provisioners" / conf_d.RULES
    rules.parent.mkdir(parents=True)
    shutil.copy(SHIPPED / conf_d.RULES, rules)
    path = project.folder / FILE
    path.parent.mkdir(parents=True)
    path.write_text('c.Spawner.args = []\nif True:\n    c.JupyterHub.spawner_class = "simple"\n')
    (problem,) = project.problems()
    assert problem.startswith(
        f"{FILE}:3:1 hub: c.JupyterHub.spawner_class is not a site's to set: what separates"
    )


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("c.SystemdSpawner.slice = 'x'", [1]),
        ("a = 1\nc.ConfigurableHTTPProxy.api_url = c.JupyterHub.bind_url = 'x'", [2, 2]),
        ("c.Spawner.environment = {}\nc.JupyterHub.services = []\nx = c.JupyterHub.bind_url", []),
        ("# c.JupyterHub.bind_url = 'x'", []),
        ("c.Spawner.ip = (", []),
        ("c.Spawner.ip = '\0'", []),
    ],
)
def test_what_is_refused_is_what_the_image_refuses(text: str, lines: list[int]) -> None:
    assert [line for line, _ in conf_d.problems(text, SHIPPED)] == lines


def test_without_the_images_rules_nothing_is_refused(tmp_path: Path) -> None:
    assert list(conf_d.problems("c.JupyterHub.bind_url = 'x'", tmp_path)) == []
