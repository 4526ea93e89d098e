"""The live page: who may ask, what it tells, and the page itself in a headless Chromium."""

import http.client
import json
import socket
import threading
import time

import pytest
from geometry_msgs.msg import Point

from browser import Browser, chromium
from conftest import Cell

PAGE = "127.0.0.1"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with socket.socket() as free:
        free.bind((PAGE, 0))
        port = free.getsockname()[1]
    cell = Cell(tmp_path_factory.mktemp("page"))
    cell.port = port
    cell.start(
        node={"web.enabled": "true", "web.port": port, "overlay.rate": 5.0, "calibration_file": cell.folder / "calibration.yaml"}
    )
    cell.client.until(lambda: "live page: http" in cell.processes.log("calibration_node"), what="the page")
    yield cell
    cell.close()


def ask(cell, method, path, body=None, **headers):
    """Status, headers and body of an answer."""
    connection = http.client.HTTPConnection(PAGE, cell.port, timeout=15)
    sent = {"Content-Type": "application/json"} if body is not None else {}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, None if body is None else json.dumps(body), sent)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def state(cell):
    return json.loads(ask(cell, "GET", "/api/state")[2])


def until(cell, condition, what, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition(now := state(cell)):
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s: {now}"
        time.sleep(0.1)
    return now


def goal(cell):
    truth = cell.truth()
    return {"stop_mm": 2.5, "step_mm": 0.5, "origins": [truth["origin_left"], truth["origin_right"]]}


def test_foreign_pages_and_names_are_refused(page):
    own = f"{PAGE}:{page.port}"
    assert ask(page, "GET", "/")[0] == 200
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
    ):
        for method, path, body in (
            ("GET", "/api/state", None),
            ("POST", "/api/calibrate", goal(page)),
            ("GET", "/picture/left", None),
        ):
            status, _, text = ask(page, method, path, body, **headers)
            assert status == 403, (headers, path, text)
    assert ask(page, "POST", "/api/cancel", {}, Origin=f"http://{own}")[0] == 409
    # What a foreign form could send is not taken either.
    assert ask(page, "POST", "/api/cancel", Content_Type="text/plain")[0] in (400, 409, 415)
    assert ask(page, "POST", "/api/click", {"camera": "left", "u": 1}, Origin=f"http://{own}")[0] == 422
    assert ask(page, "POST", "/api/click", {"x": "y" * 20_000})[0] == 413
    _, headers, text = ask(page, "GET", "/")
    assert "default-src 'none'" in headers["content-security-policy"]
    # Everything is in this one file.
    assert b"http://" not in text.replace(b"http://www.w3.org/2000/svg", b"") and b"https://" not in text


def test_nothing_moves_unless_armed_then_a_calibration_runs_and_is_cancelled(page):
    for order, body in (("calibrate", goal(page)), ("move", {"point_mm": [0, 0, 1]})):
        status, _, text = ask(page, "POST", f"/api/{order}", body)
        assert status in (403, 409) and b"not armed" in text, text
    assert not page.client.targets
    assert ask(page, "POST", "/api/calibrate", goal(page) | {"dry_run": True})[0] == 200
    planned = until(page, lambda now: now["ended"], "the dry run")
    assert "nothing was moved" in planned["ended"]["reason"]
    page.set("calibration_node", **{"move_to.armed": True})
    assert ask(page, "POST", "/api/calibrate", goal(page) | {"stop_mm": 20.0})[0] == 200
    until(page, lambda now: now["progress"] and now["progress"]["step"] >= 2, "the second height")
    assert ask(page, "POST", "/api/calibrate", goal(page))[0] == 409
    assert ask(page, "POST", "/api/cancel", {})[0] == 200
    ended = until(page, lambda now: now["ended"] and not now["progress"], "the end")
    assert ended["ended"]["reason"] == "cancelled" and ended["state"] == "uncalibrated"
    # Disarmed, it ends as well.
    assert ask(page, "POST", "/api/calibrate", goal(page) | {"stop_mm": 20.0})[0] == 200
    until(page, lambda now: now["progress"] and now["progress"]["step"] >= 2, "the second height")
    page.set("calibration_node", **{"move_to.armed": False})
    until(page, lambda now: not now["progress"] and now["state"] == "uncalibrated", "the end", seconds=10.0)
    page.client.spin(0.3)
    commands = len(page.client.targets)
    page.client.spin(0.5)
    assert len(page.client.targets) == commands


def test_a_move_is_cancelled(page):
    until(page, lambda now: now["state"] != "calibrating", "rest")
    page.set("calibration_node", **{"move_to.armed": True, "limits.max_speed": 0.001, "click.approach": [0.0, 0.0, 0.0025]})
    *_, height_mm = state(page)["robot"]["position_mm"]
    moved = []
    # That is to `click.approach` above it.
    mover = threading.Thread(target=lambda: moved.append(ask(page, "POST", "/api/move", {"point_mm": [0, 0, height_mm]})))
    mover.start()
    until(page, lambda now: moved or now["robot"]["position_mm"][2] > height_mm + 0.2, "the way")
    assert not moved, moved
    assert ask(page, "POST", "/api/cancel", {})[0] == 200
    mover.join(timeout=10)
    assert moved[0][0] == 409 and b"cancelled" in moved[0][2]
    assert state(page)["robot"]["position_mm"][2] < height_mm + 2
    page.set("calibration_node", **{"limits.max_speed": 0.005})


def test_the_page_in_a_browser(page, request):
    """Start, watch, click in both pictures, look: with the keyboard and on a tablet."""
    pictures = request.config.getoption("--pictures", None)
    page.set("calibration_node", **{"move_to.armed": True})
    browser = Browser(chromium())
    try:
        browser.open(f"http://{PAGE}:{page.port}/", width=1400, height=1250)
        browser.until("document.getElementById('left').width === 640", "the left picture")
        assert browser.js("document.getElementById('problems').children.length") == 0
        origins = goal(page)["origins"]
        # Pixels under the loupe are the grid's origin: chosen by keyboard.
        for side, (u, v) in zip(("left", "right"), origins):
            browser.js(f"document.getElementById('{side}').focus()")
            browser.key("Enter")
            browser.until("document.getElementById('loupe').open", "the loupe")
            browser.js(f"nudge({u} - chosen.u, {v} - chosen.v)")
            browser.key("ArrowRight")
            browser.key("ArrowLeft")
            if pictures and side == "left":
                browser.screenshot(f"{pictures}/page_loupe.png")
            browser.key("o")
        assert browser.js("document.querySelector('input[value=pixels]').checked")
        browser.js("document.getElementById('stop').value = 2.5; document.getElementById('step').value = 0.5")
        browser.js("document.getElementById('start').focus()")
        browser.key("Enter")
        browser.until("state.progress && state.progress.step >= 3 && state.heights.length >= 2", "the third height")
        assert browser.js("document.getElementById('start').disabled && !document.getElementById('cancel').disabled")
        assert "of 6" in browser.js("document.getElementById('stage').textContent")
        if pictures:
            browser.screenshot(f"{pictures}/page_calibrating.png")
        browser.until("state.state === 'ready' && !state.progress", "the end", seconds=180.0)
        assert browser.js("document.getElementById('verdict').className") == "good", browser.js("state.reason")
        assert browser.js("document.querySelectorAll('#ladder tbody tr').length") >= 5
        assert browser.js("document.querySelectorAll('#plot polyline').length") == 2
        # The same spot in both pictures, by mouse.
        spot = page.client.world_to_pixel(points=[Point(x=0.0011, y=0.0022, z=-0.0025)])
        sheet = browser.js("state.robot.position_mm[2]") - 2.5
        for side in ("left", "right"):
            pixel = getattr(spot, side)[0].pixel
            browser.click(
                f"(() => {{ const b = document.getElementById('{side}').getBoundingClientRect(); return [b.left + ({pixel.u} + .5) / 640 * b.width, b.top + ({pixel.v} + .5) / 360 * b.height]; }})()"
            )
            browser.until("document.getElementById('loupe').open", "the loupe")
            assert abs(browser.js("chosen.u") - pixel.u) < 1.5 and abs(browser.js("chosen.v") - pixel.v) < 1.5
            browser.js(f"nudge({pixel.u} - chosen.u, {pixel.v} - chosen.v)")
            count = browser.js("state.clicks.length")
            browser.key("Enter")
            browser.until(f"state.clicks.length > {count}", "the answer")
        last = browser.js("state.clicks.at(-1)")
        assert last["by"] == "stereo" and last["status"] == "ok", last
        assert (
            abs(last["point_mm"][0] - 1.1) < 0.02
            and abs(last["point_mm"][1] - 2.2) < 0.02
            and abs(last["point_mm"][2] - sheet) < 0.2
        ), last
        assert browser.js("document.querySelectorAll('#points tbody tr').length") == browser.js("state.clicks.length")
        rows = ask(page, "GET", "/points.csv")[2].decode().splitlines()
        assert rows[0].startswith("time,camera,by,") and ",stereo," in rows[-1]
        time.sleep(0.5)
        if pictures:
            browser.screenshot(f"{pictures}/page_ready.png")
            browser.resize(820, 1180)
            time.sleep(0.5)
            browser.screenshot(f"{pictures}/page_tablet.png")
        # Nothing is wider than a tablet in portrait.
        browser.resize(600, 900)
        assert browser.js("document.documentElement.scrollWidth") <= 600
        assert browser.errors == [], browser.errors
        # A node that is gone is told.
        page.processes.stop("calibration_node")
        browser.until("document.getElementById('state').textContent.includes('no connection')", "the lost connection")
    finally:
        browser.close()
