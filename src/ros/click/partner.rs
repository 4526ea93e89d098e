//! The click in the other camera that makes a stereo point with a click.

use crate::camera::Camera;
use crate::ros::locked;
use crate::sweep::motion::profile::distance;
use nalgebra::Vector2;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Distance between two poses within which the tool was at rest from one click to the next, mm.
const AT_REST_MM: f64 = 0.05;

/// A clicked pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clicked {
    /// The image that was clicked.
    pub camera: Camera,
    /// Where.
    pub pixel: Vector2<f64>,
    /// Of the image, ns; 0: the latest.
    pub stamp_ns: i64,
}

/// A click that may still find its partner.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// The click.
    pub click: Clicked,
    /// Where the tool was in the base frame, mm, if that was known.
    pub position_mm: Option<[f64; 3]>,
    /// When it came.
    pub at: Instant,
}

/// The click that waits for its partner.
#[derive(Debug, Default)]
pub struct PartnerSearch(Mutex<Option<Waiting>>);

impl PartnerSearch {
    /// The click in the other camera that waited for this one: no longer than `longest`, and the tool was at rest since. Else
    /// this one waits from now on. Of two clicks at the same instant one waits and the other gets it.
    pub fn partner_or_wait(&self, new: Waiting, longest: Duration) -> Option<Clicked> {
        let mut waiting = locked(&self.0);
        let is_partner = |waiting: &Waiting| {
            let is_at_rest = match (waiting.position_mm, new.position_mm) {
                (Some(then), Some(now)) => distance(then, now) <= AT_REST_MM,
                _ => true,
            };
            let is_in_time = new.at.saturating_duration_since(waiting.at) <= longest;
            waiting.click.camera != new.click.camera && is_in_time && is_at_rest
        };
        match waiting.take() {
            Some(found) if is_partner(&found) => Some(found.click),
            _ => {
                *waiting = Some(new);
                None
            }
        }
    }

    /// A click that got another one's point is waiting from now on.
    pub fn wait(&self, new: Waiting) {
        *locked(&self.0) = Some(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::thread::scope;

    const MAX_PAIR_TIME: Duration = Duration::from_secs(10);

    fn click(camera: Camera) -> Waiting {
        let click = Clicked { camera, pixel: Vector2::zeros(), stamp_ns: 0 };
        Waiting { click, position_mm: Some([0.0; 3]), at: Instant::now() }
    }

    #[test]
    fn a_partner_is_in_the_other_camera_in_time_and_seen_from_the_same_pose() {
        let gets = |first: Waiting, second: Waiting| {
            let search = PartnerSearch::default();
            assert_eq!(search.partner_or_wait(first, MAX_PAIR_TIME), None);
            search.partner_or_wait(second, MAX_PAIR_TIME).is_some()
        };
        let (left, right) = (click(Camera::Left), click(Camera::Right));
        assert!(gets(left, right) && gets(right, left));
        assert!(!gets(left, left));
        assert!(!gets(left, Waiting { at: right.at + 2 * MAX_PAIR_TIME, ..right }));
        assert!(!gets(left, Waiting { position_mm: Some([0.0, 0.1, 0.0]), ..right }));
        assert!(gets(left, Waiting { position_mm: None, ..right }));
    }

    #[test]
    fn a_pair_is_used_up_and_a_late_click_waits_itself() {
        let search = PartnerSearch::default();
        let (left, right) = (click(Camera::Left), click(Camera::Right));
        assert_eq!(search.partner_or_wait(left, MAX_PAIR_TIME), None);
        assert_eq!(search.partner_or_wait(right, MAX_PAIR_TIME), Some(left.click));
        assert_eq!(search.partner_or_wait(right, MAX_PAIR_TIME), None);
        assert_eq!(search.partner_or_wait(left, MAX_PAIR_TIME), Some(right.click));
    }

    #[test]
    fn of_two_clicks_at_the_same_instant_exactly_one_gets_the_other() {
        for _ in 0..2000 {
            let (search, start) = (PartnerSearch::default(), Barrier::new(2));
            let gets = |camera| {
                start.wait();
                search.partner_or_wait(click(camera), MAX_PAIR_TIME).is_some()
            };
            let gets = &gets;
            let both =
                scope(|scope| Camera::BOTH.map(|camera| scope.spawn(move || gets(camera))).map(|t| t.join().unwrap()));
            assert_ne!(both[0], both[1], "each must be part of one pair");
        }
    }
}
