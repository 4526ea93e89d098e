"""A dry run, whose result stays available."""

import math
import time

from action_msgs.msg import GoalStatus

from support.cell import STEP


def test_a_dry_run_tells_the_plan_and_moves_nothing(cell):
    cell.start(node={"record_dir": cell.folder / "sweep"})
    ended = cell.client.result(cell.client.send(cell.goal(heights=5, dry_run=True)))
    assert ended.status == GoalStatus.STATUS_SUCCEEDED, ended.result.reason
    assert not ended.result.usable and "nothing was moved" in ended.result.reason
    plan = ended.result.plan
    assert "5 poses in base_link, commanded on robot/target_pose" in plan and str(cell.folder / "sweep") in plan
    heights = [float(line.split(" z ")[1].split()[0]) for line in plan.splitlines() if " z " in line]
    assert all(math.isclose(h, i * STEP, abs_tol=1e-5) for i, h in enumerate(heights)) and len(heights) == 5
    assert not cell.client.set_points


def test_long_after_a_goal_its_result_is_available_and_the_node_rests(cell):
    cell.start()
    handle = cell.client.send(cell.goal(heights=5, dry_run=True))
    first = cell.client.result(handle)
    assert first.status == GoalStatus.STATUS_SUCCEEDED and first.result.plan
    # A server of rcl forgets a goal after 10 s; that of r2r would never rest again (r2r issue 136).
    cell.client.spin(11.0)
    again = cell.client.result(handle)
    assert (again.status, again.result.plan) == (first.status, first.result.plan)
    before, seconds = cell.processes.switches("calibration_node"), 2.0
    time.sleep(seconds)
    switches_per_s = (cell.processes.switches("calibration_node") - before) / seconds
    # Images, poses and timers wake it some hundred times per second; a wait that returns at once, ten thousand times.
    assert switches_per_s < 3000, f"{switches_per_s:.0f} context switches per second"
