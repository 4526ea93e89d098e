//! A bag as a folder: one still image pair for each place at which the tool rested.
//!
//! Twice through the bag: first the poses tell where the tool rested, then the images go by, few of them in memory at once.
//! Which pairs are taken is decided by [`crate::sweep::images::chooser`], as for the node.

use crate::GrayImage;
use crate::bag::error::BagError;
use crate::bag::messages;
use crate::bag::poses::{self, PoseSource};
use crate::bag::storage::Bag;
use crate::bag::topics::TopicCounter;
use crate::camera::{Camera, Stereo};
use crate::folder::image_file::{Counts, RawImage};
use crate::folder::poses_csv::{PoseRow, write_poses};
use crate::folder::recording::journal::image_path;
use crate::pose::tool_pose::StampedPose;
use crate::setting::Setting;
use crate::statistics::exceeds;
use crate::sweep::images::chooser::StillPairChooser;
use crate::sweep::images::still_pair::{CameraImage, NotYet, StillPair, StillPairSettings};
use crate::sweep::motion::settle::SettleSettings;
use crate::sweep::motion::stationary::{AtRest, StationaryInterval, stationary_intervals};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

/// What is read of a bag and how.
#[derive(Clone, Debug)]
pub struct BagSettings {
    /// Topics of sensor_msgs/Image.
    pub images: Stereo<String>,
    /// Where the tool's poses come from.
    pub pose: PoseSource,
    /// Largest difference of the stamps of an image pair, ns.
    pub sync_tolerance_ns: i64,
    /// When the tool is at rest; its reach is not used.
    pub settle: SettleSettings,
    /// Largest image shift between consecutive pairs at rest, px.
    pub image_tolerance_px: f64,
    /// Poses that are stamped earlier are left out, s since the first one.
    pub from_s: f64,
    /// Poses that are stamped later are left out, s since the first one.
    pub to_s: f64,
}

/// What became of a bag.
#[derive(Clone, Debug, PartialEq)]
pub struct Extracted {
    /// Image pairs written.
    pub pairs: usize,
    /// Places at which the tool rested, but that have no still pair, and why.
    pub skipped: Vec<String>,
    /// Pairs that were passed over: repeated, or moving.
    pub retaken: u32,
}

/// Turns of the tool beyond this make another camera of it, rad; as while the robot is commanded.
const MAX_TURN_RAD: f64 = 0.005;

/// Writes `out`/left, right and poses.csv.
///
/// # Errors
/// [`BagError`].
pub fn extract(bag: &Path, settings: &BagSettings, out: &Path) -> Result<Extracted, BagError> {
    let bag = Bag::open(bag)?;
    let poses = poses::read(&bag, settings)?;
    let places = places(&poses, settings)?;
    for camera in Camera::BOTH {
        let path = out.join(camera.to_string());
        std::fs::create_dir_all(&path).map_err(|cause| BagError::Io { path, cause })?;
    }
    let mut extraction = Extraction::new(settings, &poses, out);
    let topics = Camera::BOTH.map(|camera| settings.images[camera].as_str());
    let mut counter = TopicCounter::default();
    let kinds = bag.read(&topics, &mut |message| {
        let camera = if message.topic == settings.images.left { Camera::Left } else { Camera::Right };
        let number = counter.next(&message, "sensor_msgs/msg/Image", topic_of(camera))?;
        let failed = |cause| BagError::Message { topic: message.topic.into(), number, cause };
        let image = messages::image(message.data).map_err(failed)?;
        let counts = image.gray().map_err(failed)?;
        let (checksum, size) = (crc32fast::hash(image.data), [image.width, image.height]);
        extraction.add(camera, image.stamp_ns, Rc::new(RecordedImage { checksum, size, counts }))?;
        Ok(extraction.rows.len() < places.len())
    })?;
    for camera in Camera::BOTH {
        counter.demand(&settings.images[camera], &kinds, topic_of(camera))?;
    }
    extraction.finish(&places)
}

fn topic_of(camera: Camera) -> Setting {
    match camera {
        Camera::Left => Setting::LeftTopic,
        Camera::Right => Setting::RightTopic,
    }
}

/// Where the tool rested, turned alike everywhere.
fn places(poses: &[StampedPose], settings: &BagSettings) -> Result<Vec<StationaryInterval>, BagError> {
    let places = stationary_intervals(poses, settings.settle);
    let begin_ns = poses.first().map_or(0, |pose| pose.stamp_ns);
    let since_begin_s = |stamp_ns: i64| (stamp_ns - begin_ns) as f64 * 1e-9;
    let Some(first) = places.first() else {
        return Err(BagError::NoRest {
            window_s: settings.settle.window_s,
            tolerance_um: 1e3 * settings.settle.tolerance_mm,
            poses: poses.len(),
            span_s: poses.last().map_or(0.0, |pose| since_begin_s(pose.stamp_ns)),
        });
    };
    for place in &places {
        let turned_rad = first.orientation.angle_to(&place.orientation);
        if exceeds(turned_rad, MAX_TURN_RAD) {
            let at_s = since_begin_s(place.since_ns);
            return Err(BagError::Turned { turned_rad, limit_rad: MAX_TURN_RAD, at_s });
        }
    }
    Ok(places)
}

/// An image of a bag.
struct RecordedImage {
    /// CRC-32 of the message's data.
    checksum: u32,
    /// Width and height, px.
    size: [u32; 2],
    counts: Counts,
}

impl RecordedImage {
    fn raw(&self) -> RawImage<'_> {
        let [width, height] = self.size;
        RawImage { width, height, counts: &self.counts }
    }

    fn save(&self, path: &Path) -> image::ImageResult<()> {
        Ok(std::fs::write(path, self.raw().to_png()?)?)
    }
}

impl CameraImage for Rc<RecordedImage> {
    fn checksum(&self) -> u32 {
        self.checksum
    }

    fn to_gray(&self) -> GrayImage {
        self.raw().to_gray()
    }
}

/// The second pass: feeds the chooser and writes what it gives.
struct Extraction<'a> {
    chooser: StillPairChooser<Rc<RecordedImage>>,
    poses: &'a [StampedPose],
    /// Poses that the chooser has seen.
    fed: usize,
    out: &'a Path,
    rows: Vec<PoseRow>,
    /// Why a place had no pair when an image of it was looked at last.
    refused: BTreeMap<u32, NotYet>,
}

impl<'a> Extraction<'a> {
    fn new(settings: &BagSettings, poses: &'a [StampedPose], out: &'a Path) -> Self {
        let chooser = StillPairChooser::new(StillPairSettings {
            settle: Some(settings.settle),
            sync_tolerance_ns: settings.sync_tolerance_ns,
            image_tolerance_px: settings.image_tolerance_px,
        });
        Extraction { chooser, poses, fed: 0, out, rows: Vec::new(), refused: BTreeMap::new() }
    }

    /// Adds an image after all poses up to the first that is not older: in which order both were recorded plays no part.
    fn add(&mut self, camera: Camera, stamp_ns: i64, image: Rc<RecordedImage>) -> Result<(), BagError> {
        while self.fed < self.poses.len() && (self.fed == 0 || self.poses[self.fed - 1].stamp_ns < stamp_ns) {
            self.fed += 1;
            if let Ok(pair) = self.chooser.on_pose(self.poses[self.fed - 1]) {
                self.write(&pair)?;
            }
        }
        match self.chooser.on_image(camera, stamp_ns, image) {
            Ok(pair) => self.write(&pair),
            // It belongs to no place, or to one that has its pair.
            Err(NotYet::NoPose | NotYet::NotAtRest(_) | NotYet::PoseMissing { .. } | NotYet::Given) => Ok(()),
            Err(why) => {
                self.refused.extend(self.chooser.place().map(|place| (place, why)));
                Ok(())
            }
        }
    }

    fn write(&mut self, pair: &StillPair<Rc<RecordedImage>>) -> Result<(), BagError> {
        let Some(AtRest { interval, pose, .. }) = pair.at_rest else { return Ok(()) };
        for camera in Camera::BOTH {
            let path = image_path(self.out, camera, interval.place);
            pair.images[camera].save(&path).map_err(|cause| BagError::Write { path, cause })?;
        }
        self.rows.push(PoseRow { index: interval.place, pose });
        Ok(())
    }

    fn finish(self, places: &[StationaryInterval]) -> Result<Extracted, BagError> {
        let begin_ns = self.poses.first().map_or(0, |pose| pose.stamp_ns);
        let skipped = |place: &StationaryInterval| {
            let why = match self.refused.get(&place.place) {
                None => "no image is stamped within it; do the clocks of cameras and robot agree?".into(),
                Some(why @ NotYet::Moving { .. }) => format!("{why}; else raise {}", Setting::ImageTolerance),
                Some(why @ NotYet::NoPartner { .. }) => format!("{why}; else raise {}", Setting::SyncTolerance),
                Some(why) => why.to_string(),
            };
            let [x, y, z] = place.position_mm;
            let at_s = (place.since_ns - begin_ns) as f64 * 1e-9;
            format!("the stationary interval after {at_s:.1} s at ({x:.3}, {y:.3}, {z:.3}) mm: {why}")
        };
        let has_pair = |place: &&StationaryInterval| self.rows.iter().any(|row| row.index == place.place);
        let skipped: Vec<String> = places.iter().filter(|place| !has_pair(place)).map(skipped).collect();
        if let (true, Some(reason)) = (self.rows.is_empty(), skipped.first()) {
            return Err(BagError::NoPair { reason: reason.clone() });
        }
        write_poses(&self.out.join("poses.csv"), &self.rows)?;
        Ok(Extracted { pairs: self.rows.len(), skipped, retaken: self.chooser.passed_over() })
    }
}
