//! The latest images: pairs by stamp, and how the cameras are doing.

use crate::camera::{Camera, Stereo};
use crate::ros::input::images::{ImageError, StampedImage};
use crate::sweep::images::pairing::Pairing;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// Both images of the same exposure.
pub type Pair = Stereo<Arc<StampedImage>>;

/// Images over which the rate is counted.
const RATE_IMAGES: usize = 16;

/// What came from both cameras.
#[derive(Debug, Default)]
pub struct ImageBuffer {
    pairing: Pairing<Arc<StampedImage>>,
    cameras: Stereo<CameraImages>,
    /// The pair before the latest one, and the latest one.
    recent: VecDeque<Pair>,
}

/// What came from one camera.
#[derive(Debug, Default)]
struct CameraImages {
    received: u64,
    bad: u64,
    last_error: Option<ImageError>,
    size: [u32; 2],
    frame_id: String,
    arrivals: VecDeque<Instant>,
}

/// How a camera is doing.
#[derive(Clone, Debug)]
pub struct CameraHealth {
    /// Number of good images.
    pub received: u64,
    /// Number of messages that were no usable image.
    pub bad: u64,
    /// What was wrong with the last of those.
    pub last_error: Option<ImageError>,
    /// Width and height of the last image, px.
    pub size: [u32; 2],
    /// Frame of the last image's header.
    pub frame_id: String,
    /// Time since the last good image; `None` before the first.
    pub age_s: Option<f64>,
    /// Images per second.
    pub rate_hz: f64,
}

impl ImageBuffer {
    /// Adds an image; gives the pair that it completes.
    pub fn add(
        &mut self,
        camera: Camera,
        image: Arc<StampedImage>,
        frame_id: String,
        tolerance_ns: i64,
    ) -> Option<Pair> {
        let side = &mut self.cameras[camera];
        side.received += 1;
        side.size = [image.width, image.height];
        side.frame_id = frame_id;
        push(&mut side.arrivals, Instant::now(), RATE_IMAGES);
        let pair = self.pairing.add(camera, image, tolerance_ns)?;
        push(&mut self.recent, pair.clone(), 2);
        Some(pair)
    }

    /// Counts a message that was no image; `true` the first time, when it is worth a log line.
    pub fn add_bad(&mut self, camera: Camera, error: ImageError) -> bool {
        let side = &mut self.cameras[camera];
        side.bad += 1;
        let new = side.last_error.as_ref() != Some(&error);
        side.last_error = Some(error);
        new
    }

    /// The latest two pairs, older first.
    pub fn recent(&self) -> Vec<Pair> {
        self.recent.iter().cloned().collect()
    }

    /// How a camera is doing.
    pub fn health(&self, camera: Camera) -> CameraHealth {
        let side = &self.cameras[camera];
        let span_s = match (side.arrivals.front(), side.arrivals.back()) {
            (Some(first), Some(last)) => last.duration_since(*first).as_secs_f64(),
            _ => 0.0,
        };
        CameraHealth {
            received: side.received,
            bad: side.bad,
            last_error: side.last_error.clone(),
            size: side.size,
            frame_id: side.frame_id.clone(),
            age_s: side.arrivals.back().map(|last| last.elapsed().as_secs_f64()),
            rate_hz: if span_s > 0.0 { (side.arrivals.len() - 1) as f64 / span_s } else { 0.0 },
        }
    }

    /// Number of images that never found a partner.
    pub fn unpaired(&self) -> u64 {
        self.pairing.unpaired()
    }

    /// What may be the matter when no pair comes.
    pub fn trouble(&self) -> String {
        let [left, right] = Camera::BOTH.map(|camera| self.health(camera));
        let silent = [("left", &left), ("right", &right)].into_iter().filter_map(|(name, health)| match health.age_s {
            None => Some(format!("the {name} camera never sent a usable image")),
            Some(age_s) if age_s > 1.0 => Some(format!("the {name} camera has been silent for {age_s:.1} s")),
            Some(_) => None,
        });
        let bad = [("left", &left), ("right", &right)].into_iter().filter_map(|(name, health)| {
            health.last_error.as_ref().map(|error| format!("{} bad {name} images, the last: {error}", health.bad))
        });
        let known: Vec<String> = silent.chain(bad).collect();
        let known = if known.is_empty() { String::new() } else { format!("{}; ", known.join("; ")) };
        format!(
            "{known}{} left and {} right images came so far, {} without a partner; are the cameras running, are \
             left/image_raw and right/image_raw remapped, is sync_tolerance large enough?",
            left.received,
            right.received,
            self.unpaired()
        )
    }
}

/// Adds an item to the latest `count`.
fn push<T>(queue: &mut VecDeque<T>, item: T, count: usize) {
    if queue.len() >= count {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::image_file::Counts;

    fn image(stamp_ns: i64) -> Arc<StampedImage> {
        Arc::new(StampedImage { stamp_ns, width: 1, height: 1, crc: 0, counts: Counts::U8(vec![0]) })
    }

    #[test]
    fn the_latest_two_pairs_are_kept_and_silence_is_named() {
        let mut images = ImageBuffer::default();
        assert!(images.trouble().contains("right camera never sent"));
        for stamp_ns in [1, 2, 3] {
            assert!(images.add(Camera::Left, image(stamp_ns), String::new(), 0).is_none());
            assert!(images.add(Camera::Right, image(stamp_ns), String::new(), 0).is_some());
        }
        assert_eq!(images.recent().iter().map(|pair| pair.left.stamp_ns).collect::<Vec<_>>(), [2, 3]);
    }
}
