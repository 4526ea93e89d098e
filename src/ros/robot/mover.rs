//! Moves the tool and watches it: every period a set point, and a look at pose, orientation, way, cameras and cancel.

use crate::camera::Camera;
use crate::pose::tool_pose::StampedPose;
use crate::ros::locked;
use crate::ros::node::shared::Shared;
use crate::ros::robot::commander::Commander;
use crate::ros::robot::stop::{Stop, failed};
use crate::statistics::exceeds;
use crate::sweep::motion::profile::{Profile, distance};
use crate::sweep::motion::settle::{SettleSettings, Settled, Settling};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What a move goes by; fixed when it begins.
#[derive(Clone, Copy, Debug)]
pub struct MoveSettings {
    pub settle: SettleSettings,
    pub settle_timeout: Duration,
    pub pose_timeout_s: f64,
    pub image_timeout: Duration,
    pub max_deviation_mm: f64,
    pub max_turn_rad: f64,
    pub period: Duration,
    /// Whether the move is worth nothing without cameras.
    pub watch_cameras: bool,
}

impl MoveSettings {
    pub fn of(shared: &Shared, watch_cameras: bool) -> Self {
        let parameters = shared.parameters.now();
        let (robot, limits) = (&parameters.robot, &parameters.limits);
        MoveSettings {
            settle: parameters.settle.settings(),
            settle_timeout: Duration::from_secs_f64(parameters.settle.timeout_s),
            pose_timeout_s: robot.pose_timeout_s,
            image_timeout: Duration::from_secs_f64(parameters.cameras.image_timeout_s),
            max_deviation_mm: 1e3 * limits.max_deviation_m,
            max_turn_rad: limits.max_rotation_rad,
            period: Duration::from_secs_f64(robot.control_period_s),
            watch_cameras,
        }
    }
}

/// Moves the tool within one goal, or one armed `~/move_to`.
pub struct Mover {
    pub shared: Arc<Shared>,
    pub settings: MoveSettings,
    pub commander: Commander,
    /// Where the tool was in the beginning, mm.
    pub start_mm: [f64; 3],
    cancelled: watch::Receiver<bool>,
}

impl Mover {
    /// Waits for the robot's pose; nothing moves yet.
    ///
    /// # Errors
    /// [`Stop`] when no fresh pose comes.
    pub async fn new(shared: Arc<Shared>, cancelled: watch::Receiver<bool>, watch_cameras: bool) -> Result<Self, Stop> {
        let settings = MoveSettings::of(&shared, watch_cameras);
        // A node that has just started may not have been found by the robot's driver yet.
        let begun = Instant::now();
        while fresh_pose(&shared, settings.pose_timeout_s).is_err() && begun.elapsed() < settings.image_timeout {
            if *cancelled.borrow() {
                return Err(Stop::Cancelled);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let pose = match fresh_pose(&shared, settings.pose_timeout_s) {
            Ok(pose) => pose,
            Err(age) => {
                let topic = shared.pose_topic().await;
                return failed(format!("no robot pose arrives ({age}): {topic}"));
            }
        };
        // A mean, so that the tool is not moved by the noise of one measurement.
        let window_ns = (1e9 * settings.settle.window_s) as i64;
        let start_mm = locked(&shared.poses)
            .at_rest([pose.stamp_ns - window_ns, i64::MAX])
            .map_or_else(|| pose.position_mm(), |rest| rest.position_mm());
        let parameters = shared.parameters.now();
        let (limits, speed_mm_s) = (parameters.limits.limits(), 1e3 * parameters.limits.max_speed_m_s);
        let rotation = pose.pose.rotation;
        let period_s = settings.period.as_secs_f64();
        let commander = Commander::new(shared.motion.clone(), limits, rotation, speed_mm_s, period_s, start_mm);
        Ok(Mover { shared, settings, commander, start_mm, cancelled })
    }

    /// Sends the tool there and waits until it is at rest.
    ///
    /// # Errors
    /// [`Stop`] with what went wrong; the caller holds the robot then.
    pub async fn go_to(&mut self, target_mm: [f64; 3], what: &str) -> Result<Settled, Stop> {
        // Poses from before the command say nothing about where it leads.
        let from = self.fresh_pose()?;
        let mut seen_ns = from.stamp_ns;
        self.stop_if_cancelled()?;
        let way = self.commander.go_to(from.position_mm(), target_mm, self.shared.now_ns())?;
        let mut settling = Settling::towards(target_mm, self.settings.settle);
        let longest = self.settings.settle_timeout + Duration::from_secs_f64(way.duration_s().min(3600.0));
        let begun = Instant::now();
        loop {
            self.wait(self.settings.period).await?;
            self.fresh_pose()?;
            self.cameras_alive()?;
            let fresh: Vec<_> = locked(&self.shared.poses).since(seen_ns);
            for pose in fresh {
                self.check_way(&way, &pose, what)?;
                seen_ns = pose.stamp_ns;
                if let Ok(settled) = settling.add(pose) {
                    return Ok(settled);
                }
            }
            self.commander.advance(self.shared.now_ns())?;
            if begun.elapsed() > longest {
                let away = distance(self.fresh_pose()?.position_mm(), target_mm);
                return failed(format!(
                    "the tool did not settle at {what} within {:.1} s; it is {away:.4} mm from its target: raise \
                     settle.timeout, settle.tolerance or settle.reach, or check the robot",
                    longest.as_secs_f64()
                ));
            }
        }
    }

    /// Until poses come often enough to see the tool at rest, or for a second: a rate needs some of them.
    ///
    /// # Errors
    /// [`Stop`] when poses stop coming, or on cancel.
    pub async fn watch_poses(&mut self, needed_hz: f64) -> Result<(), Stop> {
        let begun = Instant::now();
        while locked(&self.shared.poses).rate_hz() < needed_hz && begun.elapsed() < Duration::from_secs(1) {
            self.wait(self.settings.period).await?;
            self.fresh_pose()?;
        }
        Ok(())
    }

    fn check_way(&self, way: &Profile, pose: &StampedPose, what: &str) -> Result<(), Stop> {
        let (off, limit) = (way.off_way_mm(pose.position_mm()), self.settings.max_deviation_mm);
        if exceeds(off, limit) {
            return failed(format!(
                "the robot is {off:.3} mm off its way to {what}, at most {limit:.3} mm are allowed \
                 (limits.max_deviation): is something else commanding it?"
            ));
        }
        let (turned, limit) = (pose.pose.rotation.angle_to(&self.commander.rotation()), self.settings.max_turn_rad);
        if exceeds(turned, limit) {
            return failed(format!(
                "the tool has turned by {turned:.4} rad on its way to {what}, at most {limit:.4} rad are allowed \
                 (limits.max_rotation): the orientation must stay; is something else commanding the robot?"
            ));
        }
        Ok(())
    }

    fn cameras_alive(&self) -> Result<(), Stop> {
        if !self.settings.watch_cameras {
            return Ok(());
        }
        let limit = self.settings.image_timeout.as_secs_f64();
        let frames = self.shared.frames();
        for camera in Camera::BOTH {
            let age_s = frames.health(camera).age_s.unwrap_or(f64::INFINITY);
            if exceeds(age_s, limit) {
                return failed(format!(
                    "the {camera} camera was lost: no usable image for {age_s:.1} s (image_timeout), the robot was told to \
                     hold; {}",
                    frames.troubles()
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
        fresh_pose(&self.shared, self.settings.pose_timeout_s).or_else(|age| {
            failed(format!(
                "the robot's pose was lost ({age}); the robot was told to hold: is its driver still running?"
            ))
        })
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
        let here = locked(&self.shared.poses).latest();
        if let Some(pose) = here {
            self.commander.hold(pose.position_mm(), self.shared.now_ns());
        }
    }
}

/// The latest pose, or how old it is.
pub fn fresh_pose(shared: &Shared, timeout_s: f64) -> Result<StampedPose, String> {
    let poses = locked(&shared.poses);
    let bad = match shared.bad_in_a_row.load(Ordering::Relaxed) {
        0 => String::new(),
        bad => format!(
            "; {bad} came since that hold NaN, infinite numbers or a zero quaternion: what does its driver send?"
        ),
    };
    let (Some(age_s), Some(pose)) = (poses.age_s(), poses.latest()) else { return Err(format!("never one{bad}")) };
    if exceeds(age_s, timeout_s) {
        return Err(format!("the last {age_s:.2} s ago, at most {timeout_s} s are allowed (pose_timeout){bad}"));
    }
    let late_s = (shared.now_ns() - pose.stamp_ns) as f64 * 1e-9;
    if exceeds(late_s, timeout_s) {
        return Err(format!(
            "they come late: the latest is stamped {late_s:.2} s ago, at most {timeout_s} s are allowed \
             (pose_timeout); do the clocks of robot and node agree?{bad}"
        ));
    }
    Ok(pose)
}
