//! The `~/calibrate` action: one sweep from preflight to file.
//!
//! ```text
//! preflight → for each height: move → settle → still picture → on disk, fit, track → … → models → file → result
//! ```
//! Whatever ends it early (cancel, lost pose, deviation, no images, a bad fit, a full disk) stops the robot first.

use crate::camera::Stereo;
use crate::folder::prefetch::prefetch;
use crate::folder::recording::journal::{Header, Pair};
use crate::folder::recording::record::{Recorder, read_back};
use crate::grating::backend::Image;
use crate::grating::backend::cpu::forget_images;
use crate::mapping::calibration::Calibration;
use crate::pose::tool_pose::ToolPose;
use crate::ros::goal::job::Job;
use crate::ros::goal::preflight;
use crate::ros::goal::still::Exposure;
use crate::ros::input::images::StampedImage;
use crate::ros::locked;
use crate::ros::node::shared::Shared;
use crate::ros::robot::mover::Mover;
use crate::ros::robot::stop::{Stop, failed};
use crate::ros::service::services;
use crate::ros::show::live::{Live, Seen, judged};
use crate::ros::support::{process, work};
use crate::sweep::motion::profile::distance;
use crate::sweep::motion::settle::Settled;
use crate::sweep::outcome::PairReport;
use crate::sweep::session::SweepSession;
use r2r::grating_calibration::action::Calibrate;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// After a move as long as this a picture must have changed, mm.
const MOVES_MM: f64 = 0.02;

/// Sends feedback to the client.
pub type Feedback = Box<dyn FnMut(Calibrate::Feedback) + Send>;

/// One goal in progress.
pub struct Sweep {
    job: Job,
    mover: Mover,
    feedback: Feedback,
    begun: Instant,
    last: Calibrate::Feedback,
    retaken: u32,
}

impl Sweep {
    /// Reads the goal and waits for the robot's pose.
    ///
    /// # Errors
    /// [`Stop`] with what is wrong and what to do.
    pub async fn prepare(
        shared: Arc<Shared>,
        goal: Calibrate::Goal,
        cancelled: watch::Receiver<bool>,
        feedback: Feedback,
    ) -> Result<Self, Stop> {
        let job = Job::new(&shared, &goal)?;
        let mover = Mover::new(shared, cancelled, true).await?;
        let steps = job.plan.offsets_mm.len() as u32;
        let last = Calibrate::Feedback { steps, ..Default::default() };
        Ok(Sweep { job, mover, feedback, begun: Instant::now(), last, retaken: 0 })
    }

    /// Runs the sweep.
    ///
    /// # Errors
    /// [`Stop`]; the robot has been told to hold then.
    pub async fn run(mut self) -> Result<Calibrate::Result, Stop> {
        self.preflight().await?;
        if self.job.dry_run {
            return Ok(self.plan());
        }
        tracing::info!(
            "calibrating: {} poses, commanded on {}; the robot moves",
            self.job.plan.offsets_mm.len(),
            self.mover.shared.motion.topic()
        );
        let result = self.sweep().await;
        if result.is_err() {
            self.mover.hold();
        }
        // A sweep's images, fits and models are gone.
        forget_images();
        process::return_memory();
        result
    }

    /// Everything that can be found out before the robot moves.
    async fn preflight(&mut self) -> Result<(), Stop> {
        self.mover.shared.live.send_modify(Live::begin);
        self.report("preflight", 0.0);
        self.mover.watch_poses(preflight::needed_hz(self.mover.settings.settle.window_s)).await?;
        let mut problems = preflight::before_images(&self.mover, &self.job);
        problems.extend(preflight::publishers(&self.mover.shared).await);
        // An older picture may show where the tool came from.
        let since_ns = self.mover.fresh_pose()?.stamp_ns;
        let pair = match self.pair_after(since_ns, "before the robot moves").await {
            Ok(pair) => pair,
            Err(Stop::Failed(reason)) if !problems.is_empty() => {
                return failed(format!("{}; {reason}", preflight::text(&problems)));
            }
            Err(stop) => return Err(stop),
        };
        let bytes = [&pair.left, &pair.right].map(|image| image.bytes()).iter().sum();
        problems.extend(preflight::disk(&self.job, bytes));
        let settings = self.job.settings.clone();
        // A resumed sweep stands where another one stopped: the picture with the origin is on disk.
        let is_first = !self.job.resume;
        problems.extend(work::in_background(move || preflight::images(&pair, is_first, &settings)).await?);
        self.mover.stop_if_cancelled()?;
        if problems.is_empty() { Ok(()) } else { failed(preflight::text(&problems)) }
    }

    /// What a calibration would do.
    fn plan(&self) -> Calibrate::Result {
        let mut here_mm = self.mover.start_mm;
        let (mut lines, mut moving_s) = (Vec::new(), 0.0);
        for (index, offset_mm) in self.job.plan.offsets_mm.iter().enumerate() {
            let target_mm: [f64; 3] = std::array::from_fn(|i| self.mover.start_mm[i] + offset_mm[i]);
            moving_s += self.mover.commander.duration_s(here_mm, target_mm);
            here_mm = target_mm;
            let [x, y, z] = target_mm.map(|mm| 1e-3 * mm);
            lines.push(format!("{:4}  x {x:.6}  y {y:.6}  z {z:.6} m", index + 1));
        }
        let poses = lines.len();
        let at_rest_s = poses as f64 * self.mover.settings.settle.window_s;
        let none = || "nowhere".to_string();
        let plan = format!(
            "{poses} poses in {}, commanded on {}\n{}\nat least {:.0} s; recorded to {}, calibration to {}\n",
            self.mover.shared.parameters.now().frames.base_frame.clone(),
            self.mover.shared.motion.topic(),
            lines.join("\n"),
            moving_s + at_rest_s,
            self.job.record.as_ref().map_or_else(none, |path| path.display().to_string()),
            self.job.file.as_ref().map_or_else(none, |path| path.display().to_string()),
        );
        tracing::info!("dry run: {plan}");
        let reason = format!("dry run: all checks passed, {poses} poses would be visited, nothing was moved");
        Calibrate::Result { reason, plan, ..Default::default() }
    }

    /// What is on disk of the sweep that is resumed, and its session; else an empty one.
    async fn open(&mut self) -> Result<(Option<Recorder>, SweepSession, usize), Stop> {
        let session = SweepSession::on(self.mover.shared.backend()?, self.job.settings.clone())?;
        let Some(folder) = self.job.record.clone() else { return Ok((None, session, 0)) };
        let offsets_mm = &self.job.plan.offsets_mm;
        if !self.job.resume {
            let start_mm = self.mover.start_mm;
            let header = Header { offsets_mm: offsets_mm.clone(), settings: self.job.settings.clone(), start_mm };
            return Ok((Some(Recorder::create(&folder, &header)?), session, 0));
        }
        let (recorder, header, pairs) = Recorder::resume(&folder, offsets_mm, &self.job.settings)?;
        self.mover.start_mm = header.start_mm;
        let done = pairs.len();
        tracing::info!("resuming after {done} of {} image pairs", offsets_mm.len());
        let problems = preflight::before_images(&self.mover, &self.job);
        if !problems.is_empty() {
            return failed(preflight::text(&problems));
        }
        let (cancelled, mut session, shared) = (self.mover.cancelled(), session, self.mover.shared.clone());
        let fitted = work::in_background(move || -> Result<SweepSession, Stop> {
            let backend = session.backend().clone();
            let read = |pair: &Pair| Ok::<_, Stop>(backend.load_pair(read_back(&folder, pair)?.map(Image::from)));
            prefetch(&pairs, read, |pair, taken| {
                if *cancelled.borrow() {
                    return Err(Stop::Cancelled);
                }
                let report = session.add_loaded(taken?, pair.pose)?;
                shared.live.send_modify(|live| live.add(report, Seen::of(&session, pair.pose)));
                Ok(())
            })?;
            Ok(session)
        });
        self.report("fitting", 0.0);
        Ok((Some(recorder), fitted.await??, done))
    }

    async fn sweep(&mut self) -> Result<Calibrate::Result, Stop> {
        let (mut recorder, mut session, done) = self.open().await?;
        let offsets_mm = self.job.plan.offsets_mm.clone();
        for (index, offset_mm) in offsets_mm.into_iter().enumerate().skip(done) {
            self.last.step = index as u32 + 1;
            let height_mm = offset_mm[2];
            self.report("moving", height_mm);
            let target_mm = std::array::from_fn(|i| self.mover.start_mm[i] + offset_mm[i]);
            let left = self.mover.fresh_pose()?;
            // A tool that stays where it is sees what it saw.
            let moves = distance(left.position_mm(), target_mm) > MOVES_MM;
            let left_ns = if moves { left.stamp_ns } else { i64::MIN };
            let settled = self.mover.go_to(target_mm, &format!("height {height_mm:.3} mm")).await?;
            self.report("settling", height_mm);
            let exposure = Exposure { left_ns, settled, tolerance_px: self.job.image_tolerance_px };
            let pair = exposure.take(&mut self.mover, &mut self.retaken).await?;
            let pose = self.pose_at_rest(&settled, &pair).await?;
            self.report("fitting", height_mm);
            // Off the executor: spinning, services and cancelling go on.
            let fitted = work::in_background(move || {
                let report = add(&mut recorder, &mut session, &pair, pose);
                let seen = Seen::of(&session, pose);
                (recorder, session, report, seen)
            });
            let (returned_recorder, returned, report, seen) = fitted.await?;
            (recorder, session) = (returned_recorder, returned);
            let report = report?;
            self.mover.shared.live.send_modify(|live| live.add(report, seen));
            self.last.residual = report.residual.left.max(report.residual.right);
            tracing::debug!(
                "height {} of {}, {height_mm:.3} mm: {} and {} crossings, residual {:.3}",
                self.last.step,
                self.last.steps,
                report.intersections.left,
                report.intersections.right,
                self.last.residual
            );
            self.mover.stop_if_cancelled()?;
        }
        let last_height = self.job.plan.offsets_mm.last().map_or(0.0, |offset_mm| offset_mm[2]);
        self.report("mapping", last_height);
        let fitted = work::in_background(move || -> Result<_, Stop> {
            let outcome = session.finish()?;
            let dataset = judged(&outcome);
            Ok((outcome.calibration, dataset))
        });
        let (calibration, dataset) = fitted.await??;
        self.mover.stop_if_cancelled()?;
        let mut file = String::new();
        if let Some(path) = self.job.file.clone() {
            self.report("saving", last_height);
            calibration.save(&path)?;
            services::export(&self.mover.shared, &calibration, &path);
            file = std::path::absolute(&path)?.display().to_string();
        }
        let result = Calibrate::Result { retaken: self.retaken, ..result(&calibration, file.clone()) };
        self.mover.shared.live.send_modify(|live| live.dataset = dataset);
        self.mover.shared.serve(calibration, file);
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
        self.mover.shared.live.send_modify(|live| live.progress = Some(self.last.clone()));
    }

    /// The first pair whose images are both stamped later than `since_ns`.
    async fn pair_after(&mut self, since_ns: i64, when: &str) -> Result<Arc<Stereo<StampedImage>>, Stop> {
        crate::ros::goal::still::pair_after(&mut self.mover, since_ns, when).await
    }

    /// From when the tool came to rest to the images: what a recording of them says, too.
    async fn pose_at_rest(&mut self, settled: &Settled, pair: &Stereo<StampedImage>) -> Result<ToolPose, Stop> {
        let until_ns = pair.left.stamp_ns.max(pair.right.stamp_ns);
        let begun = Instant::now();
        // All that belong to them: poses may come later than images.
        loop {
            let latest_ns = self.mover.fresh_pose()?.stamp_ns;
            if latest_ns > until_ns {
                break;
            }
            if begun.elapsed() > self.mover.settings.image_timeout {
                return failed(format!(
                    "the images are stamped {:.3} s later than the robot's latest pose: do the clocks of robot and cameras \
                     agree?",
                    (until_ns - latest_ns) as f64 * 1e-9
                ));
            }
            self.mover.wait(self.mover.settings.period).await?;
        }
        match locked(&self.mover.shared.poses).at_rest([settled.from_ns, until_ns]) {
            Some(pose) => Ok(pose),
            None => failed("no robot pose is stamped near the images: do the robot's and the cameras' clocks agree?"),
        }
    }
}

/// Fits a pair, and then has it on disk before the robot moves on.
fn add(
    recorder: &mut Option<Recorder>,
    session: &mut SweepSession,
    pair: &Stereo<StampedImage>,
    pose: ToolPose,
) -> Result<PairReport, Stop> {
    let images = Stereo::from_fn(|camera| pair[camera].to_gray());
    // A pair that can't be used is not recorded: a resumed sweep takes it anew.
    let report = session.add_pair(images.as_ref(), pose)?;
    if let Some(recorder) = recorder {
        recorder.add(Stereo::from_fn(|camera| pair[camera].raw()), pose)?;
    }
    Ok(report)
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
        ..Default::default()
    }
}
