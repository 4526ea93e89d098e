//! A bag as a folder: where the tool rested, the first still image pair, chosen as the node chooses it.
//!
//! Twice through the bag: first the poses tell the rests, then the images go by, few of them in memory at once.

use crate::GrayImage;
use crate::bag::error::BagError;
use crate::bag::messages::{self, Image, MessageError};
use crate::bag::stationary::{Rest, rests};
use crate::bag::storage::{Bag, Message};
use crate::camera::{Camera, Stereo};
use crate::folder::image_file::{Counts, RawImage};
use crate::folder::poses_csv::{PoseRow, write_poses};
use crate::folder::recording::journal::image_path;
use crate::pose::tool_pose::{StampedPose, ToolPose};
use crate::pose::transforms::TransformBuffer;
use crate::statistics::exceeds;
use crate::sweep::images::stillness::shift_px;
use crate::sweep::motion::settle::SettleSettings;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// What is read of a bag and how.
#[derive(Clone, Debug)]
pub struct BagSettings {
    pub images: Stereo<String>,
    pub pose: PoseSource,
    /// Largest difference of the stamps of an image pair, ns.
    pub sync_tolerance_ns: i64,
    /// When the tool is at rest; its reach is not used.
    pub settle: SettleSettings,
    /// Largest movement of the picture at rest from one image to the next, px.
    pub image_tolerance_px: f64,
    /// Poses before and after are left out, s since the first one.
    pub from_s: f64,
    pub to_s: f64,
}

/// Where the tool's pose comes from.
#[derive(Clone, Debug)]
pub enum PoseSource {
    /// A topic of geometry_msgs/PoseStamped.
    Topic(String),
    /// /tf and /tf_static.
    Transforms { base: String, tool: String },
}

/// What became of a bag.
#[derive(Clone, Debug, PartialEq)]
pub struct Extracted {
    /// Image pairs written.
    pub pairs: usize,
    /// Rests that have no still pair, and why.
    pub skipped: Vec<String>,
    /// Pairs that were passed over: repeated, or moving.
    pub retaken: u32,
}

/// Turns of the tool beyond this make another camera of it, rad; as the node's limits.max_rotation.
const MOST_TURN_RAD: f64 = 0.005;
/// Images of one camera that wait for their partner.
const WAITING: usize = 8;

/// Writes `out`/left, right and poses.csv.
///
/// # Errors
/// [`BagError`].
pub fn extract(bag: &Path, settings: &BagSettings, out: &Path) -> Result<Extracted, BagError> {
    let bag = Bag::open(bag)?;
    let poses = poses(&bag, settings)?;
    let rests = rests(&poses, settings.settle);
    let span_s = |to: &StampedPose| poses.first().map_or(0.0, |from| (to.stamp_ns - from.stamp_ns) as f64 * 1e-9);
    let Some(first) = rests.first() else {
        return Err(BagError::NoRest {
            window_s: settings.settle.window_s,
            tolerance_um: 1e3 * settings.settle.tolerance_mm,
            poses: poses.len(),
            span_s: poses.last().map_or(0.0, span_s),
        });
    };
    for rest in &rests {
        let turned_rad = first.orientation.angle_to(&rest.orientation);
        if turned_rad > MOST_TURN_RAD {
            let at_s = poses.first().map_or(0.0, |begin| (rest.since_ns - begin.stamp_ns) as f64 * 1e-9);
            return Err(BagError::Turned { turned_rad, limit_rad: MOST_TURN_RAD, at_s });
        }
    }
    for camera in Camera::BOTH {
        let path = out.join(camera.to_string());
        std::fs::create_dir_all(&path).map_err(|cause| BagError::Io { path, cause })?;
    }
    let mut chooser = Chooser {
        settings,
        poses: &poses,
        out,
        sights: rests.iter().map(|_| Sight::default()).collect(),
        rests: &rests,
        seen: Stereo::default(),
        rows: Vec::new(),
        retaken: 0,
    };
    let topics = Camera::BOTH.map(|camera| settings.images[camera].as_str());
    let mut count = Counter::default();
    let kinds = bag.read(&topics, &mut |message| {
        let camera = if message.topic == settings.images.left { Camera::Left } else { Camera::Right };
        let number = count.next(&message, option(camera), "sensor_msgs/msg/Image")?;
        let failed = |cause| BagError::Message { topic: message.topic.into(), number, cause };
        chooser.add(camera, &messages::image(message.data).map_err(failed)?, &failed)?;
        Ok(chooser.rows.len() < rests.len())
    })?;
    for camera in Camera::BOTH {
        count.demand(&settings.images[camera], option(camera), &kinds)?;
    }
    chooser.finish()
}

fn option(camera: Camera) -> &'static str {
    match camera {
        Camera::Left => "--left-topic",
        Camera::Right => "--right-topic",
    }
}

/// Messages on each topic so far.
#[derive(Default)]
struct Counter(HashMap<String, u64>);

impl Counter {
    /// The message's number, from 1; its type must be `wanted`.
    fn next(&mut self, message: &Message, option: &'static str, wanted: &'static str) -> Result<u64, BagError> {
        if message.kind != wanted {
            let (topic, found) = (message.topic.to_string(), message.kind.to_string());
            return Err(BagError::Type { topic, option, found, wanted });
        }
        let number = self.0.entry(message.topic.into()).or_default();
        *number += 1;
        Ok(*number)
    }

    fn demand(&self, topic: &str, option: &'static str, kinds: &BTreeMap<String, String>) -> Result<(), BagError> {
        match self.0.contains_key(topic) {
            true => Ok(()),
            false => {
                let found = kinds.iter().map(|(name, kind)| format!("{name} ({kind})")).collect::<Vec<_>>();
                let found = if found.is_empty() { "none at all".into() } else { found.join(", ") };
                Err(BagError::NoTopic { topic: topic.into(), option, found })
            }
        }
    }
}

/// All poses in ascending order of their stamps, within the wanted time.
fn poses(bag: &Bag, settings: &BagSettings) -> Result<Vec<StampedPose>, BagError> {
    const TF: [&str; 2] = ["/tf", "/tf_static"];
    let mut poses: Vec<StampedPose> = Vec::new();
    let mut count = Counter::default();
    let mut frames = TransformBuffer::default();
    let mut add = |pose: StampedPose| {
        // The same stamp again is no news.
        if poses.last().is_none_or(|last| pose.stamp_ns > last.stamp_ns) {
            poses.push(pose);
        }
    };
    let topics = match &settings.pose {
        PoseSource::Topic(topic) => vec![topic.as_str()],
        PoseSource::Transforms { .. } => TF.to_vec(),
    };
    let kinds = bag.read(&topics, &mut |message| {
        let failed = |number| move |cause| BagError::Message { topic: message.topic.into(), number, cause };
        match &settings.pose {
            PoseSource::Topic(_) => {
                let number = count.next(&message, "--pose-topic", "geometry_msgs/msg/PoseStamped")?;
                add(messages::pose_stamped(message.data).map_err(failed(number))?);
            }
            PoseSource::Transforms { base, tool } => {
                let number = count.next(&message, "--pose-topic", "tf2_msgs/msg/TFMessage")?;
                for transform in messages::transforms(message.data).map_err(failed(number))? {
                    frames.add(transform, message.topic == TF[1]);
                }
                if let Ok(pose) = frames.latest(base, tool) {
                    add(pose);
                }
            }
        }
        Ok(true)
    })?;
    count.demand(topics[0], "--pose-topic, or frames with --base-frame and --tool-frame", &kinds)?;
    if let (true, PoseSource::Transforms { base, tool }) = (poses.is_empty(), &settings.pose)
        && let Err(cause) = frames.latest(base, tool)
    {
        return Err(BagError::NoTransform { base: base.clone(), tool: tool.clone(), cause });
    }
    let begin_ns = poses.first().map_or(0, |pose| pose.stamp_ns);
    poses.retain(|pose| (settings.from_s..=settings.to_s).contains(&((pose.stamp_ns - begin_ns) as f64 * 1e-9)));
    Ok(poses)
}

/// An image that may be taken.
struct Frame {
    stamp_ns: i64,
    crc: u32,
    size: [u32; 2],
    counts: Counts,
}

impl Frame {
    fn gray(&self) -> GrayImage {
        self.raw().to_gray()
    }

    fn save(&self, path: &Path) -> image::ImageResult<()> {
        Ok(std::fs::write(path, self.raw().to_png()?)?)
    }

    fn raw(&self) -> RawImage<'_> {
        let [width, height] = self.size;
        RawImage { width, height, counts: &self.counts }
    }
}

/// What was seen during a rest.
#[derive(Default)]
struct Sight {
    waiting: Stereo<Vec<Frame>>,
    /// The pair before, which tells whether the picture moves.
    before: Option<Stereo<GrayImage>>,
    images: Stereo<u32>,
    moved_px: Option<f64>,
    repeated: Option<Camera>,
    is_taken: bool,
}

struct Chooser<'a> {
    settings: &'a BagSettings,
    poses: &'a [StampedPose],
    rests: &'a [Rest],
    sights: Vec<Sight>,
    out: &'a Path,
    /// When each content of each camera was seen first.
    seen: Stereo<HashMap<u32, i64>>,
    rows: Vec<PoseRow>,
    retaken: u32,
}

impl Chooser<'_> {
    fn add(
        &mut self,
        camera: Camera,
        image: &Image,
        failed: &dyn Fn(MessageError) -> BagError,
    ) -> Result<(), BagError> {
        let crc = crc32fast::hash(image.data);
        let first_ns = self.seen[camera].entry(crc).or_insert(image.stamp_ns);
        *first_ns = image.stamp_ns.min(*first_ns);
        let at = self.rests.partition_point(|rest| rest.until_ns < image.stamp_ns);
        let Some(rest) = self.rests.get(at).filter(|rest| image.stamp_ns > rest.from_ns) else { return Ok(()) };
        let sight = &mut self.sights[at];
        sight.images[camera] += 1;
        if sight.is_taken {
            return Ok(());
        }
        let size = [image.width, image.height];
        let frame = Frame { stamp_ns: image.stamp_ns, crc, size, counts: image.gray().map_err(failed)? };
        let other = if camera == Camera::Left { Camera::Right } else { Camera::Left };
        let gap_ns = |partner: &Frame| (partner.stamp_ns - frame.stamp_ns).abs();
        let nearest = (0..sight.waiting[other].len()).min_by_key(|&i| gap_ns(&sight.waiting[other][i]));
        let Some(i) = nearest.filter(|&i| gap_ns(&sight.waiting[other][i]) <= self.settings.sync_tolerance_ns) else {
            let waiting = &mut sight.waiting[camera];
            waiting.push(frame);
            if waiting.len() > WAITING {
                waiting.remove(0);
            }
            return Ok(());
        };
        let partner = sight.waiting[other].swap_remove(i);
        let pair = match camera {
            Camera::Left => Stereo { left: frame, right: partner },
            Camera::Right => Stereo { left: partner, right: frame },
        };
        let is_repeated =
            |camera: &Camera| self.seen[*camera].get(&pair[*camera].crc).is_some_and(|first| *first < rest.left_ns);
        if let Some(camera) = Camera::BOTH.into_iter().find(is_repeated) {
            // A stale picture says nothing about rest.
            (sight.repeated, sight.before) = (Some(camera), None);
            self.retaken += 1;
            return Ok(());
        }
        let now = Stereo::from_fn(|camera| pair[camera].gray());
        let moved_px = sight.before.as_ref().map(|before| {
            // Where there is nothing to see, the fit will say so.
            let shifts = Camera::BOTH.map(|camera| shift_px(&before[camera], &now[camera]));
            shifts.into_iter().flatten().map(|shift| shift.norm()).fold(0.0, f64::max)
        });
        sight.before = Some(now);
        let (Some(moved_px), true) = (moved_px, Camera::BOTH.iter().all(|c| pair[*c].stamp_ns > rest.since_ns)) else {
            return Ok(());
        };
        sight.moved_px = Some(moved_px);
        if exceeds(moved_px, self.settings.image_tolerance_px) {
            self.retaken += 1;
            return Ok(());
        }
        (sight.is_taken, sight.before) = (true, None);
        sight.waiting = Stereo::default();
        self.take(at, &pair)
    }

    fn take(&mut self, at: usize, pair: &Stereo<Frame>) -> Result<(), BagError> {
        let rest = &self.rests[at];
        let until_ns = pair.left.stamp_ns.max(pair.right.stamp_ns);
        let begin = self.poses.partition_point(|pose| pose.stamp_ns < rest.from_ns);
        let pose =
            ToolPose::at_rest(&self.poses[begin..], [rest.from_ns, until_ns]).unwrap_or(ToolPose::at(rest.position_mm));
        let index = at as u32;
        for camera in Camera::BOTH {
            let path = image_path(self.out, camera, index);
            pair[camera].save(&path).map_err(|cause| BagError::Write { path, cause })?;
        }
        self.rows.push(PoseRow { index, pose });
        Ok(())
    }

    fn finish(self) -> Result<Extracted, BagError> {
        let begin_ns = self.poses.first().map_or(0, |pose| pose.stamp_ns);
        let left_out = |(rest, sight): (&Rest, &Sight)| {
            let [left, right] = [sight.images.left, sight.images.right];
            let why = match (sight.repeated, sight.moved_px) {
                (_, Some(moved_px)) => format!(
                    "the picture moves by {moved_px:.2} px from one image to the next, {} px are accepted \
                     (--image-tolerance-px)",
                    self.settings.image_tolerance_px
                ),
                (Some(camera), None) => format!("the {camera} camera repeats what it showed before the tool moved"),
                (None, None) => format!(
                    "{left} left and {right} right images are stamped within it, two pairs are needed (--sync-tolerance-s); \
                     do the clocks of cameras and robot agree?"
                ),
            };
            let [x, y, z] = rest.position_mm;
            let at_s = (rest.since_ns - begin_ns) as f64 * 1e-9;
            format!("the rest after {at_s:.1} s at ({x:.3}, {y:.3}, {z:.3}) mm: {why}")
        };
        let rests = self.rests.iter().zip(&self.sights);
        let skipped: Vec<String> = rests.filter(|(_, sight)| !sight.is_taken).map(left_out).collect();
        if let (true, Some(reason)) = (self.rows.is_empty(), skipped.first()) {
            return Err(BagError::NoPair { reason: reason.clone() });
        }
        write_poses(&self.out.join("poses.csv"), &self.rows)?;
        Ok(Extracted { pairs: self.rows.len(), skipped, retaken: self.retaken })
    }
}
