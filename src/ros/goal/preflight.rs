//! Everything that can be found out before the robot moves, each with its remedy.

use crate::camera::{Camera, Stereo};
use crate::grating::fit::refine::fit_cold;
use crate::mapping::method::Method;
use crate::pose::tool_pose::ToolPose;
use crate::ros::goal::job::Job;
use crate::ros::input::camera_input::{IMAGE, topic};
use crate::ros::input::image_buffer::Pair;
use crate::ros::input::pose_input::PoseInput;
use crate::ros::robot::lease::Robot;
use crate::ros::robot::mover::Mover;
use crate::ros::support::graph::Graph;
use crate::ros::support::parameters::setting_names::with_parameters;
use crate::sweep::error::SweepError;
use crate::sweep::images::quality::ImageQuality;
use crate::sweep::session::SweepSession;
use crate::sweep::settings::CalibrationSettings;
use std::path::{Path, PathBuf};

/// What is wrong before the robot has moved.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A pose of the plan is outside the limits.
    #[error(transparent)]
    Limit(#[from] crate::sweep::motion::limits::LimitError),
    /// Nobody listens to set points.
    #[error(
        "nobody listens on {topic}: is the robot's controller running, is {topic} remapped, does its QoS ask for more than \
         RELIABLE and VOLATILE, which is what is offered?"
    )]
    Unheard {
        /// Topic.
        topic: &'static str,
    },
    /// A publisher sends messages of another type.
    #[error("{topic} is published as {found} by {node}, {wanted} is needed: remap {topic}, or that publisher")]
    Kind {
        /// Topic.
        topic: &'static str,
        /// Node that publishes on it.
        node: String,
        /// Type of its messages.
        found: String,
        /// Type that is needed.
        wanted: &'static str,
    },
    /// A publisher of static transforms forgets what late subscribers need.
    #[error(
        "{topic} is published by {node} with durability VOLATILE, TRANSIENT_LOCAL is needed: who starts later never gets it; \
         let a StaticTransformBroadcaster publish it"
    )]
    NotLatched {
        /// Topic.
        topic: &'static str,
        /// Node that publishes on it.
        node: String,
    },
    /// Poses are in another frame.
    #[error(
        "robot poses are given in frame '{found}', base_frame is '{wanted}': set base_frame, or let the driver publish in it"
    )]
    PoseFrame {
        /// Frame of the poses.
        found: String,
        /// The parameter `base_frame`.
        wanted: String,
    },
    /// Poses come too rarely to see the tool at rest.
    #[error(
        "{rate_hz:.0} robot poses come per second, at least {needed_hz:.0} are needed to see the tool at rest within \
         settle.window = {window_s} s: let the driver publish faster, or widen settle.window"
    )]
    PoseRate {
        /// Poses per second.
        rate_hz: f64,
        /// Fewest poses per second.
        needed_hz: f64,
        /// The parameter `settle.window`.
        window_s: f64,
    },
    /// Images are too small.
    #[error("images of both cameras are {left:?} and {right:?} px: at least {MIN_SIDE_PX}×{MIN_SIDE_PX} are needed")]
    ImageSize {
        /// Width and height, px.
        left: [u32; 2],
        /// Width and height, px.
        right: [u32; 2],
    },
    /// An image is not good enough.
    #[error(transparent)]
    Quality(#[from] crate::sweep::images::quality::QualityError),
    /// The first pair can't be used.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// Both images show grids of different pitch.
    #[error(
        "lines are {left_px:.1} px apart in the left image and {right_px:.1} px in the right one: do both cameras see the \
         same sheet from about the same distance?"
    )]
    UnlikePitch {
        /// Distance between lines.
        left_px: f64,
        /// Distance between lines.
        right_px: f64,
    },
    /// A folder can't be written to.
    #[error("{folder} can't be written to: {cause}: create it, or give the node the right to write there")]
    Write {
        /// The folder.
        folder: PathBuf,
        /// The system's.
        cause: std::io::Error,
    },
    /// A disk is too full.
    #[error(
        "{folder} has {free_mib} MiB free, {needed_mib} MiB are needed: make room, or record elsewhere (record_dir)"
    )]
    Disk {
        /// The folder.
        folder: PathBuf,
        /// Free space.
        free_mib: u64,
        /// Needed space.
        needed_mib: u64,
    },
}

/// Disk space for calibration and journal, bytes.
const FILES_BYTES: u64 = 16 << 20;
/// Fewest poses within the settle window that tell rest from chance.
const MIN_POSES_AT_REST: f64 = 4.0;
/// Shortest side of an image, px.
const MIN_SIDE_PX: u32 = 64;

/// Fewest poses per second that show the tool at rest within `window_s`.
pub fn needed_hz(window_s: f64) -> f64 {
    MIN_POSES_AT_REST / window_s
}

/// Publishers that this node can't understand, or whose QoS keeps their messages from it. All its other subscriptions ask
/// for the least (BEST_EFFORT, VOLATILE), which every publisher offers.
pub async fn publishers(graph: &Graph, poses: &PoseInput) -> Vec<Problem> {
    let images = Camera::BOTH.map(|camera| (topic(camera), IMAGE));
    let is_static = |topic| topic == "/tf_static";
    let mut problems = Vec::new();
    for (topic, wanted) in images.into_iter().chain(poses.topics()) {
        let Some((_, found)) = graph.publishers(topic).await else { continue };
        for end in found {
            if end.kind != wanted {
                problems.push(Problem::Kind { topic, node: end.node, found: end.kind, wanted });
            } else if is_static(topic) && !end.is_latched {
                problems.push(Problem::NotLatched { topic, node: end.node });
            }
        }
    }
    problems
}

/// Limits and robot.
pub fn before_images(mover: &Mover<'_>, robot: &Robot, poses: &PoseInput, job: &Job) -> Vec<Problem> {
    let mut problems = Vec::new();
    for offset_mm in &job.plan.offsets_mm {
        let target_mm = std::array::from_fn(|i| mover.start_mm[i] + offset_mm[i]);
        if let Err(error) = mover.limits().check_box(target_mm) {
            // One is enough: the others say the same.
            problems.push(error.into());
            break;
        }
    }
    if robot.listeners() == Some(0) {
        problems.push(Problem::Unheard { topic: robot.topic() });
    }
    let found = poses.frame();
    // Many drivers leave it empty.
    if !found.is_empty() && found != job.base_frame {
        problems.push(Problem::PoseFrame { found, wanted: job.base_frame.clone() });
    }
    let (rate_hz, window_s) = (poses.rate_hz(), mover.settings.settle.window_s);
    let needed_hz = needed_hz(window_s);
    if rate_hz < needed_hz {
        problems.push(Problem::PoseRate { rate_hz, needed_hz, window_s });
    }
    problems
}

/// Whether there is room and right to write; `image_bytes` of one pair.
pub fn disk(job: &Job, image_bytes: u64) -> Vec<Problem> {
    let mut problems = Vec::new();
    let images = image_bytes * job.plan.offsets_mm.len() as u64;
    if let Some(folder) = &job.record {
        if let Err(cause) = std::fs::create_dir_all(folder) {
            problems.push(Problem::Write { folder: folder.clone(), cause });
        } else {
            problems.extend(room(folder, FILES_BYTES + images));
        }
    }
    if let Some(file) = &job.file {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        problems.extend(room(folder, FILES_BYTES));
    }
    problems
}

fn room(folder: &Path, needed: u64) -> Option<Problem> {
    if let Err(cause) = tempfile::NamedTempFile::new_in(folder) {
        return Some(Problem::Write { folder: folder.into(), cause });
    }
    // Where the file system does not tell, writing will.
    let found = rustix::fs::statvfs(folder).ok()?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    (free < needed).then(|| Problem::Disk { folder: folder.into(), free_mib: mib(free), needed_mib: mib(needed) })
}

/// Whether both images show the grid, well enough, and, in the first pair, tell its origin. Takes a second or so: not for
/// the executor.
pub fn images(pair: &Pair, is_first: bool, settings: &CalibrationSettings) -> Vec<Problem> {
    let sizes = Stereo::from_fn(|camera| [pair[camera].width, pair[camera].height]);
    if Camera::BOTH.iter().any(|camera| sizes[*camera].iter().any(|side| *side < MIN_SIDE_PX)) {
        return vec![Problem::ImageSize { left: sizes.left, right: sizes.right }];
    }
    let mut problems = Vec::new();
    let mut pitches_px = Vec::new();
    let grays = Stereo::from_fn(|camera| pair[camera].to_gray());
    for camera in Camera::BOTH {
        match fit_cold(&grays[camera], &settings.fit) {
            Err(cause) => problems.push(SweepError::Fit { camera, pair: 0, cause }.into()),
            Ok(fit) => {
                let quality = ImageQuality::of(&grays[camera], &fit);
                pitches_px.push(quality.pitch_px);
                problems.extend(quality.errors(camera, &grays[camera]).into_iter().map(Problem::from));
            }
        }
    }
    if let [left_px, right_px] = pitches_px[..]
        && !(0.5..2.0).contains(&(left_px / right_px))
    {
        problems.push(Problem::UnlikePitch { left_px, right_px });
    }
    if problems.is_empty() && is_first {
        let pose = ToolPose::at([0.0; 3]);
        // Whatever the method: origin, mark and pitch are found in the default fit.
        let settings = CalibrationSettings { method: Method::Auto, ..settings.clone() };
        let tried = SweepSession::new(settings).and_then(|mut session| session.add_pair(grays.as_ref(), pose));
        problems.extend(tried.err().map(Problem::from));
    }
    problems
}

/// All problems in one text.
pub fn text(problems: &[Problem]) -> String {
    with_parameters(&problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}
