//! Left and right images of the same exposure, by their stamps.

use crate::camera::{Camera, Stereo};
use std::collections::VecDeque;

/// Anything that carries a stamp.
pub trait Stamped {
    /// When it was taken, ns.
    fn stamp_ns(&self) -> i64;
}

/// Brings both cameras' images together. Which pairs come out depends on the order of each camera's images only, not on how
/// both streams are interleaved.
///
/// Each image meets the oldest one of the other camera that is within the tolerance. It is the nearest one if the
/// tolerance is less than half the time between images.
#[derive(Debug)]
pub struct Pairing<I> {
    waiting: Stereo<VecDeque<I>>,
    latest_ns: Stereo<Option<i64>>,
    unpaired: u64,
    /// Between images that met but were no pair, since the last pair.
    least_gap_ns: Option<i64>,
}

/// Images of one camera that wait at most: 1 s at 8 Hz. The other camera is late by more, or silent.
pub const MAX_WAITING: usize = 8;
/// A clock that jumps back by more was set anew; what was stamped before it is worthless, ns.
pub const CLOCK_JUMP_NS: i64 = 1_000_000_000;

impl<I> Default for Pairing<I> {
    fn default() -> Self {
        let waiting = Stereo::from_fn(|_| VecDeque::new());
        Pairing { waiting, latest_ns: Stereo::default(), unpaired: 0, least_gap_ns: None }
    }
}

impl<I: Stamped> Pairing<I> {
    /// Adds an image; gives the pair that it completes, with stamps at most `tolerance_ns` apart.
    ///
    /// An image that is not stamped later than the one before it is left out.
    pub fn add(&mut self, camera: Camera, image: I, tolerance_ns: i64) -> Option<Stereo<I>> {
        let stamp_ns = image.stamp_ns();
        if let Some(latest_ns) = self.latest_ns[camera] {
            if stamp_ns < latest_ns - CLOCK_JUMP_NS {
                self.clear();
            } else if stamp_ns <= latest_ns {
                self.unpaired += 1;
                return None;
            }
        }
        self.latest_ns[camera] = Some(stamp_ns);
        self.waiting[camera].push_back(image);
        let Stereo { left, right } = &mut self.waiting;
        while let (Some(first_left), Some(first_right)) = (left.front(), right.front()) {
            let gap_ns = first_left.stamp_ns().saturating_sub(first_right.stamp_ns());
            if gap_ns.saturating_abs() <= tolerance_ns {
                self.least_gap_ns = None;
                return left.pop_front().zip(right.pop_front()).map(|(left, right)| Stereo { left, right });
            }
            let least_ns = self.least_gap_ns.unwrap_or(i64::MAX);
            self.least_gap_ns = Some(gap_ns.saturating_abs().min(least_ns));
            // Whatever comes is stamped later still.
            (if gap_ns < 0 { &mut *left } else { &mut *right }).pop_front();
            self.unpaired += 1;
        }
        if self.waiting[camera].len() > MAX_WAITING {
            self.waiting[camera].pop_front();
            self.unpaired += 1;
        }
        None
    }

    /// Images that never found a partner.
    pub fn unpaired(&self) -> u64 {
        self.unpaired
    }

    /// Stamp of the latest image of a camera, ns.
    pub fn latest_ns(&self, camera: Camera) -> Option<i64> {
        self.latest_ns[camera]
    }

    /// Smallest difference of the stamps of two images that met but were no pair, since the last pair, ns.
    pub fn least_gap_ns(&self) -> Option<i64> {
        self.least_gap_ns
    }

    /// Forgets all images.
    pub fn clear(&mut self) {
        self.unpaired += Camera::BOTH.iter().map(|camera| self.waiting[*camera].len() as u64).sum::<u64>();
        *self = Pairing { unpaired: self.unpaired, ..Pairing::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Stamped for i64 {
        fn stamp_ns(&self) -> i64 {
            *self
        }
    }

    #[test]
    fn pairs_form_by_stamp_and_the_rest_is_counted() {
        let mut pairing = Pairing::default();
        assert_eq!(pairing.add(Camera::Left, 0, 5), None);
        assert_eq!(pairing.add(Camera::Left, 100, 5), None);
        assert_eq!(pairing.add(Camera::Right, 50, 5), None);
        assert_eq!(pairing.add(Camera::Right, 103, 5), Some(Stereo { left: 100, right: 103 }));
        // Left 0 and right 50 never met anybody; the same stamp again is no news.
        assert_eq!(pairing.add(Camera::Right, 103, 5), None);
        assert_eq!(pairing.unpaired(), 3);
    }

    #[test]
    fn a_silent_camera_does_not_fill_the_memory() {
        let mut pairing = Pairing::default();
        for i in 0..100 {
            assert_eq!(pairing.add(Camera::Left, i * 1000, 5), None);
        }
        assert_eq!(pairing.unpaired(), 100 - MAX_WAITING as u64);
        assert_eq!(pairing.add(Camera::Right, 99_001, 5), Some(Stereo { left: 99_000, right: 99_001 }));
    }

    #[test]
    fn a_clock_that_was_set_back_begins_anew() {
        let mut pairing = Pairing::default();
        pairing.add(Camera::Left, 10 * CLOCK_JUMP_NS, 5);
        assert_eq!(pairing.add(Camera::Left, 7, 5), None);
        assert_eq!(pairing.add(Camera::Right, 8, 5), Some(Stereo { left: 7, right: 8 }));
    }
}
