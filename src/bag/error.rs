//! Why a bag can't be used.

use crate::bag::messages;
use crate::pose::transforms::TransformError;
use std::path::PathBuf;

/// Why a bag can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BagError {
    #[error("{path}: {cause}")]
    Io { path: PathBuf, cause: std::io::Error },
    #[error("{path} is no bag: give a .mcap or .db3 file, or the folder that `ros2 bag record` made")]
    Kind { path: PathBuf },
    #[error("{path}: {cause}; is its rosbag2_bagfile_information complete? Give the .mcap or .db3 file itself")]
    Metadata { path: PathBuf, cause: serde_yaml::Error },
    #[error(
        "{path} was recorded with --compression-mode {mode}: unpack it with `ros2 bag convert`, or record without (chunks that \
         the mcap storage compresses itself can be read)"
    )]
    Compressed { path: PathBuf, mode: String },
    #[error(
        "{path}: {cause}; the bag is damaged or was cut off: save what is whole with `mcap recover`, or record again"
    )]
    Mcap { path: PathBuf, cause: mcap::McapError },
    #[error("{path}: {cause}; the bag is damaged or was cut off: mend it with `ros2 bag reindex`, or record again")]
    Sqlite { path: PathBuf, cause: rusqlite::Error },
    #[error("the bag has no messages on {topic}, it has {found}: {remedy}")]
    NoTopic { topic: String, found: String, remedy: &'static str },
    #[error("{topic} holds {found}, {wanted} is needed: {remedy}")]
    Type { topic: String, found: String, wanted: &'static str, remedy: &'static str },
    #[error("message {number} on {topic}: {cause}")]
    Message { topic: String, number: u64, cause: messages::MessageError },
    #[error("the bag's transforms give no pose of '{tool}' in '{base}': {cause}")]
    NoTransform { base: String, tool: String, cause: TransformError },
    #[error(
        "the tool never stands still for {window_s} s within {tolerance_um:.2} µm in {poses} poses over {span_s:.1} s: was the \
         sweep recorded, do poses come often enough? Else raise --settle-tolerance-um"
    )]
    NoRest { window_s: f64, tolerance_um: f64, poses: usize, span_s: f64 },
    #[error(
        "the tool turned by {turned_rad:.4} rad between its first stationary interval and that after {at_s:.1} s, at most \
         {limit_rad} rad are allowed: cut the sweep out of the bag with --from-s and --to-s"
    )]
    Turned { turned_rad: f64, limit_rad: f64, at_s: f64 },
    #[error("no stationary interval of the tool has a still image pair: {reason}")]
    NoPair { reason: String },
    #[error(transparent)]
    Folder(#[from] crate::folder::error::FolderError),
    #[error("{path}: {cause}: is the disk full, may this program write there?")]
    Write { path: PathBuf, cause: image::ImageError },
}
