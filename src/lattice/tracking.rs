//! The same printed line keeps its number from height to height.
//!
//! A fit knows phases only up to whole periods. The original picks the numbers for which the origin moves least,
//! Eq. (15), printed with two slips: its first term is (u_{h+Δ} − u_{h+Δ})², always zero, and its second has the wrong sign.
//! Here every intersection is predicted from the heights before. All renumberings are scored by how far the intersections
//! then lie from their predictions, and the best must win by a margin.

use crate::grating::phase_field::LineNumbers;
use crate::lattice::intersections::Intersection;
use crate::statistics::median;
use nalgebra::Vector2;
use rustc_hash::FxHashMap;

/// Renumberings by up to this many lines either way are considered.
const REACH: i32 = 4;
/// Fewer common intersections than this prove nothing.
const MIN_COMMON: usize = 12;

/// How the numbers were found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tracked {
    /// Added to the fit's own numbers.
    pub shift: LineNumbers,
    /// RMS distance of the intersections from their predictions, px.
    pub rms_px: f64,
    /// How much worse the best other renumbering is, in pitches.
    pub margin: f64,
}

/// Why the numbers are not certain.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrackingError {
    /// Two renumberings explain the image about as well.
    #[error(
        "phase ambiguous: two line numberings differ by {margin:.2} pitches only (at least {limit:.2} is demanded): take \
         smaller height steps, or check that nothing moved but the robot"
    )]
    Ambiguous {
        /// By how much the worse one is worse, pitches.
        margin: f64,
        /// Smallest accepted margin, pitches.
        limit: f64,
    },
    /// Too few intersections were seen before.
    #[error(
        "phase ambiguous: only {common} intersections are seen both here and at the heights before, at least {MIN_COMMON} \
         are needed: take smaller height steps"
    )]
    TooFewCommon {
        /// How many were.
        common: usize,
    },
}

/// Smallest margin that is accepted, in pitches.
pub const MIN_MARGIN: f64 = 0.3;

/// Where the numbered intersections of one image were seen, px.
type Seen = FxHashMap<LineNumbers, Vector2<f64>>;

/// Positions of numbered intersections at earlier poses, for one camera.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    /// The last two poses, latest last: the tool's position and the intersections.
    history: Vec<(f64, Seen)>,
    /// The first pose and all jogs: displacement along x and y, mm, and the intersections.
    places: Vec<(Vector2<f64>, Seen)>,
}

impl Tracker {
    /// Remembers intersections with their final numbers, seen at `height_mm`.
    pub fn remember(&mut self, height_mm: f64, intersections: &[Intersection]) {
        let numbered: FxHashMap<_, _> = intersections.iter().map(|i| (i.lines, i.pixel)).collect();
        if self.places.is_empty() {
            self.places.push((Vector2::zeros(), numbered.clone()));
        }
        if self.history.len() == 2 {
            self.history.remove(0);
        }
        self.history.push((height_mm, numbered));
    }

    /// Remembers intersections with their final numbers, seen after a jog by `jog_mm` along x and y.
    pub fn remember_jog(&mut self, jog_mm: Vector2<f64>, intersections: &[Intersection]) {
        self.places.push((jog_mm, intersections.iter().map(|i| (i.lines, i.pixel)).collect()));
    }

    /// Like [`Self::track`], after a jog: lines should be where the nearest earlier jog saw them, give or take a third of
    /// the pitch.
    ///
    /// # Errors
    /// [`TrackingError`] when no renumbering, or more than one, is plausible.
    pub fn track_jog(&self, jog_mm: Vector2<f64>, intersections: &[Intersection]) -> Result<Tracked, TrackingError> {
        let distance = |place: &&(Vector2<f64>, _)| (place.0 - jog_mm).norm();
        let nearest = self.places.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        best_renumbering(nearest.map_or(&FxHashMap::default(), |(_, seen)| seen), intersections)
    }

    /// Whether no height has been remembered yet.
    pub fn is_empty(&self) -> bool {
        self.history.is_empty()
    }

    /// Where each intersection should be seen at `height_mm`: where it was, moving on as it did before.
    fn predict(&self, height_mm: f64) -> Seen {
        let Some((last_height, last)) = self.history.last() else {
            return FxHashMap::default();
        };
        let Some((before_height, before)) = self.history.first().filter(|_| self.history.len() == 2) else {
            return last.clone();
        };
        let span = last_height - before_height;
        // Hardly any motion gives no direction.
        let share = if span.abs() > 1e-3 { (height_mm - last_height) / span } else { 0.0 };
        if share == 0.0 || share.abs() > 20.0 {
            return last.clone();
        }
        let moved = |lines: &LineNumbers, pixel: &Vector2<f64>| {
            before.get(lines).map(|earlier| (*lines, pixel + (pixel - earlier) * share))
        };
        last.iter().filter_map(|(lines, pixel)| moved(lines, pixel)).collect()
    }

    /// The renumbering under which `intersections` (with the fit's numbers) lie where they should at `height_mm`.
    ///
    /// # Errors
    /// [`TrackingError`] when no renumbering, or more than one, is plausible.
    pub fn track(&self, height_mm: f64, intersections: &[Intersection]) -> Result<Tracked, TrackingError> {
        best_renumbering(&self.predict(height_mm), intersections)
    }
}

/// The renumbering under which `intersections` lie nearest to where they are `predicted`.
fn best_renumbering(predicted: &Seen, intersections: &[Intersection]) -> Result<Tracked, TrackingError> {
    let here: Seen = intersections.iter().map(|i| (i.lines, i.pixel)).collect();
    // A fit from nothing numbers from anywhere: start where the image centre's line was.
    let base = coarse_shift(predicted, intersections);
    let mut scores: Vec<(f64, LineNumbers, usize)> = Vec::new();
    for h in -REACH..=REACH {
        for v in -REACH..=REACH {
            let shift = base.shifted(h, v);
            let (mut sum, mut common) = (0.0, 0);
            // In their own order: the same images give the same sum to the last bit.
            for seen in intersections {
                if let Some(expected) = predicted.get(&seen.lines.shifted(shift.h, shift.v)) {
                    sum += (seen.pixel - expected).norm_squared();
                    common += 1;
                }
            }
            if common >= MIN_COMMON {
                scores.push(((sum / common as f64).sqrt(), shift, common));
            }
        }
    }
    scores.sort_by(|a, b| a.0.total_cmp(&b.0));
    let pitch_px = typical_pitch(&here);
    match scores.as_slice() {
        [best, second, ..] => {
            let margin = (second.0 - best.0) / pitch_px;
            if margin < MIN_MARGIN {
                return Err(TrackingError::Ambiguous { margin, limit: MIN_MARGIN });
            }
            Ok(Tracked { shift: best.1, rms_px: best.0, margin })
        }
        _ => Err(TrackingError::TooFewCommon { common: scores.first().map_or(0, |best| best.2) }),
    }
}

/// Renumbering that takes the intersection nearest to the middle of `here` to the nearest predicted one.
fn coarse_shift(predicted: &Seen, here: &[Intersection]) -> LineNumbers {
    let none = LineNumbers { h: 0, v: 0 };
    if here.is_empty() {
        return none;
    }
    let middle = here.iter().map(|i| i.pixel).sum::<Vector2<f64>>() / here.len() as f64;
    let distance = |pixel: &Vector2<f64>| (pixel - middle).norm_squared();
    let nearest = here.iter().min_by(|a, b| distance(&a.pixel).total_cmp(&distance(&b.pixel)));
    let expected = predicted.iter().min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)));
    match (nearest, expected) {
        (Some(seen), Some((lines, _))) => LineNumbers { h: lines.h - seen.lines.h, v: lines.v - seen.lines.v },
        _ => none,
    }
}

/// Median distance of neighbours along both sets of lines, px.
fn typical_pitch(here: &Seen) -> f64 {
    let mut distances: Vec<f64> = here
        .iter()
        .flat_map(|(lines, pixel)| {
            let neighbour = |(h, v)| here.get(&lines.shifted(h, v));
            [(1, 0), (0, 1)].map(|step| neighbour(step).map(|p| (p - pixel).norm())).into_iter().flatten()
        })
        .collect();
    median(&mut distances).unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Matrix2;
    use proptest::prelude::*;

    /// A grid seen from above by a pinhole with a little distortion; `slip` renumbers it.
    fn seen(height_mm: f64, slip: (i32, i32)) -> Vec<Intersection> {
        let mut all = Vec::new();
        for h in -12..=12 {
            for v in -18..=18 {
                let scale = 1340.0 * 1.1 / (30.0 + height_mm);
                let (x, y) = (f64::from(v) * scale, f64::from(h) * scale);
                let bend = 1.0 - 1e-7 * (x * x + y * y);
                let pixel = Vector2::new(640.0 + x * bend - 3.0 * height_mm, 360.0 + y * bend);
                if (0.0..1280.0).contains(&pixel.x) && (0.0..720.0).contains(&pixel.y) {
                    let lines = LineNumbers { h: h + slip.0, v: v + slip.1 };
                    all.push(Intersection { lines, pixel, covariance_px2: Matrix2::identity() * 1e-4 });
                }
            }
        }
        all
    }

    proptest! {
        /// Whatever number a fit starts from, the tracker gives each line its old one; so a slip never survives.
        #[test]
        fn a_slip_is_found_at_every_height(height in 0.4_f64..19.0, step in 0.05_f64..0.5, h in -9_i32..9, v in -9_i32..9) {
            let mut tracker = Tracker::default();
            tracker.remember(height - step, &seen(height - step, (0, 0)));
            tracker.remember(height, &seen(height, (0, 0)));
            let tracked = tracker.track(height + step, &seen(height + step, (h, v))).unwrap();
            prop_assert_eq!(tracked.shift, LineNumbers { h: -h, v: -v });
            prop_assert!(tracked.margin > 0.8);
        }
    }

    #[test]
    fn half_a_pitch_of_unexplained_motion_is_called_ambiguous() {
        let mut tracker = Tracker::default();
        tracker.remember(0.0, &seen(0.0, (0, 0)));
        let mut moved = seen(0.0, (0, 0));
        for intersection in &mut moved {
            intersection.pixel.x += 0.5 * 1340.0 * 1.1 / 30.0;
        }
        let error = tracker.track(0.0, &moved).unwrap_err();
        assert!(error.to_string().starts_with("phase ambiguous"), "{error}");
    }

    #[test]
    fn lines_after_a_jog_are_numbered_by_the_nearest_earlier_place() {
        // A jog by a pitch along x leaves the image as it was, with other lines.
        let jogged = |jog_mm: f64, slip: (i32, i32)| {
            let mut moved = seen(0.0, slip);
            for intersection in &mut moved {
                intersection.pixel.x += jog_mm * 1340.0 / 30.0;
            }
            moved
        };
        let mut tracker = Tracker::default();
        tracker.remember(0.0, &jogged(0.0, (0, 0)));
        tracker.remember_jog(Vector2::new(1.1, 0.0), &jogged(1.1, (0, 0)));
        for jog_mm in [0.1, 1.0] {
            let tracked = tracker.track_jog(Vector2::new(jog_mm, 0.0), &jogged(jog_mm, (3, -2))).unwrap();
            assert_eq!(tracked.shift, LineNumbers { h: -3, v: 2 }, "{jog_mm} mm");
        }
    }

    #[test]
    fn nothing_in_common_is_refused() {
        let mut tracker = Tracker::default();
        tracker.remember(0.0, &seen(0.0, (0, 0))[..5]);
        assert!(matches!(tracker.track(0.0, &seen(0.0, (0, 0))), Err(TrackingError::TooFewCommon { .. })));
    }
}
