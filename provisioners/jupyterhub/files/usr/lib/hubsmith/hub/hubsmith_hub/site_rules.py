"""What becomes of a site's settings: containers are merged, and some settings are the image's alone.

``c`` is traitlets' Config: sections of settings. A class takes the settings of the classes it is made from,
too, and its own win; so all are folded into the section that the image uses.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hubsmith_hub.site_joins import JOINS, RefusedError

CHAINS = (
    ("JupyterHub",),
    ("Spawner", "LocalProcessSpawner", "SystemdSpawner", "HubsmithSpawner"),
    ("Authenticator", "LocalAuthenticator", "PAMAuthenticator", "HubsmithAuthenticator"),
    ("Proxy", "ConfigurableHTTPProxy"),
)
"""From the most general class to the one that is used."""

# Plain data: `invoke check` reads it from this file. (class, settings, why they are not a site's)
FIXED = (
    (
        "JupyterHub",
        "bind_url ip port base_url hub_bind_url hub_ip hub_port hub_connect_ip hub_connect_url ssl_key "
        "ssl_cert internal_ssl",
        "addresses, firewall and proxy of the image belong together",
    ),
    ("JupyterHub", "spawner_class", "what separates users from each other depends on it"),
    ("JupyterHub", "authenticator_class", "who may log in are the open accounts of the hub's users"),
    ("JupyterHub", "admin_users", "JupyterHub ignores it; use c.Authenticator.admin_users"),
    ("JupyterHub", "db_url cookie_secret cookie_secret_file", "it is on the data volume, for every program"),
    (
        "JupyterHub",
        "proxy_class cleanup_proxy cleanup_servers",
        "a restart of the hub must not end servers, and the proxy is a service of its own",
    ),
    (
        "JupyterHub",
        "subdomain_host subdomain_hook cookie_host_prefix_enabled",
        "it follows from the launch; set hub.subdomains in the manifest",
    ),
    ("Proxy", "should_start api_url auth_token command", "the proxy is a service of its own"),
    (
        "Authenticator",
        "username_pattern service create_system_users delete_invalid_users auth_refresh_age "
        "auth_refresh_strict",
        "accounts and their end depend on it",
    ),
    (
        "Spawner",
        "slice unit_name_template dynamic_users isolate_tmp ip port",
        "what separates users from each other depends on it",
    ),
)

Snapshot = dict[str, dict[str, Any]]


def snapshot(c: Any) -> Snapshot:  # noqa: ANN401  # traitlets' Config
    """A copy of all sections, with copies of containers: files change these in place."""
    return {
        section: {name: _copy(value) for name, value in settings.items()}
        for section, settings in dict.items(c)
        if isinstance(settings, dict)
    }


def differences(before: Snapshot, c: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    """(section, name) of what is not as it was."""
    for section, settings in snapshot(c).items():
        known = before.get(section, {})
        yield from (
            (section, name) for name in settings if name not in known or settings[name] != known[name]
        )


def merge(c: Any, ours: Snapshot) -> None:  # noqa: ANN401
    """Put the image's settings back beside the site's. Raises RefusedError."""
    _refuse(c, ours)
    for chain in CHAINS:
        for section in chain:
            for name, kept in ours.get(section, {}).items():
                _fold(c, chain, section, name, kept)


def _refuse(c: Any, ours: Snapshot) -> None:  # noqa: ANN401
    for top, names, why in FIXED:
        chain = next(chain for chain in CHAINS if top in chain)
        for section, name in ((section, name) for section in chain for name in names.split()):
            value = dict.get(c, section, {}).get(name)
            is_theirs = value != ours.get(section, {}).get(name) and not _is_lazy(value)
            if is_theirs:
                raise RefusedError(section, name, f"c.{section}.{name} is not a site's to set: {why}")


def _fold(c: Any, chain: tuple[str, ...], section: str, name: str, kept: Any) -> None:  # noqa: ANN401
    """One setting of the image, with what the site has set in any section of the chain."""
    result, join = _copy(kept), JOINS.get(name)
    for other in chain:
        settings = dict.get(c, other, {})
        if name not in settings or (other == section and settings[name] == kept):
            continue
        theirs = settings[name]
        if other == section and isinstance(kept, dict) and isinstance(theirs, dict):
            # Added to in place: of what is as it was the site has said nothing.
            theirs = {key: value for key, value in theirs.items() if key not in kept or kept[key] != value}
        if _is_lazy(theirs):  # c.CLASS.NAME.append(…) on a class where nothing was set
            result = theirs.get_value(result)
        else:
            result = join(result, theirs, other, name) if join else theirs
        if other != section:
            del settings[name]
    c[section][name] = result


def _copy(value: Any) -> Any:  # noqa: ANN401
    return copy.deepcopy(value) if isinstance(value, (dict, list, set)) else value


def _is_lazy(value: object) -> bool:
    """Traitlets' placeholder for a container that is extended before it is there."""
    return callable(getattr(type(value), "get_value", None))
