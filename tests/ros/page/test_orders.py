"""What the page may order: nothing that moves the robot unless the node is armed, and an end to everything."""

import threading

import pytest


@pytest.fixture
def armed(page):
    page.until(lambda now: now["state"] != "calibrating", "the end of what went on")
    page.armed(True)
    yield page
    page.armed(False)


def test_nothing_moves_unless_armed(page):
    page.armed(False)
    page.client.set_points.clear()
    for order, body in (("calibrate", page.goal()), ("move", {"point_mm": [0, 0, 1]})):
        status, text = page.order(order, body)
        assert status in (403, 409) and b"not armed" in text, text
    assert page.order("calibrate", page.goal(dry_run=True))[0] == 200
    planned = page.until(lambda now: now["ended"], "the dry run")
    assert "nothing was moved" in planned["ended"]["reason"]
    assert not page.client.set_points


def under_way(page):
    assert page.order("calibrate", page.goal(stop_mm=20.0))[0] == 200
    page.until(lambda now: now["progress"] and now["progress"]["step"] >= 2, "the second height")


def test_a_calibration_runs_alone_and_is_cancelled(armed):
    before = armed.state()["state"]
    under_way(armed)
    assert armed.order("calibrate", armed.goal())[0] == 409
    assert armed.order("cancel", {})[0] == 200
    ended = armed.until(lambda now: now["ended"] and not now["progress"], "the end")
    assert ended["ended"]["reason"] == "cancelled" and ended["state"] == before


def test_disarming_ends_a_calibration_that_the_page_began(armed):
    under_way(armed)
    armed.armed(False)
    armed.until(lambda now: not now["progress"] and now["state"] != "calibrating", "the end", seconds=10.0)
    armed.client.spin(0.3)
    armed.client.assert_rests()


def test_a_move_is_cancelled(armed):
    armed.cell.set("calibration_node", **{"limits.max_speed": 0.001, "click.approach": [0.0, 0.0, 0.0025]})
    *_, height_mm = armed.state()["robot"]["position_mm"]
    moved = []
    # That is to `click.approach` above it.
    order = {"point_mm": [0, 0, height_mm]}
    mover = threading.Thread(target=lambda: moved.append(armed.order("move", order)))
    mover.start()
    armed.until(lambda now: moved or now["robot"]["position_mm"][2] > height_mm + 0.2, "the way")
    assert not moved, moved
    assert armed.order("cancel", {})[0] == 200
    mover.join(timeout=10)
    assert moved[0][0] == 409 and b"cancelled" in moved[0][1]
    assert armed.state()["robot"]["position_mm"][2] < height_mm + 2
    armed.cell.set("calibration_node", **{"limits.max_speed": 0.005})
