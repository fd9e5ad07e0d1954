"""A real browser: Chromium without a screen, steered through its DevTools protocol, trusting one root only."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import requests
import websocket

SIZE = (1280, 900)
_ANSWER_S = 60


class Browser:
    """One page. ``domain`` is looked for at ``address``; of certificates only what ``roots`` (PEM) has signed is good."""

    def __init__(self, folder: Path, domain: str, address: str, roots: str) -> None:
        self.folder = folder
        home = self._home(roots)
        command = [
            str(shutil.which("chromium")),
            "--headless=new",
            *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server"),
            "--remote-debugging-port=0",
            "--remote-allow-origins=*",
            f"--user-data-dir={folder / 'profile'}",
            f"--host-resolver-rules=MAP {domain} {address}",
            f"--window-size={SIZE[0]},{SIZE[1]}",
            "about:blank",
        ]
        self._log = (folder / "chromium.log").open("w")
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log, env={**os.environ, "HOME": str(home)})
        self._number = 0
        self._socket = self._attach()
        for domain_name in ("Page", "Runtime", "Security"):
            self.call(f"{domain_name}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _home(self, roots: str) -> Path:
        """A home whose certificate store (NSS) holds the root."""
        store = self.folder / "home" / ".pki" / "nssdb"
        store.mkdir(parents=True)
        subprocess.run(["certutil", "-N", "-d", f"sql:{store}", "--empty-password"], check=True)
        for number, root in enumerate(re.findall(r"-----BEGIN.*?-----END CERTIFICATE-----", roots, re.DOTALL)):
            command = ["certutil", "-A", "-d", f"sql:{store}", "-n", f"root {number}", "-t", "C,,"]
            subprocess.run(command, input=root + "\n", text=True, check=True)
        return self.folder / "home"

    def _attach(self) -> websocket.WebSocket:
        deadline = time.monotonic() + 120
        announced = self.folder / "profile" / "DevToolsActivePort"
        while True:
            try:
                port = announced.read_text().split()[0]
                pages = requests.get(f"http://127.0.0.1:{port}/json", timeout=10).json()
                page = next(page for page in pages if page["type"] == "page")
                return websocket.create_connection(page["webSocketDebuggerUrl"], timeout=_ANSWER_S, suppress_origin=True)
            except (OSError, IndexError, StopIteration, requests.RequestException):
                assert time.monotonic() < deadline, (self.folder / "chromium.log").read_text()[-2000:]
                time.sleep(0.3)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("method") == "Page.javascriptDialogOpening":  # "leave this page?", which nothing else gets past
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
                raise AssertionError(f"never true: {expression}, at {self.js('location.href')}: {self.js('document.body.innerText')[:800]}")
            time.sleep(0.5)

    def fill(self, selector: str, text: str) -> None:
        """Type into a field."""
        self.js(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)

    def type_into(self, selector: str, text: str, timeout_s: float = 120) -> None:
        """Type into an editor until it is there: a page that is still loading takes the focus away."""
        there = f"document.querySelector({json.dumps(selector)})?.innerText.includes({json.dumps(text)})"
        deadline = time.monotonic() + timeout_s
        while not self.js(there):
            assert time.monotonic() < deadline, f"'{text}' cannot be typed into {selector}"
            self.press("Escape")
            self.js(f"document.querySelector({json.dumps(selector)}).focus()")
            self.call("Input.insertText", text=text)
            time.sleep(1)

    def run_in_cell(self, code: str, output: str, timeout_s: float) -> None:
        """Run ``code`` in the first cell until ``output`` is there: what is typed before the notebook has loaded is lost."""
        deadline = time.monotonic() + timeout_s
        while not self.js(f"document.querySelector('.jp-OutputArea-output')?.innerText.includes({json.dumps(output)}) ?? false"):
            assert time.monotonic() < deadline, f"'{code}' never said '{output}'"
            self.type_into(".jp-Notebook .cm-content", code)
            self.press_shift_enter()
            time.sleep(5)

    def click(self, selector: str) -> None:
        """Click something."""
        self.js(f"document.querySelector({json.dumps(selector)}).click()")

    def press(self, name: str, modifiers: int = 0) -> None:
        """A key: Enter or Escape; of the modifiers 8 is Shift."""
        key = {"key": name, "code": name, "windowsVirtualKeyCode": {"Enter": 13, "Escape": 27}[name], "modifiers": modifiers}
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, **key)

    def press_shift_enter(self) -> None:
        """Run the cell."""
        self.press("Enter", modifiers=8)

    def shoot(self, name: str) -> Path:
        """A screenshot."""
        picture = self.folder / f"{name}.png"
        picture.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
        return picture
