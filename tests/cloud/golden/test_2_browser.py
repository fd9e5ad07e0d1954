"""A real browser, trusting the cloud's ACME roots only: login, JupyterLab, a kernel that outlives a renewed
certificate, the admin page.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud.browser import Browser
from tests.cloud.golden.golden_hub import GoldenHub

pytestmark = [
    pytest.mark.vm,
    pytest.mark.bake,
    pytest.mark.skipif(
        not shutil.which("chromium"), reason="there is no chromium here (tests/host_packages.txt)"
    ),
]


@pytest.fixture(scope="module")
def browser(golden_hub: GoldenHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(
        tmp_path_factory.mktemp("browser"), golden_hub.domain, golden_hub.address, golden_hub.roots
    ) as one:
        yield one


def keep(picture: Path) -> None:
    """Where somebody looks at it."""
    assert picture.stat().st_size > 10_000
    if shots := os.environ.get("HUBSMITH_SCREENSHOTS"):
        shutil.copy(picture, shots)


def log_in(browser: Browser, name: str, password: str) -> None:
    browser.wait_for("document.querySelector('#username_input') !== null")
    browser.fill("#username_input", name)
    browser.fill("#password_input", password)
    browser.click("#login_submit")


def test_the_administrator_logs_in_without_a_warning_and_computes(
    golden_hub: GoldenHub, browser: Browser
) -> None:
    browser.open(f"{golden_hub.url}/")
    browser.wait_for("document.querySelector('#username_input') !== null")
    keep(browser.shoot("login"))
    log_in(browser, "alice", golden_hub.people["alice"].password)
    browser.wait_for("location.pathname.startsWith('/user/alice/lab')", 600)
    browser.new_notebook(timeout_s=600)
    browser.run_cell("answer = 6 * 7; print('the answer is', answer)", "the answer is 42", timeout_s=300)
    keep(browser.shoot("notebook"))


def test_a_renewed_certificate_is_served_while_the_kernel_keeps_its_variable(
    golden_hub: GoldenHub, browser: Browser
) -> None:
    before = golden_hub.served_serial()
    golden_hub.on_the_machine("/usr/lib/hubsmith/certificate renew --force")
    golden_hub.serial = golden_hub.served_serial()
    assert golden_hub.serial != before
    browser.run_cell("print('still', answer)", "still 42", timeout_s=300)


def test_somebody_added_on_the_admin_page_logs_in(golden_hub: GoldenHub, browser: Browser) -> None:
    browser.open(f"{golden_hub.url}/hub/admin")
    browser.wait_for("document.body.innerText.includes('bob')", 120)
    keep(browser.shoot("admin"))
    browser.press_button("Add Users")
    browser.wait_for("document.querySelector('textarea') !== null", 60)
    browser.fill("textarea", "carol")
    browser.press_button("Add Users")
    browser.wait_for(
        "document.querySelector('textarea') === null && document.body.innerText.includes('carol')", 60
    )
    browser.open(f"{golden_hub.url}/hub/passwords")
    of_carol = "form:has(input[value=carol]) button"
    browser.wait_for(f"document.querySelector('{of_carol}') !== null", 60)
    browser.click(of_carol)
    password = browser.wait_for("document.querySelector('#new-password')?.innerText", 60)
    browser.open(f"{golden_hub.url}/hub/logout")
    log_in(browser, "carol", password)
    browser.wait_for(
        "location.pathname.startsWith('/user/carol/lab') || location.pathname.startsWith('/hub/spawn')", 300
    )
