//! Whose turn it is to move the robot: goals of the `~/calibrate` action and of the live page, and moves, one at a time.

use crate::ros::goal::action_server::{ActionServer, RunningGoal, State};
use crate::ros::goal::calibrate::{Feedback, Sweep};
use crate::ros::node::shared::Shared;
use crate::ros::robot::stop::Stop;
use crate::ros::{locked, time};
use r2r::grating_calibration::action::Calibrate;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;

/// Has the robot for one goal or move; it is free for the next one when this is dropped.
pub struct Turn {
    pub shared: Arc<Shared>,
    /// Whether [`cancel`] was called.
    pub cancelled: watch::Receiver<bool>,
}

impl Turn {
    /// `None` while another goal or a move has the robot.
    pub fn take(shared: &Arc<Shared>) -> Option<Self> {
        if shared.busy.swap(true, Ordering::AcqRel) {
            return None;
        }
        let (cancel, cancelled) = watch::channel(false);
        *locked(&shared.cancel) = Some(cancel);
        shared.publish_status();
        Some(Turn { shared: shared.clone(), cancelled })
    }

    /// One calibration.
    pub async fn run(self, goal: Calibrate::Goal, feedback: Feedback) -> Result<Calibrate::Result, Stop> {
        let outcome = match Sweep::prepare(self.shared.clone(), goal, self.cancelled.clone(), feedback).await {
            Ok(sweep) => sweep.run().await,
            Err(stop) => Err(stop),
        };
        match &outcome {
            Ok(result) if result.usable || !result.plan.is_empty() => tracing::info!("{}", result.reason),
            Ok(result) => tracing::warn!("calibrated, but NOT usable: {}", result.reason),
            Err(Stop::Cancelled) => tracing::warn!("calibration cancelled: the tool holds where it is"),
            Err(Stop::Failed(reason)) => tracing::error!("calibration stopped: {reason}"),
        }
        self.shared.live.send_modify(|live| live.end(&outcome));
        outcome
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *locked(&self.shared.cancel) = None;
        self.shared.busy.store(false, Ordering::Release);
        self.shared.publish_status();
    }
}

/// Ends the calibration or the move that runs; `false` when none does.
pub fn cancel(shared: &Shared) -> bool {
    let cancel = locked(&shared.cancel);
    cancel.as_ref().is_some_and(|cancel| {
        cancel.send_replace(true);
        true
    })
}

/// `work`, which is cancelled when `move_to.armed` is set to false.
pub async fn while_armed<T>(shared: &Shared, work: impl Future<Output = T>) -> T {
    let period = Duration::from_secs_f64(shared.parameters.now().robot.control_period_s);
    let disarmed = async {
        while shared.parameters.now().move_to.armed {
            tokio::time::sleep(period).await;
        }
    };
    let mut work = pin!(work);
    tokio::select! {
        // Disarmed already, it does not begin.
        biased;
        () = disarmed => { cancel(shared); }
        done = &mut work => return done,
    }
    work.await
}

/// Offers the action.
///
/// # Errors
/// Those of r2r.
pub fn offer(node: &mut r2r::Node, shared: &Arc<Shared>) -> r2r::Result<()> {
    let take = {
        let shared = shared.clone();
        move |goal| {
            let turn = Turn::take(&shared);
            if turn.is_none() {
                tracing::warn!(
                    "a goal was refused: a calibration or a move is under way; wait for its end, or cancel it"
                );
            }
            turn.map(|turn| move |running| drop(tokio::spawn(follow(turn, goal, running))))
        }
    };
    let (for_cancel, for_time) = (shared.clone(), shared.clone());
    let cancel = move || {
        cancel(&for_cancel);
    };
    ActionServer::offer(node, "~/calibrate", take, cancel, move || time(for_time.now_ns()))
}

/// One goal of the action, to its end.
async fn follow(turn: Turn, goal: Calibrate::Goal, running: RunningGoal) {
    let running = Arc::new(running);
    let for_feedback = running.clone();
    let feedback: Feedback = Box::new(move |message| for_feedback.publish_feedback(message));
    let (state, result) = match turn.run(goal, feedback).await {
        Ok(result) => (State::Succeeded, result),
        // Cancelled by somebody else than the goal's client: to the client it was aborted.
        Err(Stop::Cancelled) if !running.is_canceling() => {
            (State::Aborted, without("cancelled on the live page".into()))
        }
        Err(Stop::Cancelled) => (State::Canceled, without("cancelled".into())),
        Err(Stop::Failed(reason)) => (State::Aborted, without(reason)),
    };
    running.end(state, result);
}

/// The result of a goal that gave no calibration.
fn without(reason: String) -> Calibrate::Result {
    Calibrate::Result { reason, ..Default::default() }
}
