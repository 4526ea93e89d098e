//! `gratingcal calibrate --bag`: options, with the node's defaults, and the folder that the bag becomes.

use anyhow::{Context, ensure};
use clap::Args;
use grating_calibration::bag::extract::{BagSettings, extract};
use grating_calibration::bag::poses::PoseSource;
use grating_calibration::camera::Stereo;
use grating_calibration::sweep::motion::settle::SettleSettings;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(next_help_heading = "Recorded sweeps")]
pub struct BagArgs {
    /// A sweep recorded by `ros2 bag record`, its folder or its .mcap or .db3 file, instead of --left, --right and --poses.
    #[arg(long, conflicts_with_all = ["left", "right", "poses"])]
    pub bag: Option<PathBuf>,
    /// Where the chosen images and poses are kept, as a folder that can be calibrated again.
    #[arg(long, value_name = "DIR", requires = "bag")]
    extract: Option<PathBuf>,
    /// sensor_msgs/Image of the left camera.
    #[arg(long, default_value = "/left/image_raw", requires = "bag")]
    left_topic: String,
    /// sensor_msgs/Image of the right camera.
    #[arg(long, default_value = "/right/image_raw", requires = "bag")]
    right_topic: String,
    /// geometry_msgs/PoseStamped of the tool, as measured.
    #[arg(long, default_value = "/robot/pose", requires = "bag")]
    pose_topic: String,
    /// Take the pose from /tf and /tf_static instead: from this frame …
    #[arg(long, value_name = "FRAME", requires = "tool_frame", conflicts_with = "pose_topic")]
    base_frame: Option<String>,
    /// … to this one.
    #[arg(long, value_name = "FRAME", requires = "base_frame")]
    tool_frame: Option<String>,
    /// Leave out what came earlier, s after the first pose.
    #[arg(long, default_value_t = 0.0, requires = "bag")]
    from_s: f64,
    /// Leave out what came later, s after the first pose.
    #[arg(long, default_value_t = f64::INFINITY, requires = "bag", hide_default_value = true)]
    to_s: f64,
    /// Time within which all poses must agree for the tool to be at rest, s.
    #[arg(long, default_value_t = 0.15, requires = "bag")]
    settle_window_s: f64,
    /// Largest distance of a pose from the mean of the settle window, per axis, µm.
    #[arg(long, default_value_t = 6.0, requires = "bag")]
    settle_tolerance_um: f64,
    /// Largest image shift between consecutive pairs, px.
    #[arg(long, default_value_t = 0.15, requires = "bag")]
    image_tolerance_px: f64,
    /// Largest difference of the stamps of an image pair, s.
    #[arg(long, default_value_t = 0.005, requires = "bag")]
    sync_tolerance_s: f64,
}

/// Where the images of a bag lie now; a temporary folder goes away with it.
pub struct Unpacked {
    pub folder: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl BagArgs {
    /// Chooses images and poses of `bag` and says what was left out.
    pub fn unpack(&self, bag: &Path) -> anyhow::Result<Unpacked> {
        let positive = |name, value: f64| {
            ensure!(value > 0.0 && value < 1e6, "{name} is {value}, it must be above 0");
            Ok(value)
        };
        let settings = BagSettings {
            images: Stereo { left: topic(&self.left_topic), right: topic(&self.right_topic) },
            pose: match (&self.base_frame, &self.tool_frame) {
                (Some(base), Some(tool)) => PoseSource::Transforms { base: base.clone(), tool: tool.clone() },
                _ => PoseSource::Topic(topic(&self.pose_topic)),
            },
            sync_tolerance_ns: (1e9 * positive("--sync-tolerance-s", self.sync_tolerance_s)?) as i64,
            settle: SettleSettings {
                window_s: positive("--settle-window-s", self.settle_window_s)?,
                tolerance_mm: 1e-3 * positive("--settle-tolerance-um", self.settle_tolerance_um)?,
                reach_mm: f64::INFINITY,
            },
            image_tolerance_px: positive("--image-tolerance-px", self.image_tolerance_px)?,
            from_s: self.from_s,
            to_s: self.to_s,
        };
        let temporary = match self.extract {
            Some(_) => None,
            None => Some(tempfile::tempdir().context("a temporary folder; or name one with --extract")?),
        };
        let folder = match (&self.extract, &temporary) {
            (Some(folder), _) => folder.clone(),
            (None, Some(temporary)) => temporary.path().into(),
            (None, None) => PathBuf::new(),
        };
        let extracted = extract(bag, &settings, &folder).with_context(|| bag.display().to_string())?;
        eprintln!(
            "{}: {} stationary intervals of the tool with a still image pair, {} pairs passed over",
            bag.display(),
            extracted.pairs,
            extracted.retaken
        );
        for skipped in &extracted.skipped {
            eprintln!("left out: {skipped}");
        }
        Ok(Unpacked { folder, _temporary: temporary })
    }
}

/// Bags know absolute names only.
fn topic(name: &str) -> String {
    if name.starts_with('/') { name.into() } else { format!("/{name}") }
}
