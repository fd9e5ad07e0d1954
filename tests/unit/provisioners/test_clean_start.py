"""A start without the user's own settings: once, and not because an address asks for it."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.conftest import REPO

TEMPLATE = REPO / "provisioners/jupyterhub/files/usr/lib/hubsmith/hub/hubsmith_hub/templates/not_running.html"


@pytest.fixture
def clean_start(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("hubsmith_hub.clean_start")


class Database:
    commits = 0

    def commit(self) -> None:
        self.commits += 1


def spawner(options: Any) -> Any:
    """As JupyterHub hands it to start(): options are saved for later starts already."""
    return SimpleNamespace(
        user_options=options,
        orm_spawner=SimpleNamespace(user_options=options),
        user=SimpleNamespace(db=Database()),
    )


@pytest.mark.parametrize("value", ["clean", ["clean"]], ids=["api", "form"])
def test_it_counts_once(clean_start: ModuleType, value: object) -> None:
    one = spawner({"hubsmith_settings": value, "_xsrf": ["secret"], "size": "large"})
    assert clean_start.take(one) is True
    assert one.user_options == one.orm_spawner.user_options == {"size": "large"}
    assert one.user.db.commits == 1
    assert clean_start.take(one) is False


@pytest.mark.parametrize("options", [None, {}, {"size": "large"}])
def test_other_starts_are_as_they_were(clean_start: ModuleType, options: dict[str, str] | None) -> None:
    one = spawner(options)
    assert clean_start.take(one) is False
    assert one.orm_spawner.user_options is options
    assert one.user.db.commits == 0


@pytest.mark.parametrize("value", ["", [], ["no"], ["clean", "clean"], {"clean": 1}, 1, None])
def test_other_values_mean_nothing_and_are_not_kept(clean_start: ModuleType, value: object) -> None:
    one = spawner({"hubsmith_settings": value})
    assert clean_start.take(one) is False
    assert one.orm_spawner.user_options == {}


def test_an_address_cannot_ask_for_it(clean_start: ModuleType) -> None:
    query = {"hubsmith_settings": ["clean"], "size": ["large"]}
    assert clean_start.without(query) == {"size": ["large"]}


def test_start_server_is_told(clean_start: ModuleType) -> None:
    assert clean_start.environment(clean=True) == {"HUBSMITH_CLEAN_START": "1"}
    assert clean_start.environment(clean=False) == {}


def test_the_button_sends_that_field_and_says_where_it_comes_from(clean_start: ModuleType) -> None:
    form = TEMPLATE.read_text(encoding="utf-8")
    assert f'name="{clean_start.FIELD}" value="{clean_start.CLEAN}"' in form
    assert 'name="_xsrf" value="{{ xsrf }}"' in form
    assert 'method="post"' in form
