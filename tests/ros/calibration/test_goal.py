"""A goal from its acceptance to its result."""

import pytest
from action_msgs.msg import GoalStatus

from grating_calibration.action import Calibrate
from grating_calibration.msg import PointEstimate


def test_before_a_calibration_answers_say_what_to_do_and_nothing_can_be_saved(calibrated):
    before = calibrated.told.before
    assert [answer.status for answer in before.answers] == [PointEstimate.NOT_CALIBRATED]
    assert "calibrate" in before.message
    assert not calibrated.told.saved_before.success


def test_while_a_goal_runs_services_answer_and_a_second_goal_is_refused(calibrated):
    assert calibrated.told.during.answers[0].status == PointEstimate.NOT_CALIBRATED
    assert not calibrated.told.second.accepted


def test_feedback_names_every_stage_and_counts_the_heights(calibrated):
    feedback = calibrated.told.feedback
    assert {"preflight", "moving", "fitting", "mapping", "saving"} <= {message.stage for message in feedback}
    steps = [message.step for message in feedback]
    assert steps == sorted(steps) and steps[-1] == feedback[-1].steps == 9


def test_the_result_has_its_figures_and_its_file(calibrated):
    assert calibrated.told.ended.status == GoalStatus.STATUS_SUCCEEDED, calibrated.told.ended.result.reason
    result = calibrated.told.ended.result
    assert result.usable, result.reason
    assert result.heights == 9 and result.method == "auto" and result.file == str(calibrated.file)
    assert 0.0 < max(result.cross_validation_rms_px) < 0.2
    assert 0.0 < result.stereo_rms < 5e-5 and 0.5 < result.min_phase_margin <= 1.0


@pytest.mark.parametrize(("field", "value"), [("height_stop", 0.02), ("height_step", 0.0001), ("method", "auto")])
def test_a_goal_that_says_nothing_is_the_published_sweep(field, value):
    assert getattr(Calibrate.Goal(), field) == value
