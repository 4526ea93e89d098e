//! One sweep, from preflight to file.
//!
//! ```text
//! preflight → for each height: move → settle → still pair → fit → on disk → told of → … → models → file → result
//! ```
//! Whatever ends it early (cancel, lost pose, deviation, no images, a bad fit, a full disk) stops the robot first.

use crate::camera::Stereo;
use crate::folder::recording::journal::Header;
use crate::folder::recording::record::Recorder;
use crate::folder::recording::recorded_session::RecordedSession;
use crate::grating::backend::cpu::forget_images;
use crate::pose::tool_pose::ToolPose;
use crate::ros::goal::calibrator::{Calibrator, OnProgress};
use crate::ros::goal::job::Job;
use crate::ros::goal::outcome::Outcome;
use crate::ros::goal::preflight;
use crate::ros::goal::request::CalibrationRequest;
use crate::ros::goal::still::{pair_after, still_pair};
use crate::ros::input::image_buffer::Pair;
use crate::ros::input::still_pairs::{StillPairs, Wanted};
use crate::ros::robot::lease::RobotLease;
use crate::ros::robot::mover::Mover;
use crate::ros::robot::stop::{Stop, failed};
use crate::ros::state::grid::MeasuredGrid;
use crate::ros::state::live::{Live, dataset_of};
use crate::ros::state::progress::{Progress, Stage};
use crate::ros::support::{process, work};
use crate::sweep::session::SweepSession;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time that the models take, in heights: an estimate for people.
const MAPPING_HEIGHTS: f64 = 3.0;

/// One goal in progress.
pub struct Sweep<'a> {
    calibrator: &'a Calibrator,
    lease: &'a RobotLease,
    job: Job,
    mover: Mover<'a>,
    still_pairs: StillPairs,
    on_progress: OnProgress,
    begun: Instant,
    progress: Progress,
}

impl<'a> Sweep<'a> {
    /// Reads the request and waits for the robot's pose.
    ///
    /// # Errors
    /// [`Stop`] with what is wrong and what to do.
    pub async fn prepare(
        calibrator: &'a Calibrator,
        lease: &'a RobotLease,
        request: &CalibrationRequest,
        on_progress: OnProgress,
    ) -> Result<Self, Stop> {
        let job = Job::new(request, &calibrator.parameters.now(), &calibrator.files)?;
        let mover = Mover::new(lease, true).await?;
        let still_pairs = StillPairs::start(mover.cameras(), &calibrator.poses, job.still_pairs)?;
        let progress = Progress { steps: job.plan.offsets_mm.len() as u32, ..Progress::default() };
        let begun = Instant::now();
        Ok(Sweep { calibrator, lease, job, mover, still_pairs, on_progress, begun, progress })
    }

    /// Runs the sweep.
    ///
    /// # Errors
    /// [`Stop`]; the robot has been told to hold then.
    pub async fn run(mut self) -> Result<Outcome, Stop> {
        self.preflight().await?;
        if self.job.is_dry_run {
            return Ok(self.plan());
        }
        tracing::info!(
            "calibrating: {} poses, commanded on {}; the robot moves",
            self.job.plan.offsets_mm.len(),
            self.lease.robot().topic()
        );
        let outcome = self.sweep().await;
        if outcome.is_err() {
            self.mover.hold();
        }
        // A sweep's images, fits and models are gone.
        forget_images();
        process::return_memory();
        outcome
    }

    /// Everything that can be found out before the robot moves.
    async fn preflight(&mut self) -> Result<(), Stop> {
        self.calibrator.live.send_modify(Live::begin);
        self.report(Stage::Preflight, 0.0);
        self.mover.watch_poses(preflight::needed_hz(self.mover.settings.settle.window_s)).await?;
        let mut problems = preflight::before_images(&self.mover, self.lease.robot(), &self.calibrator.poses, &self.job);
        problems.extend(preflight::publishers(&self.calibrator.graph, &self.calibrator.poses).await);
        // An older image may show where the tool came from.
        let since_ns = self.mover.fresh_pose()?.stamp_ns;
        let pair = match pair_after(&mut self.mover, since_ns, "before the robot moves").await {
            Ok(pair) => pair,
            Err(Stop::Failed(reason)) if !problems.is_empty() => {
                return failed(format!("{}; {reason}", preflight::text(&problems)));
            }
            Err(stop) => return Err(stop),
        };
        let bytes = [&pair.left, &pair.right].map(|image| image.bytes()).iter().sum();
        problems.extend(preflight::disk(&self.job, bytes));
        let settings = self.job.settings.clone();
        // A resumed sweep stands where another one stopped: the image with the origin is on disk.
        let is_first = !self.job.resumes;
        problems.extend(work::in_background(move || preflight::images(&pair, is_first, &settings)).await?);
        self.mover.stop_if_cancelled()?;
        if problems.is_empty() { Ok(()) } else { failed(preflight::text(&problems)) }
    }

    /// What a calibration would do.
    fn plan(&self) -> Outcome {
        let mut here_mm = self.mover.start_mm;
        let (mut lines, mut moving_s) = (Vec::new(), 0.0);
        for (index, offset_mm) in self.job.plan.offsets_mm.iter().enumerate() {
            let target_mm = self.target_mm(*offset_mm);
            moving_s += self.mover.duration_s(here_mm, target_mm);
            here_mm = target_mm;
            let [x, y, z] = target_mm.map(|mm| 1e-3 * mm);
            lines.push(format!("{:4}  x {x:.6}  y {y:.6}  z {z:.6} m", index + 1));
        }
        let poses = lines.len();
        let at_rest_s = poses as f64 * self.mover.settings.settle.window_s;
        let none = || "nowhere".to_string();
        let plan = format!(
            "{poses} poses in {}, commanded on {}\n{}\nat least {:.0} s; recorded to {}, calibration to {}\n",
            self.job.base_frame,
            self.lease.robot().topic(),
            lines.join("\n"),
            moving_s + at_rest_s,
            self.job.record.as_ref().map_or_else(none, |path| path.display().to_string()),
            self.job.file.as_ref().map_or_else(none, |path| path.display().to_string()),
        );
        tracing::info!("dry run: {plan}");
        Outcome::Planned { plan, poses }
    }

    fn target_mm(&self, offset_mm: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|i| self.mover.start_mm[i] + offset_mm[i])
    }

    /// The session: empty, or with what is on disk of the sweep that is resumed; and the number of its pairs.
    async fn open(&mut self) -> Result<(RecordedSession, usize), Stop> {
        let session = SweepSession::on(self.calibrator.backends.current()?, self.job.settings.clone())?;
        let Some(folder) = self.job.record.clone() else { return Ok((RecordedSession::unrecorded(session), 0)) };
        let offsets_mm = &self.job.plan.offsets_mm;
        if !self.job.resumes {
            let start_mm = self.mover.start_mm;
            let header = Header { offsets_mm: offsets_mm.clone(), settings: self.job.settings.clone(), start_mm };
            return Ok((RecordedSession::create(session, &folder, &header)?, 0));
        }
        let (recorder, header, pairs) = Recorder::resume(&folder, offsets_mm, &self.job.settings)?;
        self.mover.start_mm = header.start_mm;
        let done = pairs.len();
        tracing::info!("resuming after {done} of {} image pairs", offsets_mm.len());
        let problems = preflight::before_images(&self.mover, self.lease.robot(), &self.calibrator.poses, &self.job);
        if !problems.is_empty() {
            return failed(preflight::text(&problems));
        }
        let (cancelled, live) = (self.mover.cancelled(), self.calibrator.live.clone());
        let fitted = work::in_background(move || {
            RecordedSession::resume(session, &folder, recorder, &pairs, |session, report, pose| {
                live.send_modify(|live| live.add(report, MeasuredGrid::latest(session, pose)));
                if *cancelled.borrow() { Err(Stop::Cancelled) } else { Ok(()) }
            })
        });
        self.report(Stage::Fitting, 0.0);
        Ok((fitted.await??, done))
    }

    async fn sweep(&mut self) -> Result<Outcome, Stop> {
        let (mut session, done) = self.open().await?;
        for (index, offset_mm) in self.job.plan.offsets_mm.clone().into_iter().enumerate().skip(done) {
            self.progress.step = index as u32 + 1;
            let (pair, pose) = self.take(offset_mm).await?;
            session = self.fit(session, pair, pose, offset_mm[2]).await?;
        }
        self.map(session).await
    }

    /// Goes to a pose and takes a still pair there.
    async fn take(&mut self, offset_mm: [f64; 3]) -> Result<(Pair, ToolPose), Stop> {
        let (height_mm, target_mm) = (offset_mm[2], self.target_mm(offset_mm));
        self.report(Stage::Moving, height_mm);
        // Before the command: what cameras show until then is stale.
        let wanted = self.still_pairs.want(Wanted::AtRest(Some(target_mm)));
        self.mover.go_to(target_mm, &format!("height {height_mm:.3} mm")).await?;
        self.report(Stage::Settling, height_mm);
        let pair = still_pair(&mut self.mover, &self.still_pairs, wanted).await?;
        match pair.at_rest {
            Some(at_rest) => Ok((pair.images, at_rest.pose)),
            None => failed("no robot pose is stamped near the images: do the robot's and the cameras' clocks agree?"),
        }
    }

    /// Fits and records a pair, then tells of it.
    async fn fit(
        &mut self,
        mut session: RecordedSession,
        pair: Pair,
        pose: ToolPose,
        height_mm: f64,
    ) -> Result<RecordedSession, Stop> {
        self.report(Stage::Fitting, height_mm);
        // Off the executor: spinning, services and cancelling go on.
        let fitted = work::in_background(move || -> Result<_, Stop> {
            let report = session.add(Stereo::from_fn(|camera| pair[camera].raw()), pose)?;
            let grid = MeasuredGrid::latest(session.session(), pose);
            Ok((session, report, grid))
        });
        let (session, report, grid) = fitted.await??;
        self.calibrator.live.send_modify(|live| live.add(report, grid));
        self.progress.residual = report.residual.left.max(report.residual.right);
        tracing::debug!(
            "height {} of {}, {height_mm:.3} mm: {} and {} intersections, residual {:.3}",
            self.progress.step,
            self.progress.steps,
            report.intersections.left,
            report.intersections.right,
            self.progress.residual
        );
        self.mover.stop_if_cancelled()?;
        Ok(session)
    }

    /// Fits the models, writes them, and serves them.
    async fn map(&mut self, session: RecordedSession) -> Result<Outcome, Stop> {
        let last_height_mm = self.job.plan.offsets_mm.last().map_or(0.0, |offset_mm| offset_mm[2]);
        self.report(Stage::Mapping, last_height_mm);
        let fitted = work::in_background(move || -> Result<_, Stop> {
            let outcome = session.finish()?;
            let dataset = dataset_of(&outcome);
            Ok((Arc::new(outcome.calibration), dataset))
        });
        let (calibration, dataset) = fitted.await??;
        self.mover.stop_if_cancelled()?;
        let mut file = String::new();
        if let Some(path) = self.job.file.clone() {
            self.report(Stage::Saving, last_height_mm);
            file = self.calibrator.served.save(&calibration, &path)?.display().to_string();
        }
        self.calibrator.live.send_modify(|live| live.dataset = dataset);
        self.calibrator.served.serve(calibration.clone(), file.clone());
        Ok(Outcome::Calibrated { calibration, file, retaken: self.still_pairs.state().passed_over })
    }

    fn report(&mut self, stage: Stage, height_mm: f64) {
        let done = f64::from(self.progress.step.saturating_sub(1));
        let to_do = f64::from(self.progress.steps) - done + MAPPING_HEIGHTS;
        let remaining_s = if done > 0.0 { self.begun.elapsed().as_secs_f64() / done * to_do } else { 0.0 };
        let remaining = Duration::try_from_secs_f64(remaining_s).unwrap_or_default();
        self.progress = Progress { stage, height_mm, remaining, ..self.progress };
        (self.on_progress)(&self.progress);
        self.calibrator.live.send_modify(|live| live.progress = Some(self.progress));
    }
}
