//! Goals, one at a time: from the `~/calibrate` action and from the live page.

use crate::ros::calibrate::{Feedback, Sweep};
use crate::ros::shared::Shared;
use crate::ros::stop::Stop;
use futures::StreamExt;
use r2r::grating_calibration::action::Calibrate;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use tokio::sync::watch;

/// Takes the robot for one goal; `None` while another goal or a move has it.
pub struct Turn {
    shared: Arc<Shared>,
    cancelled: watch::Receiver<bool>,
}

impl Turn {
    pub fn take(shared: &Arc<Shared>) -> Option<Self> {
        if shared.busy.swap(true, Ordering::AcqRel) {
            return None;
        }
        let (cancel, cancelled) = watch::channel(false);
        *shared.cancel.lock().unwrap_or_else(PoisonError::into_inner) = Some(cancel);
        shared.publish_status();
        Some(Turn { shared: shared.clone(), cancelled })
    }

    /// One calibration; the robot is free for the next goal when it ends.
    pub async fn run(self, goal: Calibrate::Goal, feedback: Feedback) -> Result<Calibrate::Result, Stop> {
        let Turn { shared, cancelled } = self;
        let outcome = match Sweep::prepare(shared.clone(), goal, cancelled, feedback).await {
            Ok(sweep) => sweep.run().await,
            Err(stop) => Err(stop),
        };
        match &outcome {
            Ok(result) if result.usable || !result.plan.is_empty() => tracing::info!("{}", result.reason),
            Ok(result) => tracing::warn!("calibrated, but NOT usable: {}", result.reason),
            Err(Stop::Cancelled) => tracing::warn!("calibration cancelled: the tool holds where it is"),
            Err(Stop::Failed(reason)) => tracing::error!("calibration stopped: {reason}"),
        }
        *shared.cancel.lock().unwrap_or_else(PoisonError::into_inner) = None;
        shared.live.send_modify(|live| live.end(&outcome));
        shared.busy.store(false, Ordering::Release);
        shared.publish_status();
        outcome
    }
}

/// Ends the calibration that runs; `false` when none does.
pub fn cancel(shared: &Shared) -> bool {
    let cancel = shared.cancel.lock().unwrap_or_else(PoisonError::into_inner);
    cancel.as_ref().is_some_and(|cancel| {
        cancel.send_replace(true);
        true
    })
}

/// Answers a goal of the action.
pub fn take_goal(shared: &Arc<Shared>, request: r2r::ActionServerGoalRequest<Calibrate::Action>) {
    let Some(turn) = Turn::take(shared) else {
        tracing::warn!("a goal was refused: a calibration or a move is under way; wait for its end, or cancel it");
        if let Err(error) = request.reject() {
            tracing::error!("the goal's client could not be told that it is refused: {error}");
        }
        return;
    };
    let (goal, mut cancels) = match request.accept() {
        Ok(accepted) => accepted,
        Err(error) => {
            tracing::error!("the goal could not be accepted, nothing was started: {error}; send it again");
            shared.busy.store(false, Ordering::Release);
            shared.publish_status();
            return;
        }
    };
    let by_client = Arc::new(AtomicBool::new(false));
    let canceller = tokio::spawn({
        let (shared, by_client) = (shared.clone(), by_client.clone());
        async move {
            while let Some(request) = cancels.next().await {
                by_client.store(true, Ordering::Release);
                request.accept();
                cancel(&shared);
            }
        }
    });
    tokio::spawn(async move {
        let for_feedback = goal.clone();
        let feedback: Feedback = Box::new(move |message| {
            if let Err(error) = for_feedback.publish_feedback(message) {
                tracing::warn!("feedback could not be sent: {error}");
            }
        });
        let outcome = turn.run(goal.goal.clone(), feedback).await;
        canceller.abort();
        finish(goal, outcome, by_client.load(Ordering::Acquire));
    });
}

fn finish(
    mut goal: r2r::ActionServerGoal<Calibrate::Action>,
    outcome: Result<Calibrate::Result, Stop>,
    by_client: bool,
) {
    let ended = match outcome {
        Ok(result) => goal.succeed(result),
        // Cancelled by somebody else than the goal's client: to the client it was aborted.
        Err(Stop::Cancelled) if !by_client => {
            goal.abort(Calibrate::Result { reason: "cancelled on the live page".into(), ..Default::default() })
        }
        Err(Stop::Cancelled) => goal.cancel(Calibrate::Result { reason: "cancelled".into(), ..Default::default() }),
        Err(Stop::Failed(reason)) => goal.abort(Calibrate::Result { reason, ..Default::default() }),
    };
    if let Err(error) = ended {
        tracing::error!("the result could not be sent: {error}; it is on ~/calibration, too");
    }
}
