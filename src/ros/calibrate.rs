//! The `~/calibrate` action: one sweep from preflight to file.
//!
//! ```text
//! preflight → for each height: move → settle → pair stamped later than that → fit, track → … → models → file → result
//! ```
//! Whatever ends it early (cancel, lost pose, deviation, no images, a bad fit) stops the robot first.

use crate::camera::{Camera, Stereo};
use crate::mapping::Calibration;
use crate::ros::calibration_node::Shared;
use crate::ros::images::StampedImage;
use crate::ros::record::Recorder;
use crate::ros::robot::{Commander, locked};
use crate::sweep::limits::Limits;
use crate::sweep::plan::Plan;
use crate::sweep::session::{CalibrationSettings, Method, PairReport, SweepSession, ToolPose};
use crate::sweep::settle::{SettleSettings, Settled, Settling};
use nalgebra::{UnitQuaternion, Vector2};
use r2r::grating_calibration::action::Calibrate;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How a goal ended that did not end well.
#[derive(Debug)]
pub enum Stop {
    /// The client asked for it.
    Cancelled,
    /// Anything else, for people.
    Failed(String),
}

impl<E: std::error::Error> From<E> for Stop {
    fn from(error: E) -> Self {
        Stop::Failed(error.to_string())
    }
}

fn failed<T>(reason: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Failed(reason.into()))
}

/// Everything a goal fixes.
struct Job {
    plan: Plan,
    settings: CalibrationSettings,
    settle: SettleSettings,
    settle_timeout: Duration,
    image_timeout: Duration,
    pose_timeout_s: f64,
    max_deviation_mm: f64,
    period: Duration,
    file: Option<PathBuf>,
    record: Option<PathBuf>,
}

/// Sends feedback to the client.
pub type Feedback = Box<dyn FnMut(Calibrate::Feedback) + Send>;

/// One goal in progress.
pub struct Sweep {
    shared: Arc<Shared>,
    cancelled: watch::Receiver<bool>,
    job: Job,
    commander: Commander,
    /// Where the tool was when the goal started, mm.
    start_mm: [f64; 3],
    feedback: Feedback,
    begun: Instant,
    last: Calibrate::Feedback,
}

impl Sweep {
    /// Checks everything that can be checked before the robot moves.
    ///
    /// # Errors
    /// [`Stop`] with what is wrong and what to do.
    pub async fn prepare(
        shared: Arc<Shared>,
        goal: Calibrate::Goal,
        cancelled: watch::Receiver<bool>,
        feedback: Feedback,
    ) -> Result<Self, Stop> {
        let parameters = &shared.parameters;
        let jogs_mm: Vec<[f64; 2]> = goal.jogs.iter().map(|jog| [1e3 * jog.x, 1e3 * jog.y]).collect();
        // Otherwise the origin mark tells it.
        let pitch_mm = Some(1e3 * parameters.number("pitch")).filter(|pitch_mm| *pitch_mm >= 0.01);
        let mut plan = Plan::new(1e3 * goal.height_start, 1e3 * goal.height_stop, 1e3 * goal.height_step)?;
        if !jogs_mm.is_empty() {
            let Some(pitch_mm) = pitch_mm else {
                return failed("jogs are made in steps of a fraction of the pitch: set the parameter pitch");
            };
            plan = plan.with_jogs(&jogs_mm, pitch_mm)?;
        }
        let method = match goal.method.as_str() {
            "" | "auto" => Method::Auto,
            "original" => Method::Original,
            other => return failed(format!("method '{other}' is unknown: use auto or original")),
        };
        let mut settings = CalibrationSettings {
            method,
            pitch_mm,
            origin_px: origins(&shared, &goal)?,
            ..CalibrationSettings::by_mark()
        };
        settings.fit.phase_degree = parameters.whole("phase_degree") as usize;
        settings.usable_rms_mm = 1e3 * parameters.number("usable_rms");
        settings.original.draws = parameters.whole("original.draws") as usize;
        settings.original.stride = parameters.whole("original.stride") as usize;
        let limits = Limits {
            box_min_mm: parameters.vector_mm("limits.box_min"),
            box_max_mm: parameters.vector_mm("limits.box_max"),
            max_step_mm: 1e3 * parameters.number("limits.max_step"),
        };
        let pose_timeout_s = parameters.number("pose_timeout");
        let image_timeout = Duration::from_secs_f64(parameters.number("image_timeout"));
        // A node that has just started may not have been found by the robot's driver yet.
        let begun = Instant::now();
        while locked(&shared.poses).age_s().is_none() && begun.elapsed() < image_timeout {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (age_s, pose) = {
            let poses = locked(&shared.poses);
            (poses.age_s(), poses.latest())
        };
        let Some(pose) = pose.filter(|_| age_s.is_some_and(|age| age < pose_timeout_s)) else {
            let age = age_s.map_or("never one".into(), |age| format!("the last {age:.1} s ago"));
            return failed(format!(
                "no robot pose arrives ({age}): is the robot's driver running, is robot/pose remapped?"
            ));
        };
        // A mean, so that the tool is not moved by the noise of one measurement.
        let window_ns = (1e9 * parameters.number("settle.window")) as i64;
        let start_mm = locked(&shared.poses)
            .mean_position_mm(pose.stamp_ns - window_ns, i64::MAX)
            .unwrap_or_else(|| pose.position_mm());
        for offset_mm in &plan.offsets_mm {
            limits.check_box(std::array::from_fn(|i| start_mm[i] + offset_mm[i]))?;
        }
        let file = if goal.file.is_empty() { parameters.text("calibration_file") } else { goal.file.clone() };
        let record = parameters.text("record_dir");
        let optional = |text: String| (!text.is_empty()).then(|| PathBuf::from(text));
        let commander = Commander::new(
            shared.target_publisher.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            parameters.text("base_frame"),
            limits,
            UnitQuaternion::from(pose.base_from_tool.rotation),
        );
        let steps = plan.offsets_mm.len() as u32;
        Ok(Sweep {
            job: Job {
                plan,
                settings,
                settle: SettleSettings {
                    window_s: parameters.number("settle.window"),
                    tolerance_mm: 1e3 * parameters.number("settle.tolerance"),
                    reach_mm: 1e3 * parameters.number("settle.reach"),
                },
                settle_timeout: Duration::from_secs_f64(parameters.number("settle.timeout")),
                image_timeout,
                pose_timeout_s,
                max_deviation_mm: 1e3 * parameters.number("limits.max_deviation"),
                period: Duration::from_secs_f64(parameters.number("control_period")),
                file: optional(file),
                record: optional(record),
            },
            shared,
            cancelled,
            commander,
            start_mm,
            feedback,
            begun: Instant::now(),
            last: Calibrate::Feedback { steps, ..Default::default() },
        })
    }

    /// Runs the sweep.
    ///
    /// # Errors
    /// [`Stop`]; the robot has been told to hold then.
    pub async fn run(mut self) -> Result<Calibrate::Result, Stop> {
        let result = self.sweep().await;
        if result.is_err() {
            self.hold();
        }
        result
    }

    fn hold(&self) {
        let poses = locked(&self.shared.poses);
        if let Some(pose) = poses.latest() {
            self.commander.hold(pose.position_mm(), self.shared.now_ns());
        }
    }

    async fn sweep(&mut self) -> Result<Calibrate::Result, Stop> {
        self.report("preflight", 0.0);
        let mut recorder = self.job.record.as_deref().map(Recorder::new).transpose()?;
        if let Some(file) = &self.job.file {
            writable(file)?;
        }
        self.pair_after(i64::MIN, "before the robot moves").await?;
        let mut session = SweepSession::new(self.job.settings.clone())?;
        let offsets_mm = self.job.plan.offsets_mm.clone();
        let mut latest: Option<PairReport> = None;
        for (index, offset_mm) in offsets_mm.into_iter().enumerate() {
            let height_mm = offset_mm[2];
            self.last.step = index as u32 + 1;
            self.report("moving", height_mm);
            let settled = self.move_to(offset_mm).await?;
            let [from_ns, since_ns] = [settled.from_s, settled.since_s].map(|s| (s * 1e9) as i64);
            let pair = self.pair_after(since_ns, "after the tool settled").await?;
            let pose = self.pose_at_rest(from_ns)?;
            self.report("fitting", height_mm);
            if let Some(recorder) = &mut recorder {
                recorder.add(&pair, pose)?;
            }
            // Off the executor: spinning, services and cancelling go on.
            let fitted = tokio::task::spawn_blocking(move || {
                let images = pair.map(|image| image.to_gray());
                let report = session.add_pair(images.as_ref(), pose);
                (session, report)
            });
            let (returned, report) = fitted.await?;
            session = returned;
            let report = report?;
            latest = Some(report);
            self.last.residual = report.residual.left.max(report.residual.right);
            self.stop_if_cancelled()?;
        }
        let last_height = latest.map_or(0.0, |report| report.height_mm);
        self.report("mapping", last_height);
        let outcome = tokio::task::spawn_blocking(move || session.finish()).await??;
        self.stop_if_cancelled()?;
        let calibration = outcome.calibration;
        let mut file = String::new();
        if let Some(path) = self.job.file.clone() {
            self.report("saving", last_height);
            calibration.save(&path)?;
            file = std::path::absolute(&path)?.display().to_string();
        }
        let result = result(&calibration, file.clone());
        self.shared.serve(calibration, file);
        Ok(result)
    }

    fn report(&mut self, stage: &str, height_mm: f64) {
        let done = f64::from(self.last.step.saturating_sub(1));
        let elapsed = self.begun.elapsed().as_secs_f64();
        // The models take about as long as three heights.
        let left = if done > 0.0 { elapsed / done * (f64::from(self.last.steps) - done + 3.0) } else { 0.0 };
        self.last.stage = stage.into();
        self.last.height = 1e-3 * height_mm;
        self.last.eta =
            r2r::builtin_interfaces::msg::Duration { sec: left as i32, nanosec: (left.fract() * 1e9) as u32 };
        (self.feedback)(self.last.clone());
    }

    fn stop_if_cancelled(&self) -> Result<(), Stop> {
        if *self.cancelled.borrow() { Err(Stop::Cancelled) } else { Ok(()) }
    }

    /// Sends the tool to a displacement from the start and waits until it is at rest there.
    async fn move_to(&mut self, offset_mm: [f64; 3]) -> Result<Settled, Stop> {
        let target_mm: [f64; 3] = std::array::from_fn(|i| self.start_mm[i] + offset_mm[i]);
        let height_mm = offset_mm[2];
        // Poses from before the command say nothing about where it leads.
        let (mut seen_ns, from_mm) = self.fresh_pose()?;
        self.stop_if_cancelled()?;
        self.commander.go_to(from_mm, target_mm, self.shared.now_ns())?;
        let span = distance(from_mm, target_mm);
        let mut settling = Settling::towards(target_mm, self.job.settle);
        let begun = Instant::now();
        loop {
            self.wait(self.job.period).await?;
            self.fresh_pose()?;
            let fresh: Vec<_> = locked(&self.shared.poses).since(seen_ns);
            for pose in fresh {
                let here_mm = pose.position_mm();
                let (away, off_path) = (distance(here_mm, target_mm), distance(here_mm, from_mm));
                let limit = self.job.max_deviation_mm;
                // Between start and target both distances are at most the span.
                if away > span + limit || off_path > span + limit {
                    let off = away.max(off_path) - span;
                    return failed(format!(
                        "the robot is {off:.3} mm off its way to height {height_mm:.3} mm, at most {limit:.3} mm are allowed \
                         (limits.max_deviation): is something else commanding it?"
                    ));
                }
                seen_ns = pose.stamp_ns;
                if let Some(settled) = settling.add(pose.stamp_ns as f64 * 1e-9, here_mm) {
                    return Ok(settled);
                }
            }
            if begun.elapsed() > self.job.settle_timeout {
                let here = self.fresh_pose()?.1;
                let away = distance(here, target_mm);
                return failed(format!(
                    "the tool did not settle at height {height_mm:.3} mm within {:.1} s; it is {away:.4} mm from its target: \
                     raise settle.timeout, settle.tolerance or settle.reach, or check the robot",
                    self.job.settle_timeout.as_secs_f64()
                ));
            }
        }
    }

    /// The latest pose: stamp and position.
    fn fresh_pose(&self) -> Result<(i64, [f64; 3]), Stop> {
        let poses = locked(&self.shared.poses);
        let age = poses.age_s().unwrap_or(f64::INFINITY);
        match poses.latest() {
            Some(pose) if age <= self.job.pose_timeout_s => Ok((pose.stamp_ns, pose.position_mm())),
            _ => failed(format!("the robot's pose was lost: none for {age:.2} s; the robot was told to hold")),
        }
    }

    /// Waits, but not through a cancel.
    async fn wait(&mut self, duration: Duration) -> Result<(), Stop> {
        tokio::select! {
            () = tokio::time::sleep(duration) => self.stop_if_cancelled(),
            _ = self.cancelled.changed() => self.stop_if_cancelled(),
        }
    }

    /// The first pair whose images are both stamped later than `since_ns`.
    async fn pair_after(&mut self, since_ns: i64, when: &str) -> Result<Stereo<StampedImage>, Stop> {
        let begun = Instant::now();
        let mut pairs = self.shared.pairs.subscribe();
        loop {
            if let Some(pair) = pairs.borrow_and_update().as_deref()
                && Camera::BOTH.iter().all(|camera| pair[*camera].stamp_ns > since_ns)
            {
                return Ok(pair.clone());
            }
            if begun.elapsed() > self.job.image_timeout {
                return failed(format!(
                    "no image pair arrived within {:.1} s {when}: {}",
                    self.job.image_timeout.as_secs_f64(),
                    self.shared.image_troubles()
                ));
            }
            tokio::select! {
                _ = pairs.changed() => {}
                () = tokio::time::sleep(self.job.period) => {}
                _ = self.cancelled.changed() => {}
            }
            self.stop_if_cancelled()?;
        }
    }

    /// The mean measured position since the tool came to rest: nothing has been commanded since.
    fn pose_at_rest(&self, from_ns: i64) -> Result<ToolPose, Stop> {
        // Seconds in f64 resolve a quarter of a microsecond.
        match locked(&self.shared.poses).mean_position_mm(from_ns - 1000, i64::MAX) {
            Some([x_mm, y_mm, z_mm]) => Ok(ToolPose { x_mm, y_mm, z_mm }),
            None => failed("no robot pose is stamped near the images: do the robot's and the cameras' clocks agree?"),
        }
    }
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt()
}

/// Finds out before the sweep, not after it, that the file can't be written.
fn writable(file: &Path) -> Result<(), Stop> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match tempfile::NamedTempFile::new_in(folder) {
        Ok(_) => Ok(()),
        Err(error) => failed(format!("{} can't be written to: {error}", folder.display())),
    }
}

/// Origin pixels of the goal, else of the parameters, else none: the origin mark is looked for.
fn origins(shared: &Shared, goal: &Calibrate::Goal) -> Result<Stereo<Option<Vector2<f64>>>, Stop> {
    let origins = match goal.origins.as_slice() {
        [] => {
            Stereo { left: shared.parameters.numbers("origin_left"), right: shared.parameters.numbers("origin_right") }
        }
        [left, right] => Stereo { left: vec![left.u, left.v], right: vec![right.u, right.v] },
        other => return failed(format!("origins has {} pixels, 2 are needed: left, right", other.len())),
    };
    let pixel = |camera: Camera| match origins[camera].as_slice() {
        [] => Ok(None),
        [u, v] if u.is_finite() && v.is_finite() => Ok(Some(Vector2::new(*u, *v))),
        _ => failed(format!(
            "the grid's origin in the {camera} image is no pixel: give both in the goal's origins or as parameters \
             origin_left and origin_right, or none where the origin mark is in view"
        )),
    };
    Ok(Stereo { left: pixel(Camera::Left)?, right: pixel(Camera::Right)? })
}

fn result(calibration: &Calibration, file: String) -> Calibrate::Result {
    let both = [&calibration.left, &calibration.right];
    let worst = calibration.stereo.rms_mm.iter().copied().fold(0.0, f64::max);
    Calibrate::Result {
        usable: calibration.usable,
        reason: calibration.reason.clone(),
        method: calibration.method.to_string(),
        file,
        heights: calibration.heights as u32,
        correspondences: both.iter().map(|camera| camera.correspondences as u32).sum(),
        models: both.iter().map(|camera| camera.model.kind().to_string()).collect(),
        residual_rms_px: both.iter().map(|camera| camera.residual_rms_px).collect(),
        cross_validation_rms_px: both.iter().map(|camera| camera.cross_validation_rms_px).collect(),
        stereo_rms: 1e-3 * worst,
        min_phase_margin: calibration.min_phase_margin,
    }
}
