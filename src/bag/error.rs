//! Why a bag can't be used.

use crate::bag::messages;
use crate::pose::transforms::TransformError;
use crate::setting::Setting;
use std::path::PathBuf;

/// Why a bag can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BagError {
    /// A file or folder can't be read or made.
    #[error("{path}: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: std::io::Error,
    },
    /// Neither a bag's folder nor one of its files.
    #[error("{path} is no bag: give a .mcap or .db3 file, or the folder that `ros2 bag record` made")]
    Kind {
        /// What was given.
        path: PathBuf,
    },
    /// The bag's metadata.yaml is not what rosbag2 writes.
    #[error("{path}: {cause}; is its rosbag2_bagfile_information complete? Give the .mcap or .db3 file itself")]
    Metadata {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: serde_yaml::Error,
    },
    /// rosbag2 compressed the bag as a whole.
    #[error(
        "{path} was recorded with the compression mode {mode}: unpack it with `ros2 bag convert`, or record without (chunks that \
         the mcap storage compresses itself can be read)"
    )]
    Compressed {
        /// The bag.
        path: PathBuf,
        /// Its compression mode.
        mode: String,
    },
    /// An .mcap file is damaged.
    #[error(
        "{path}: {cause}; the bag is damaged or was cut off: save what is whole with `mcap recover`, or record again"
    )]
    Mcap {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: mcap::McapError,
    },
    /// A .db3 file is damaged.
    #[error("{path}: {cause}; the bag is damaged or was cut off: mend it with `ros2 bag reindex`, or record again")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: rusqlite::Error,
    },
    /// A topic has no messages.
    #[error("the bag has no messages on {topic}, it has {found}: give {setting}")]
    NoTopic {
        /// The topic.
        topic: String,
        /// What names it.
        setting: Setting,
        /// The topics that have some, with their types.
        found: String,
    },
    /// A topic holds messages of another type.
    #[error("{topic} holds {found}, {wanted} is needed: give {setting}")]
    Type {
        /// The topic.
        topic: String,
        /// What names it.
        setting: Setting,
        /// Their type.
        found: String,
        /// The type that is needed.
        wanted: &'static str,
    },
    /// There are no transforms to take poses from.
    #[error(
        "the bag has no transforms on {topic}, it has {found}: record them, or give {pose_topic} instead of frames",
        pose_topic = Setting::PoseTopic
    )]
    NoTransforms {
        /// The topic.
        topic: String,
        /// The topics that have messages, with their types.
        found: String,
    },
    /// A message can't be read.
    #[error("message {number} on {topic}: {cause}")]
    Message {
        /// The topic.
        topic: String,
        /// Which one on its topic, from 1.
        number: u64,
        /// What is wrong with it.
        cause: messages::MessageError,
    },
    /// The transforms give no pose of the tool.
    #[error("the bag's transforms give no pose of '{tool}' in '{base}': {cause}")]
    NoTransform {
        /// Frame that poses are given in.
        base: String,
        /// Frame whose pose is asked for.
        tool: String,
        /// What is wrong with it.
        cause: TransformError,
    },
    /// The tool is never at rest.
    #[error(
        "the tool never stands still for {window_s} s within {tolerance_um:.2} µm in {poses} poses over {span_s:.1} s: was the \
         sweep recorded, do poses come often enough? Else raise {tolerance}", tolerance = Setting::SettleTolerance
    )]
    NoRest {
        /// Time that it must be at rest, s.
        window_s: f64,
        /// Largest distance of a pose from the mean, µm.
        tolerance_um: f64,
        /// Poses in the bag.
        poses: usize,
        /// Time from the first to the last of them, s.
        span_s: f64,
    },
    /// The tool turns between two places.
    #[error(
        "the tool turned by {turned_rad:.4} rad between its first stationary interval and that after {at_s:.1} s, at most \
         {limit_rad} rad are allowed: narrow {span} to the sweep", span = Setting::TimeSpan
    )]
    Turned {
        /// Angle between both orientations, rad.
        turned_rad: f64,
        /// Largest accepted angle, rad.
        limit_rad: f64,
        /// When it was found at rest at the second place, s after the first pose.
        at_s: f64,
    },
    /// No place has a still image pair.
    #[error("no stationary interval of the tool has a still image pair: {reason}")]
    NoPair {
        /// Why the first place has none.
        reason: String,
    },
    /// The folder can't be written.
    #[error(transparent)]
    Folder(#[from] crate::folder::error::FolderError),
    /// An image can't be written.
    #[error("{path}: {cause}: is the disk full, may this program write there?")]
    Write {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: image::ImageError,
    },
}
