//! A pair of images taken at rest: what it must be, what it says, and why there is none yet.

use crate::GrayImage;
use crate::camera::{Camera, Stereo};
use crate::sweep::motion::settle::{SettleSettings, Unsettled};
use crate::sweep::motion::stationary::AtRest;

/// What a camera sent; a clone is cheap and shares it.
pub trait CameraImage: Clone {
    /// Of the image's content, to know it again.
    fn checksum(&self) -> u32;

    /// Brightness, 0 … 1 of full scale.
    fn to_gray(&self) -> GrayImage;
}

/// What a still pair must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StillPairSettings {
    /// When the tool counts as at rest; `None` where its poses are not known.
    pub settle: Option<SettleSettings>,
    /// Largest difference of the stamps of a pair's images, ns.
    pub sync_tolerance_ns: i64,
    /// Largest image shift between consecutive pairs, px.
    pub image_tolerance_px: f64,
}

/// An image pair without motion.
#[derive(Clone, Debug, PartialEq)]
pub struct StillPair<I> {
    /// Both images.
    pub images: Stereo<I>,
    /// When they were taken, ns.
    pub stamps_ns: Stereo<i64>,
    /// Mean pose, and the interval up to the later image; `None` where poses are not known.
    pub at_rest: Option<AtRest>,
    /// Image shift since the pair before, the larger of both cameras', px.
    pub moved_px: f64,
}

/// Why there is no still pair yet.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NotYet {
    /// Poses are waited for.
    #[error("no pose of the tool has come")]
    NoPose,
    /// The tool moves, or rests elsewhere.
    #[error("the tool is not at rest: {0}")]
    NotAtRest(Unsettled),
    /// No pose tells whether the tool was still at rest when the latest pair was taken.
    #[error("the images are stamped {:.3} s later than the tool's latest pose", 1e-9 * *.ahead_ns as f64)]
    PoseMissing {
        /// Stamp of the later image minus that of the latest pose, ns.
        ahead_ns: i64,
    },
    /// A camera is late, or silent.
    #[error("no {camera} image is stamped after the tool came to rest")]
    NoImage {
        /// The camera.
        camera: Camera,
    },
    /// Images come, but no pairs.
    #[error(
        "the stamps of left and right images are {:.4} s apart, those of a pair at most {:.4} s", 1e-9 * *.gap_ns as f64,
        1e-9 * *.tolerance_ns as f64
    )]
    NoPartner {
        /// Smallest difference of two stamps since the last pair, ns.
        gap_ns: i64,
        /// Largest accepted difference, ns.
        tolerance_ns: i64,
    },
    /// The latest pair was taken before the tool was found to be at rest.
    #[error("the latest images are {:.3} s older than the moment at which the tool was found to be at rest", 1e-9 * *.by_ns as f64)]
    OlderThanRest {
        /// By how much, ns.
        by_ns: i64,
    },
    /// A camera sends, with new stamps, what it sent before the tool moved.
    #[error("the {camera} camera repeats what it showed before the tool moved")]
    Repeated {
        /// The camera.
        camera: Camera,
    },
    /// Another pair is needed to tell whether the image moves.
    #[error("only one image pair was taken at rest, the next one tells whether the image moves")]
    OnePair,
    /// The image moves though the tool is at rest: something shakes cameras or sheet.
    #[error("the image moves by {moved_px:.2} px from one pair to the next, at most {limit_px} px are accepted")]
    Moving {
        /// Image shift since the pair before, px.
        moved_px: f64,
        /// Largest accepted shift, px.
        limit_px: f64,
    },
    /// This place has had its pair.
    #[error("the pair of this place has been given")]
    Given,
}
