//! One move to a point, only when armed, within the limits of a calibration.

use crate::ros::robot::lease::{Robot, RobotLease, Task};
use crate::ros::robot::mover::Mover;
use crate::ros::robot::stop::{Stop, failed};
use std::sync::Arc;

/// What became of a move.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// Where the tool came to rest, or, of a dry run, where it stands: in the base frame, mm.
    pub position_mm: [f64; 3],
    /// For people.
    pub message: String,
}

impl Robot {
    /// Moves the tool's origin to `target_mm` in the base frame and waits until it is at rest; its orientation stays. A dry run
    /// says whether that is allowed, armed or not.
    ///
    /// # Errors
    /// [`Stop`] with why nothing was moved, or what stopped the move.
    pub async fn move_to(self: &Arc<Self>, target_mm: [f64; 3], is_dry_run: bool) -> Result<Moved, Stop> {
        self.parameters.now().limits.limits().check_box(target_mm)?;
        if !is_dry_run && !self.is_armed() {
            return failed("~/move_to is not armed: set the parameter move_to.armed to true to let it move the robot");
        }
        let Some(lease) = self.lease(Task::Move) else {
            return failed("a calibration or another move is under way: wait for its end, or cancel it");
        };
        if is_dry_run {
            return lease.moved(target_mm, true).await;
        }
        match self.while_armed(lease.moved(target_mm, false)).await {
            Err(Stop::Cancelled) if !self.is_armed() => failed("stopped where it was: move_to.armed was set to false"),
            moved => moved,
        }
    }
}

impl RobotLease {
    async fn moved(&self, target_mm: [f64; 3], is_dry_run: bool) -> Result<Moved, Stop> {
        let mut mover = Mover::new(self, false).await?;
        let start_mm = mover.start_mm;
        mover.limits().check_step(start_mm, target_mm)?;
        let duration_s = mover.duration_s(start_mm, target_mm);
        if is_dry_run {
            let message = format!("allowed; it takes {duration_s:.2} s and the time to settle");
            return Ok(Moved { position_mm: start_mm, message });
        }
        match mover.go_to(target_mm, "the point").await {
            Ok(settled) => {
                let message = format!("at rest after {duration_s:.2} s of motion");
                Ok(Moved { position_mm: settled.position_mm, message })
            }
            Err(stop) => {
                mover.hold();
                Err(stop)
            }
        }
    }
}
