import http.client
import json
import socket
import time

import pytest

from support.cell import Cell

HOST = "127.0.0.1"


class Page:
    """The live page of a running node."""

    def __init__(self, cell, port):
        self.cell, self.client, self.port = cell, cell.client, port

    def ask(self, method, path, body=None, **headers):
        """Status, headers and body of an answer."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=15)
        sent = {"Content-Type": "application/json"} if body is not None else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()

    def order(self, name, body):
        """Status and body of the answer to an order."""
        status, _, text = self.ask("POST", f"/api/{name}", body)
        return status, text

    def state(self):
        return json.loads(self.ask("GET", "/api/state")[2])

    def until(self, condition, what, seconds=60.0):
        end = time.monotonic() + seconds
        while not condition(now := self.state()):
            assert time.monotonic() < end, f"{what} did not happen within {seconds} s: {now}"
            time.sleep(0.1)
        return now

    def goal(self, **fields):
        truth = self.cell.truth()
        return {"stop_mm": 2.5, "step_mm": 0.5, "origins": [truth["origin_left"], truth["origin_right"]]} | fields

    def armed(self, is_armed):
        self.cell.set("calibration_node", **{"move_to.armed": is_armed})


@pytest.fixture(scope="package")
def page(tmp_path_factory):
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    with Cell(tmp_path_factory.mktemp("page")) as cell:
        cell.start(node={"web.enabled": "true", "web.port": port, "overlay.rate": 5.0, "calibration_file": cell.file})
        cell.client.until(lambda: "live page: http" in cell.processes.log("calibration_node"), what="the page")
        yield Page(cell, port)
