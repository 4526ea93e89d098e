//! The robot, which one goal or move has at a time.

use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::parameters::table::ParameterTable;
use crate::ros::input::camera_input::CameraInput;
use crate::ros::input::pose_input::PoseInput;
use crate::ros::robot::motion::{self, Motion};
use crate::ros::support::clock::Clock;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Longest time for a goal or move to end once it was cancelled: a fit is not interrupted.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(3);

/// What the robot is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A goal of the action, or a calibration of the live page.
    Calibration,
    /// A move to a point.
    Move,
}

/// The robot with its poses.
pub struct Robot {
    pub(super) motion: Arc<dyn Motion>,
    pub(super) poses: Arc<PoseInput>,
    pub(super) cameras: Arc<CameraInput>,
    pub(super) parameters: ParameterTable<NodeParameters>,
    pub(super) clock: Arc<Clock>,
    /// What it is used for; none: it is free.
    task: watch::Sender<Option<Task>>,
    /// Ends the task.
    cancel: watch::Sender<bool>,
}

/// Exclusive permission to command the robot; it ends when this is dropped.
pub struct RobotLease {
    pub(super) robot: Arc<Robot>,
    cancelled: watch::Receiver<bool>,
}

impl Robot {
    /// Makes the publisher of set points that the parameters name.
    ///
    /// # Errors
    /// When the joints make no gantry, or r2r's own.
    pub fn start(
        node: &mut r2r::Node,
        parameters: &ParameterTable<NodeParameters>,
        poses: &Arc<PoseInput>,
        cameras: &Arc<CameraInput>,
        clock: &Arc<Clock>,
    ) -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Robot {
            motion: motion::start(node, &parameters.now())?,
            poses: poses.clone(),
            cameras: cameras.clone(),
            parameters: parameters.clone(),
            clock: clock.clone(),
            task: watch::Sender::new(None),
            cancel: watch::Sender::new(false),
        }))
    }

    /// The robot for `task`; `None` while another goal or move has it.
    pub fn lease(self: &Arc<Self>, task: Task) -> Option<RobotLease> {
        let is_free = self.task.send_if_modified(|holder| {
            let is_free = holder.is_none();
            if is_free {
                // Nobody hears the cancels of those before.
                self.cancel.send_replace(false);
                *holder = Some(task);
            }
            is_free
        });
        is_free.then(|| RobotLease { robot: self.clone(), cancelled: self.cancel.subscribe() })
    }

    /// What the robot is used for; `None`: it is free.
    pub fn task(&self) -> Option<Task> {
        *self.task.borrow()
    }

    /// The same, and each change.
    pub fn tasks(&self) -> watch::Receiver<Option<Task>> {
        self.task.subscribe()
    }

    /// Ends the calibration or the move that runs; `false` when none does.
    pub fn cancel(&self) -> bool {
        // Held, so that no other task begins in between and is ended instead.
        let task = self.task.borrow();
        let runs = task.is_some();
        if runs {
            self.cancel.send_replace(true);
        }
        runs
    }

    /// Ends the calibration or the move that runs, and waits until it has told the robot to hold: before the node ends.
    pub async fn release(&self) {
        self.cancel();
        let mut task = self.tasks();
        if tokio::time::timeout(RELEASE_TIMEOUT, task.wait_for(Option::is_none)).await.is_err() {
            tracing::error!("the robot was not told to hold within {RELEASE_TIMEOUT:?}: it keeps its last set point");
        }
    }

    /// `work`, which is cancelled when `move_to.armed` is set to false.
    pub async fn while_armed<T>(&self, work: impl Future<Output = T>) -> T {
        let period = Duration::from_secs_f64(self.parameters.now().robot.control_period_s);
        let disarmed = async {
            while self.is_armed() {
                tokio::time::sleep(period).await;
            }
        };
        let mut work = pin!(work);
        tokio::select! {
            // Disarmed already, it does not begin.
            biased;
            () = disarmed => { self.cancel(); }
            done = &mut work => return done,
        }
        work.await
    }

    /// Whether moves besides those of the action's goals are allowed now.
    pub fn is_armed(&self) -> bool {
        self.parameters.now().move_to.armed
    }

    /// The topic of the set points.
    pub fn topic(&self) -> &'static str {
        self.motion.topic()
    }

    /// Number of subscribers to the set points; `None` when that can't be told.
    pub fn listeners(&self) -> Option<usize> {
        self.motion.listeners()
    }
}

impl RobotLease {
    /// Becomes true when [`Robot::cancel`] was called.
    pub fn cancelled(&self) -> watch::Receiver<bool> {
        self.cancelled.clone()
    }

    /// The robot itself.
    pub fn robot(&self) -> &Robot {
        &self.robot
    }
}

impl Drop for RobotLease {
    fn drop(&mut self) {
        self.robot.task.send_replace(None);
    }
}
