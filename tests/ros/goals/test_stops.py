"""What ends a goal early leaves the robot at rest and the node ready for the next goal."""

from action_msgs.msg import GoalStatus
from geometry_msgs.msg import PoseStamped
from rclpy.action import ActionClient

from grating_calibration.action import Calibrate


def test_cancel_stops_the_robot_and_leaves_the_node_ready(cell):
    cell.start()
    client = cell.client
    handle = cell.under_way(4, heights=40)
    answer = client.wait(handle.cancel_goal_async())
    assert len(answer.goals_canceling) == 1
    assert client.result(handle).status == GoalStatus.STATUS_CANCELED
    client.spin(0.3)
    client.assert_rests(1.5)
    assert client.poses[-1].pose.position.z < 0.006
    cell.calibrated(heights=6)


def test_a_goal_whose_id_is_in_use_is_refused_and_leaves_the_one_that_runs_alone(cell):
    cell.start()
    handle = cell.under_way(2, heights=40)
    twin = ActionClient(cell.client.node, Calibrate, "calibration_node/calibrate")
    assert twin.wait_for_server(timeout_sec=20.0)
    assert not cell.client.wait(twin.send_goal_async(cell.goal(), goal_uuid=handle.goal_id)).accepted
    twin.destroy()
    cell.client.spin(0.3)
    assert handle.status == GoalStatus.STATUS_EXECUTING


def test_a_robot_that_somebody_else_drives_away_stops_the_sweep(cell):
    cell.start()
    client = cell.client
    handle = cell.under_way(heights=40)
    elsewhere = PoseStamped()
    elsewhere.pose.position.x = 0.02
    elsewhere.pose.orientation.w = 1.0
    publisher = client.node.create_publisher(PoseStamped, "robot/target_pose", 10)
    client.until(publisher.get_subscription_count, what="the cell's subscription")
    for _ in range(20):
        publisher.publish(elsewhere)
        client.spin(0.02)
    ended = client.result(handle)
    assert ended.status == GoalStatus.STATUS_ABORTED
    assert "off its way" in ended.result.reason or "did not settle" in ended.result.reason, ended.result.reason


def test_without_a_robot_a_goal_ends_at_once(cell):
    cell.start()
    cell.processes.stop("sim_cell")
    cell.client.spin(1.0)
    goal = cell.goal()
    ended = cell.client.result(cell.client.send(goal), 20.0)
    assert "no robot pose arrives" in ended.result.reason


def test_nodes_end_at_once_without_an_error_and_the_robot_rests(cell):
    cell.start()
    client = cell.client
    cell.under_way(2, heights=40)
    assert cell.processes.stop("calibration_node") == 0
    log = cell.processes.log("calibration_node")
    assert "cancelled" in log and "ERROR" not in log, log
    # The last set point is where the tool is, not the next height.
    client.spin(0.5)
    assert abs(client.set_points[-1].pose.position.z - client.poses[-1].pose.position.z) < 1e-4
    assert cell.processes.stop("sim_cell") == 0
    assert "ERROR" not in cell.processes.log("sim_cell")
