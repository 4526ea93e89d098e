"""A headless Chromium, by its DevTools protocol: no driver needs to be installed."""

import base64
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request

import pytest


def chromium():
    """The installed browser; the test is skipped where there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    return found


class Browser:
    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-port=0"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LD_")}
        self.process = subprocess.Popen(
            [program, *options, f"--user-data-dir={self.folder.name}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean,
        )  # fmt: skip
        file = pathlib.Path(self.folder.name) / "DevToolsActivePort"
        end = time.monotonic() + 60.0
        while not (file.exists() and file.read_text().count("\n")):
            assert self.process.poll() is None and time.monotonic() < end, "Chromium does not start"
            time.sleep(0.1)
        port = int(file.read_text().splitlines()[0])
        pages = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json"))
        path = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page").split(f":{port}", 1)[1]
        self.socket = WebSocket(port, path)
        self.number, self.errors = 0, []
        for domain in ("Page", "Runtime", "Log"):
            self.command(f"{domain}.enable")

    def command(self, method, **parameters):
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.receive())
            if message.get("method") == "Runtime.exceptionThrown":
                self.errors.append(message["params"]["exceptionDetails"])
            if message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
                self.errors.append(message["params"]["entry"])
            if message.get("id") == self.number:
                assert "error" not in message, message
                return message["result"]

    def open(self, url, width, height):
        self.resize(width, height)
        self.command("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && typeof state !== 'undefined' && state", "the page")

    def resize(self, width, height):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def js(self, expression):
        result = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def until(self, expression, what, seconds=60.0):
        end = time.monotonic() + seconds
        while not self.js(f"Boolean({expression})"):
            assert time.monotonic() < end, f"{what} did not appear within {seconds} s"
            time.sleep(0.1)

    def key(self, key):
        codes = {"Enter": 13, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        text = {"text": "\r" if key == "Enter" else key} if key not in codes or key == "Enter" else {}
        fields = {"key": key, "windowsVirtualKeyCode": codes.get(key, ord(key[0].upper()))}
        self.command("Input.dispatchKeyEvent", type="keyDown", **fields, **text)
        self.command("Input.dispatchKeyEvent", type="keyUp", **fields)

    def click(self, place):
        x, y = self.js(place)
        for kind in ("mousePressed", "mouseReleased"):
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def screenshot(self, path):
        data = self.command("Page.captureScreenshot", format="png")["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.folder.cleanup()


class WebSocket:
    """A client's text messages, RFC 6455, to a server on this machine."""

    def __init__(self, port, path):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.file = self.socket.makefile("rb")
        assert b"101" in self.file.readline()
        while self.file.readline().strip():
            pass

    def send(self, text):
        data, mask = text.encode(), os.urandom(4)
        size = struct.pack("!BH", 254, len(data)) if 126 <= len(data) < 65536 else bytes([128 | len(data)])
        assert len(data) < 65536
        self.socket.sendall(b"\x81" + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def receive(self):
        text = b""
        while True:
            first, size = self.file.read(2)
            size &= 127
            if size == 126:
                size = struct.unpack("!H", self.file.read(2))[0]
            elif size == 127:
                size = struct.unpack("!Q", self.file.read(8))[0]
            text += self.file.read(size)
            if first & 128:
                return text.decode()
