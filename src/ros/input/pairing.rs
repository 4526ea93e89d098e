//! Left and right images with the same stamp.

use crate::camera::{Camera, Stereo};
use crate::ros::input::images::StampedImage;
use std::collections::VecDeque;

/// Waits for the partner of each image.
#[derive(Debug, Default)]
pub struct Pairing {
    waiting: Stereo<VecDeque<StampedImage>>,
    /// Number of images that never found a partner.
    pub unpaired: u64,
}

/// Most images of one camera that wait for a partner: a second or two at usual rates.
const MAX_WAITING: usize = 8;

impl Pairing {
    /// Adds an image; gives the pair that it completes. Older images than the pair's have lost their chance.
    pub fn add(&mut self, camera: Camera, image: StampedImage, tolerance_ns: i64) -> Option<Stereo<StampedImage>> {
        let other = if camera == Camera::Left { Camera::Right } else { Camera::Left };
        let gap = |partner: &StampedImage| (partner.stamp_ns - image.stamp_ns).abs();
        let nearest = (0..self.waiting[other].len()).min_by_key(|&i| gap(&self.waiting[other][i]));
        let found = nearest.filter(|&i| gap(&self.waiting[other][i]) <= tolerance_ns);
        let Some(index) = found else {
            let queue = &mut self.waiting[camera];
            queue.push_back(image);
            if queue.len() > MAX_WAITING {
                queue.pop_front();
                self.unpaired += 1;
            }
            return None;
        };
        let partner = self.waiting[other].remove(index)?;
        let latest = image.stamp_ns.max(partner.stamp_ns);
        for side in Camera::BOTH {
            let before = self.waiting[side].len();
            self.waiting[side].retain(|waiting| waiting.stamp_ns > latest);
            self.unpaired += (before - self.waiting[side].len()) as u64;
        }
        Some(match camera {
            Camera::Left => Stereo { left: image, right: partner },
            Camera::Right => Stereo { left: partner, right: image },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::image_file::Counts;

    fn image(stamp_ns: i64) -> StampedImage {
        StampedImage { stamp_ns, width: 1, height: 1, crc: 0, counts: Counts::U8(vec![0]) }
    }

    #[test]
    fn pairs_form_by_stamp_and_unpaired_images_are_counted() {
        let mut pairing = Pairing::default();
        assert!(pairing.add(Camera::Left, image(0), 5).is_none());
        assert!(pairing.add(Camera::Left, image(100), 5).is_none());
        assert!(pairing.add(Camera::Right, image(50), 5).is_none());
        let pair = pairing.add(Camera::Right, image(103), 5).unwrap();
        assert_eq!((pair.left.stamp_ns, pair.right.stamp_ns), (100, 103));
        // Left 0 and right 50 never met anybody.
        assert_eq!(pairing.unpaired, 2);
    }

    #[test]
    fn a_silent_camera_does_not_fill_the_memory() {
        let mut pairing = Pairing::default();
        for i in 0..100 {
            assert!(pairing.add(Camera::Left, image(i * 1000), 5).is_none());
        }
        assert_eq!(pairing.unpaired, 100 - MAX_WAITING as u64);
    }
}
