//! Moves the tool and watches it: every period a set point, and a look at pose, orientation, path, cameras and cancel.

use crate::camera::Camera;
use crate::parameters::nodes::calibration_node::NodeParameters;
use crate::pose::tool_pose::StampedPose;
use crate::ros::input::camera_input::CameraInput;
use crate::ros::robot::commander::Commander;
use crate::ros::robot::lease::RobotLease;
use crate::ros::robot::stop::{Stop, failed};
use crate::statistics::exceeds;
use crate::sweep::motion::limits::Limits;
use crate::sweep::motion::profile::{Profile, distance};
use crate::sweep::motion::settle::{SettleSettings, Settled, Settling};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often a pose is looked for that has not come yet.
const POSE_POLL: Duration = Duration::from_millis(20);
/// Longest path whose duration is waited for.
const MAX_PATH_S: f64 = 3600.0;

/// What a move goes by; fixed when it begins.
#[derive(Clone, Copy, Debug)]
pub struct MoveSettings {
    /// When the tool is at rest.
    pub settle: SettleSettings,
    /// Longest time from the end of a move until the tool is at rest.
    pub settle_timeout: Duration,
    /// Longest time without a new pose.
    pub pose_timeout_s: f64,
    /// Longest time without an image pair.
    pub image_timeout: Duration,
    /// Largest distance of the tool from its path.
    pub max_deviation_mm: f64,
    /// Largest rotation of the tool from its orientation at the start.
    pub max_rotation_rad: f64,
    /// Time between two set points.
    pub period: Duration,
    /// Whether the move is worth nothing without cameras.
    pub watches_cameras: bool,
}

impl MoveSettings {
    /// As the parameters say.
    pub fn new(parameters: &NodeParameters, watches_cameras: bool) -> Self {
        let (robot, limits) = (&parameters.robot, &parameters.limits);
        MoveSettings {
            settle: parameters.settle.settings(),
            settle_timeout: Duration::from_secs_f64(parameters.settle.timeout_s),
            pose_timeout_s: robot.pose_timeout_s,
            image_timeout: Duration::from_secs_f64(parameters.cameras.image_timeout_s),
            max_deviation_mm: 1e3 * limits.max_deviation_m,
            max_rotation_rad: limits.max_rotation_rad,
            period: Duration::from_secs_f64(robot.control_period_s),
            watches_cameras,
        }
    }
}

/// Moves the tool within one goal, or one armed `~/move_to`, for as long as the robot is leased.
pub struct Mover<'a> {
    lease: &'a RobotLease,
    /// What its moves go by.
    pub settings: MoveSettings,
    commander: Commander,
    /// Where the tool was in the beginning, mm.
    pub start_mm: [f64; 3],
    cancelled: watch::Receiver<bool>,
}

impl<'a> Mover<'a> {
    /// Waits for the robot's pose; nothing moves yet.
    ///
    /// # Errors
    /// [`Stop`] when no fresh pose comes.
    pub async fn new(lease: &'a RobotLease, watches_cameras: bool) -> Result<Self, Stop> {
        let robot = lease.robot();
        let (poses, cancelled) = (&robot.poses, lease.cancelled());
        let parameters = robot.parameters.now();
        let settings = MoveSettings::new(&parameters, watches_cameras);
        // A node that has just started may not have been found by the robot's driver yet.
        let begun = Instant::now();
        while poses.fresh(settings.pose_timeout_s).is_err() && begun.elapsed() < settings.image_timeout {
            if *cancelled.borrow() {
                return Err(Stop::Cancelled);
            }
            tokio::time::sleep(POSE_POLL).await;
        }
        let pose = match poses.fresh(settings.pose_timeout_s) {
            Ok(pose) => pose,
            Err(loss) => return failed(format!("no robot pose arrives ({loss}): {}", poses.trouble().await)),
        };
        // A mean, so that the tool is not moved by the noise of one measurement.
        let window_ns = (1e9 * settings.settle.window_s) as i64;
        let start_mm = poses
            .at_rest([pose.stamp_ns - window_ns, i64::MAX])
            .map_or_else(|| pose.position_mm(), |rest| rest.position_mm());
        let commander = Commander::new(
            robot.motion.clone(),
            parameters.limits.limits(),
            pose.pose.rotation,
            1e3 * parameters.limits.max_speed_m_s,
            settings.period.as_secs_f64(),
            start_mm,
        );
        Ok(Mover { lease, settings, commander, start_mm, cancelled })
    }

    /// Sends the tool there and waits until it is at rest.
    ///
    /// # Errors
    /// [`Stop`] with what went wrong; the caller holds the robot then.
    pub async fn go_to(&mut self, target_mm: [f64; 3], what: &str) -> Result<Settled, Stop> {
        let robot = self.lease.robot();
        // Poses from before the command say nothing about where it leads.
        let from = self.fresh_pose()?;
        let mut seen_ns = from.stamp_ns;
        self.stop_if_cancelled()?;
        let path = self.commander.go_to(from.position_mm(), target_mm, robot.clock.now_ns())?;
        let mut settling = Settling::towards(target_mm, self.settings.settle);
        let longest = self.settings.settle_timeout + Duration::from_secs_f64(path.duration_s().min(MAX_PATH_S));
        let begun = Instant::now();
        loop {
            self.wait(self.settings.period).await?;
            self.fresh_pose()?;
            self.check_cameras()?;
            for pose in robot.poses.since(seen_ns) {
                self.check_path(&path, &pose, what)?;
                seen_ns = pose.stamp_ns;
                if let Ok(settled) = settling.add(pose) {
                    return Ok(settled);
                }
            }
            self.commander.advance(robot.clock.now_ns())?;
            if begun.elapsed() > longest {
                let away_mm = distance(self.fresh_pose()?.position_mm(), target_mm);
                return failed(format!(
                    "the tool did not settle at {what} within {:.1} s; it is {away_mm:.4} mm from its set point: raise \
                     settle.timeout, settle.tolerance or settle.reach, or check the robot",
                    longest.as_secs_f64()
                ));
            }
        }
    }

    /// Waits until poses come often enough to see the tool at rest, or for a second: a rate needs some of them.
    ///
    /// # Errors
    /// [`Stop`] when poses stop coming, or on cancel.
    pub async fn watch_poses(&mut self, needed_hz: f64) -> Result<(), Stop> {
        let begun = Instant::now();
        while self.lease.robot().poses.rate_hz() < needed_hz && begun.elapsed() < Duration::from_secs(1) {
            self.wait(self.settings.period).await?;
            self.fresh_pose()?;
        }
        Ok(())
    }

    fn check_path(&self, path: &Profile, pose: &StampedPose, what: &str) -> Result<(), Stop> {
        let (off_mm, limit_mm) = (path.off_way_mm(pose.position_mm()), self.settings.max_deviation_mm);
        if exceeds(off_mm, limit_mm) {
            return failed(format!(
                "the robot is {off_mm:.3} mm off its way to {what}, at most {limit_mm:.3} mm are allowed \
                 (limits.max_deviation): is something else commanding it?"
            ));
        }
        let turned_rad = pose.pose.rotation.angle_to(&self.commander.rotation());
        let limit_rad = self.settings.max_rotation_rad;
        if exceeds(turned_rad, limit_rad) {
            return failed(format!(
                "the tool has turned by {turned_rad:.4} rad on its way to {what}, at most {limit_rad:.4} rad are allowed \
                 (limits.max_rotation): the orientation must stay; is something else commanding the robot?"
            ));
        }
        Ok(())
    }

    fn check_cameras(&self) -> Result<(), Stop> {
        if !self.settings.watches_cameras {
            return Ok(());
        }
        let cameras = self.cameras();
        for camera in Camera::BOTH {
            let age_s = cameras.health(camera).age_s.unwrap_or(f64::INFINITY);
            if exceeds(age_s, self.settings.image_timeout.as_secs_f64()) {
                return failed(format!(
                    "the {camera} camera was lost: no usable image for {age_s:.1} s (image_timeout), the robot was told to \
                     hold; {}",
                    cameras.trouble()
                ));
            }
        }
        Ok(())
    }

    /// The latest pose, if it is fresh.
    ///
    /// # Errors
    /// [`Stop`] when poses don't come any more.
    pub fn fresh_pose(&self) -> Result<StampedPose, Stop> {
        self.lease.robot().poses.fresh(self.settings.pose_timeout_s).or_else(|loss| {
            failed(format!(
                "the robot's pose was lost ({loss}); the robot was told to hold: is its driver still running?"
            ))
        })
    }

    /// The images that are taken on the way.
    pub fn cameras(&self) -> &'a CameraInput {
        &self.lease.robot().cameras
    }

    /// Limits of its set points.
    pub fn limits(&self) -> &Limits {
        self.commander.limits()
    }

    /// Time that a move takes, s.
    pub fn duration_s(&self, from_mm: [f64; 3], to_mm: [f64; 3]) -> f64 {
        self.commander.duration_s(from_mm, to_mm)
    }

    /// # Errors
    /// [`Stop::Cancelled`].
    pub fn stop_if_cancelled(&self) -> Result<(), Stop> {
        if *self.cancelled.borrow() { Err(Stop::Cancelled) } else { Ok(()) }
    }

    /// To look at while something takes long.
    pub fn cancelled(&self) -> watch::Receiver<bool> {
        self.cancelled.clone()
    }

    /// Waits, but not through a cancel.
    ///
    /// # Errors
    /// [`Stop::Cancelled`].
    pub async fn wait(&mut self, duration: Duration) -> Result<(), Stop> {
        tokio::select! {
            () = tokio::time::sleep(duration) => self.stop_if_cancelled(),
            _ = self.cancelled.changed() => self.stop_if_cancelled(),
        }
    }

    /// Stops the tool where it is.
    pub fn hold(&mut self) {
        let robot = self.lease.robot();
        if let Some(pose) = robot.poses.latest() {
            self.commander.hold(pose.position_mm(), robot.clock.now_ns());
        }
    }
}
