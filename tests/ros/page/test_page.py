"""The page in a browser: started with the keyboard, watched, clicked into, on a tablet. The browser is that of the machine."""

import time
import types

import pytest
from geometry_msgs.msg import Point

from support.browser import Browser, chromium


@pytest.fixture(scope="module")
def browser(page):
    browser = Browser(chromium())
    browser.open(f"http://127.0.0.1:{page.port}/", width=1400, height=1250)
    browser.until("document.getElementById('left').width === 640", "the left image")
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def look(browser, request):
    """Leaves what the browser shows in the folder of --images."""
    folder = request.config.getoption("--images")
    return lambda name: browser.screenshot(f"{folder}/page_{name}.png") if folder else None


@pytest.fixture(scope="module")
def started(page, browser, look):
    """A calibration that was started with the keyboard and watched to its end; what was seen meanwhile."""
    page.armed(True)
    seen = types.SimpleNamespace(problems=browser.js("document.getElementById('problems').children.length"))
    # Pixels under the loupe are the grid's origin: chosen by keyboard.
    for side, (u, v) in zip(("left", "right"), page.goal()["origins"]):
        browser.js(f"document.getElementById('{side}').focus()")
        browser.key("Enter")
        browser.until("document.getElementById('loupe').open", "the loupe")
        browser.js(f"nudge({u} - chosen.u, {v} - chosen.v)")
        browser.key("ArrowRight")
        browser.key("ArrowLeft")
        look(f"loupe_{side}")
        browser.key("o")
    seen.by_pixels = browser.js("document.querySelector('input[value=pixels]').checked")
    browser.js("document.getElementById('stop').value = 2.5; document.getElementById('step').value = 0.5")
    browser.js("document.getElementById('start').focus()")
    browser.key("Enter")
    browser.until("state.progress && state.progress.step >= 3 && state.heights.length >= 2", "the third height")
    seen.buttons = browser.js("document.getElementById('start').disabled && !document.getElementById('cancel').disabled")
    seen.stage = browser.js("document.getElementById('stage').textContent")
    look("calibrating")
    browser.until("state.state === 'ready' && !state.progress", "the end", seconds=180.0)
    page.armed(False)
    return seen


def test_a_calibration_is_started_with_the_keyboard_and_watched(started):
    assert started.problems == 0 and started.by_pixels
    assert started.buttons and "of 6" in started.stage


def test_the_verdict_comes_with_the_ladder_and_the_plot(browser, started, look):
    assert browser.js("document.getElementById('verdict').className") == "good", browser.js("state.reason")
    assert browser.js("document.querySelectorAll('#ladder tbody tr').length") >= 5
    assert browser.js("document.querySelectorAll('#plot polyline').length") == 2
    look("ready")


def place(side, pixel):
    """JavaScript: where a pixel of an image is on the screen."""
    return f"""(() => {{
        const box = document.getElementById('{side}').getBoundingClientRect();
        return [box.left + ({pixel.u} + .5) / 640 * box.width, box.top + ({pixel.v} + .5) / 360 * box.height];
    }})()"""


def test_clicks_on_the_same_spot_of_both_images_are_its_point(page, browser, started):
    # From the highest pose; the sweep began where an earlier test had left the tool.
    spot = page.client.world_to_pixel(points=[Point(x=0.0011, y=0.0022, z=-0.0025)])
    sheet_mm = page.state()["robot"]["position_mm"][2] - 2.5
    for side in ("left", "right"):
        pixel = getattr(spot, side)[0].pixel
        browser.click(place(side, pixel))
        browser.until("document.getElementById('loupe').open", "the loupe")
        assert abs(browser.js("chosen.u") - pixel.u) < 1.5 and abs(browser.js("chosen.v") - pixel.v) < 1.5
        browser.js(f"nudge({pixel.u} - chosen.u, {pixel.v} - chosen.v)")
        count = browser.js("state.clicks.length")
        browser.key("Enter")
        browser.until(f"state.clicks.length > {count}", "the answer")
    last = browser.js("state.clicks.at(-1)")
    assert last["by"] == "stereo" and last["status"] == "ok", last
    x, y, z = last["point_mm"]
    assert abs(x - 1.1) < 0.02 and abs(y - 2.2) < 0.02 and abs(z - sheet_mm) < 0.2, last
    assert browser.js("document.querySelectorAll('#points tbody tr').length") == browser.js("state.clicks.length")
    rows = page.ask("GET", "/points.csv")[2].decode().splitlines()
    assert rows[0].startswith("time,camera,by,") and ",stereo," in rows[-1]


def test_nothing_is_wider_than_a_tablet_in_portrait(browser, started, look):
    browser.resize(820, 1180)
    time.sleep(0.5)
    look("tablet")
    browser.resize(600, 900)
    assert browser.js("document.documentElement.scrollWidth") <= 600
    browser.resize(1400, 1250)


def test_a_node_that_is_gone_is_told_and_until_then_there_is_no_error(page, browser, started):
    assert browser.errors == [], browser.errors
    page.cell.processes.stop("calibration_node")
    browser.until("document.getElementById('state').textContent.includes('no connection')", "the lost connection")
