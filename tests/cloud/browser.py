"""A real browser: Chromium without a screen, steered by its DevTools protocol, trusting one root only."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import requests
import websocket

SIZE = (1280, 900)
_ANSWER_S = 60


class Page:
    """What a browser shows, by its DevTools protocol; ``profile`` is user data, pictures go to ``folder``."""

    def __init__(self, profile: Path, folder: Path) -> None:
        self.folder = folder
        self._number = 0
        self._socket = _attach(profile)
        for domain_name in ("Page", "Runtime", "Security"):
            self.call(f"{domain_name}.enable")
        # A page that believes itself in the background takes no text into an editor.
        self.call("Emulation.setFocusEmulationEnabled", enabled=True)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            # "leave this page?", which nothing else gets past
            if message.get("method") == "Page.javascriptDialogOpening":
                answer_it = {"id": 0, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
                self._socket.send(json.dumps(answer_it))
            if message.get("id") == self._number:
                assert "error" not in message, message
                answer: dict[str, Any] = message["result"]
                return answer

    def open(self, url: str) -> None:
        """Go there; a certificate that is not right is an error here, as it is a warning for a person."""
        answer = self.call("Page.navigate", url=url)
        assert not answer.get("errorText"), answer["errorText"]

    def js(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression: str, timeout_s: float = 300) -> Any:
        """Wait until an expression is true in the page, whatever page it is by then."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                if found := self.js(expression):
                    return found
            except AssertionError:
                pass  # between two pages
            if time.monotonic() > deadline:
                self.shoot("gave-up")
                raise AssertionError(
                    f"never true: {expression}, at {self.js('location.href')}: "
                    f"{self.js('document.body.innerText')[:800]}"
                )
            time.sleep(0.5)

    def fill(self, selector: str, text: str) -> None:
        """Type into a field."""
        self.js(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)

    def new_notebook(self, timeout_s: float) -> None:
        """In JupyterLab: press the launcher's card, wait until the kernel is idle; earlier keys are lost."""
        card = ".jp-LauncherCard[data-category=Notebook]"
        self.wait_for(f"document.querySelector('{card}') !== null", timeout_s)
        self.click(card)
        self.wait_for(
            "document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'", timeout_s
        )

    def run_cell(self, code: str, output: str, timeout_s: float) -> None:
        """Type ``code`` into the active cell, run it, and wait for ``output``.

        JupyterLab shows a notebook, with an idle kernel, a moment before its cells stay as they are: what is
        typed into those of before is gone with them, and is typed again.
        """
        shown = (
            "[...document.querySelectorAll('.jp-OutputArea-output')].some(one => "
            f"one.innerText.includes({json.dumps(output)}))"
        )
        cell = (
            "[...document.querySelectorAll('.jp-Notebook .jp-CodeCell')].find(one => "
            f"one.innerText.includes({json.dumps(code)}))"
        )
        deadline = time.monotonic() + timeout_s
        while not self.js(shown):
            assert time.monotonic() < deadline, (
                f"'{code}' never said '{output}': {self.js('document.body.innerText')[:800]}"
            )
            if not self.js(f"{cell} !== undefined"):
                self.fill(".jp-Notebook .jp-Cell.jp-mod-active .cm-content", code)
            elif self.js(f"{cell}.querySelector('.jp-InputPrompt').innerText.includes('[ ]')"):
                self.press("Enter", modifiers=8)  # Shift
            time.sleep(1)

    def press_button(self, label: str) -> None:
        """The button with this label, after leaving the field that somebody has typed into."""
        found = (
            "[...document.querySelectorAll('button, a.btn')].find(one => one.innerText.trim() === "
            f"{json.dumps(label)})"
        )
        self.wait_for(f"{found} !== undefined", _ANSWER_S)
        self.js("document.activeElement.blur()")
        self.js(f"{found}.click()")

    def click(self, selector: str) -> None:
        """Click something."""
        self.js(f"document.querySelector({json.dumps(selector)}).click()")

    def press(self, name: str, modifiers: int = 0) -> None:
        """A key, Enter; of the modifiers 8 is Shift."""
        key = {
            "key": name,
            "code": name,
            "windowsVirtualKeyCode": {"Enter": 13}[name],
            "modifiers": modifiers,
        }
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, **key)

    def shoot(self, name: str) -> Path:
        """A screenshot."""
        picture = self.folder / f"{name}.png"
        picture.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
        return picture

    def close(self) -> None:
        """Look no longer."""
        self._socket.close()


class Browser(Page):
    """A browser of one page.

    ``domain`` and all below it are at ``address``; only certificates of ``roots`` (PEM) are good.
    """

    def __init__(self, folder: Path, domain: str, address: str, roots: str) -> None:
        command = [
            str(shutil.which("chromium")),
            "--headless=new",
            *(
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--no-proxy-server",
            ),
            "--remote-debugging-port=0",
            f"--user-data-dir={folder / 'profile'}",
            f"--host-resolver-rules=MAP {domain} {address}, MAP *.{domain} {address}",
            f"--window-size={SIZE[0]},{SIZE[1]}",
            "about:blank",
        ]
        with (folder / "chromium.log").open("w") as log:
            environment = {**os.environ, "HOME": str(_home(folder, roots))}
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        super().__init__(folder / "profile", folder)

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def attached(profile: Path, pid: int, folder: Path) -> Iterator[Page]:
    """The page of a browser that somebody else has started; it is ended afterwards."""
    try:
        page = Page(profile, folder)
        yield page
        page.close()
    finally:
        os.kill(pid, signal.SIGTERM)


def _home(folder: Path, roots: str) -> Path:
    """A home whose certificate store (NSS) holds the roots."""
    store = folder / "home" / ".pki" / "nssdb"
    store.mkdir(parents=True)
    subprocess.run(["certutil", "-N", "-d", f"sql:{store}", "--empty-password"], check=True)
    for number, root in enumerate(re.findall(r"-----BEGIN.*?-----END CERTIFICATE-----", roots, re.DOTALL)):
        command = ["certutil", "-A", "-d", f"sql:{store}", "-n", f"root {number}", "-t", "C,,"]
        subprocess.run(command, input=root + "\n", text=True, check=True)
    return folder / "home"


def _attach(profile: Path) -> websocket.WebSocket:
    deadline = time.monotonic() + 120
    while True:
        try:
            port = (profile / "DevToolsActivePort").read_text().split()[0]
            pages = requests.get(f"http://127.0.0.1:{port}/json", timeout=10).json()
            page = next(page for page in pages if page["type"] == "page")
            return websocket.create_connection(
                page["webSocketDebuggerUrl"], timeout=_ANSWER_S, suppress_origin=True
            )
        except (OSError, IndexError, StopIteration, requests.RequestException):
            assert time.monotonic() < deadline, f"no page of {profile}"
            time.sleep(0.3)
