//! Which image pair stands for a pose: one that was taken while the tool was at rest, and shows it.
//!
//! ```text
//! left images ──┐
//!               ├─ pairs by stamp ──┐
//! right images ─┘                   ├─ at rest? fresh? still? ──► one pair a place, with the tool's mean pose
//! poses ──► stationary intervals ───┘
//! ```
//! A pair is still when
//! - both images are stamped later than the pose at which the tool was found to be at rest,
//! - the first pose that is not older than either image finds the tool still at rest there,
//! - neither image repeats what its camera showed before the tool moved there, and
//! - the image has hardly moved since the pair before, which is of the same interval.
//!
//! Its pose is the mean from the beginning of the interval to the later of both images.
//!
//! No I/O and no clock: what comes out is a function of the three streams, however they are interleaved. None may be
//! ahead of the others by more than is kept: [`MAX_POSES`], [`MAX_WAITING`] images of each camera, as many pairs. The one
//! exception is a clock that is set back: each stream begins anew where it shows there.
//!
//! A robot is followed from stop to stop with [`StillPairChooser::stop_at`]. A recording, whose set points are unknown,
//! runs freely and gives one pair for every place at which the tool rested.

use crate::GrayImage;
use crate::camera::{Camera, Stereo};
use crate::pose::tool_pose::StampedPose;
use crate::statistics::exceeds;
use crate::sweep::images::pairing::{CLOCK_JUMP_NS, MAX_WAITING, Pairing, Stamped};
use crate::sweep::images::still_pair::{CameraImage, NotYet, StillPair, StillPairSettings};
use crate::sweep::images::stillness::shift_px;
use crate::sweep::motion::stationary::{AtRest, StationaryDetector, StationaryInterval};
use std::collections::VecDeque;

/// Poses that are kept, four seconds of them at 1 kHz: images may come that much later than poses.
pub const MAX_POSES: usize = 4000;
/// Contents that are remembered of each camera: half a minute of images at 17 Hz.
const MAX_CONTENTS: usize = 512;

/// An image as it came.
#[derive(Clone, Debug)]
struct Exposure<I> {
    stamp_ns: i64,
    /// When its camera sent the same content first, ns.
    first_sent_ns: i64,
    image: I,
}

impl<I> Stamped for Exposure<I> {
    fn stamp_ns(&self) -> i64 {
        self.stamp_ns
    }
}

/// A pair with its brightness, once that was asked for.
struct Candidate<I> {
    pair: Stereo<Exposure<I>>,
    gray: Option<Stereo<GrayImage>>,
}

impl<I: CameraImage> Candidate<I> {
    fn new(pair: Stereo<Exposure<I>>) -> Self {
        Candidate { pair, gray: None }
    }

    fn earliest_ns(&self) -> i64 {
        self.pair.left.stamp_ns.min(self.pair.right.stamp_ns)
    }

    fn latest_ns(&self) -> i64 {
        self.pair.left.stamp_ns.max(self.pair.right.stamp_ns)
    }

    /// A camera that shows what it had shown before `left_ns`.
    fn repeated(&self, left_ns: i64) -> Option<Camera> {
        Camera::BOTH.into_iter().find(|camera| self.pair[*camera].first_sent_ns < left_ns)
    }

    /// The larger shift of both images since `earlier`, px; 0 where there is nothing to see: the fit will say so.
    fn shift_px(&mut self, earlier: &mut Self) -> f64 {
        let (before, now) = (earlier.gray(), self.gray());
        let shifts = Camera::BOTH.map(|camera| shift_px(&before[camera], &now[camera]));
        shifts.into_iter().flatten().map(|shift| shift.norm()).fold(0.0, f64::max)
    }

    fn gray(&mut self) -> &Stereo<GrayImage> {
        self.gray.get_or_insert_with(|| Stereo::from_fn(|camera| self.pair[camera].image.to_gray()))
    }
}

/// The tool at rest, as far as it matters to a pair.
#[derive(Clone, Copy)]
struct Rest {
    place: u32,
    left_ns: i64,
    from_ns: i64,
    since_ns: i64,
    /// Up to the pair; `None` for one that is older than `since_ns`, or where poses are not known.
    at_rest: Option<AtRest>,
}

impl Rest {
    fn of(AtRest { interval, .. }: &AtRest, at_rest: Option<AtRest>) -> Self {
        let StationaryInterval { place, left_ns, from_ns, since_ns, .. } = *interval;
        Rest { place, left_ns, from_ns, since_ns, at_rest }
    }
}

/// Chooses still pairs; see [`crate::sweep::images::chooser`].
pub struct StillPairChooser<I> {
    settings: StillPairSettings,
    /// `None` where poses are not known.
    detector: Option<StationaryDetector>,
    /// Where poses are not known: images must be later, ns.
    after_ns: i64,
    /// Poses, and whether the tool was at rest there, oldest first.
    poses: VecDeque<(StampedPose, Option<AtRest>)>,
    /// Stamps and checksums of what each camera sent, oldest first.
    contents: Stereo<VecDeque<(i64, u32)>>,
    pairing: Pairing<Exposure<I>>,
    /// Pairs that wait for a later pose, oldest first.
    undecided: VecDeque<Candidate<I>>,
    /// The pair before the next one.
    earlier: Option<Candidate<I>>,
    /// The place whose pair was given last.
    given: Option<u32>,
    /// Beginning of the interval in which a pair was refused last, ns, and why.
    refused: Option<(i64, NotYet)>,
    passed_over: u32,
}

impl<I: CameraImage> StillPairChooser<I> {
    /// A chooser that runs freely: it gives one pair for every place at which the tool comes to rest.
    pub fn new(settings: StillPairSettings) -> Self {
        StillPairChooser {
            settings,
            detector: settings.settle.map(StationaryDetector::anywhere),
            after_ns: i64::MIN,
            poses: VecDeque::new(),
            contents: Stereo::default(),
            pairing: Pairing::default(),
            undecided: VecDeque::new(),
            earlier: None,
            given: None,
            refused: None,
            passed_over: 0,
        }
    }

    /// From now on: one pair, taken at rest near `target_mm` (base frame, mm; `None`: anywhere). The poses so far are of the
    /// way there.
    pub fn stop_at(&mut self, target_mm: Option<[f64; 3]>) {
        if let Some(detector) = &mut self.detector {
            detector.stop_at(target_mm, self.poses.back().map(|(pose, _)| pose));
        }
    }

    /// Where poses are not known: from now on one pair, of images that are stamped later than `after_ns`.
    pub fn take_after(&mut self, after_ns: i64) {
        self.after_ns = after_ns;
        self.given = None;
    }

    /// Adds an image of a camera; each camera's images come in the order of their stamps.
    ///
    /// # Errors
    /// [`NotYet`].
    pub fn on_image(&mut self, camera: Camera, stamp_ns: i64, image: I) -> Result<StillPair<I>, NotYet> {
        let first_sent_ns = self.first_sent_ns(camera, stamp_ns, image.checksum());
        let exposure = Exposure { stamp_ns, first_sent_ns, image };
        if let Some(pair) = self.pairing.add(camera, exposure, self.settings.sync_tolerance_ns) {
            self.undecided.push_back(Candidate::new(pair));
            if self.undecided.len() > MAX_WAITING {
                self.undecided.pop_front();
            }
        }
        self.decide()
    }

    /// When a camera sent the same content first, as far as is remembered, ns.
    fn first_sent_ns(&mut self, camera: Camera, stamp_ns: i64, checksum: u32) -> i64 {
        let contents = &mut self.contents[camera];
        if contents.back().is_some_and(|(last_ns, _)| stamp_ns < last_ns - CLOCK_JUMP_NS) {
            contents.clear();
        }
        contents.push_back((stamp_ns, checksum));
        if contents.len() > MAX_CONTENTS {
            contents.pop_front();
        }
        contents.iter().filter(|(_, sent)| *sent == checksum).map(|(sent_ns, _)| *sent_ns).fold(stamp_ns, i64::min)
    }

    /// Adds a measured pose of the tool; poses come in the order of their stamps.
    ///
    /// # Errors
    /// [`NotYet`].
    pub fn on_pose(&mut self, pose: StampedPose) -> Result<StillPair<I>, NotYet> {
        let latest_ns = self.poses.back().map(|(latest, _)| latest.stamp_ns);
        if latest_ns.is_some_and(|latest_ns| pose.stamp_ns < latest_ns - CLOCK_JUMP_NS) {
            // Nothing from before can be compared with what comes.
            self.poses.clear();
            self.undecided.clear();
            self.earlier = None;
            self.detector.iter_mut().for_each(StationaryDetector::restart);
        } else if latest_ns.is_some_and(|latest_ns| pose.stamp_ns <= latest_ns) {
            return Err(self.not_yet());
        }
        let at_rest = self.detector.as_mut().and_then(|detector| detector.add(pose).ok());
        self.poses.push_back((pose, at_rest));
        if self.poses.len() > MAX_POSES {
            self.poses.pop_front();
        }
        self.decide()
    }

    /// The place that the tool rests at, or rested at last; `None` before the first.
    pub fn place(&self) -> Option<u32> {
        self.detector.as_ref()?.last().map(|interval| interval.place)
    }

    /// Pairs that repeated an old image, or moved, though the tool was at rest.
    pub fn passed_over(&self) -> u32 {
        self.passed_over
    }

    /// Why there is no pair for the place at which the tool is.
    pub fn not_yet(&self) -> NotYet {
        let rest = match (&self.detector, self.poses.back()) {
            (None, _) => self.rest_without_poses(),
            (Some(_), None) => return NotYet::NoPose,
            (Some(detector), Some((pose, _))) => {
                if let Some(pair) = self.undecided.front() {
                    return NotYet::PoseMissing { ahead_ns: pair.latest_ns() - pose.stamp_ns };
                }
                match detector.state() {
                    Ok(at_rest) => Rest::of(&at_rest, None),
                    Err(why) => return NotYet::NotAtRest(why),
                }
            }
        };
        if self.given == Some(rest.place) {
            return NotYet::Given;
        }
        if let Some(why) = self.refusal() {
            return why;
        }
        let is_silent = |camera: &Camera| self.pairing.latest_ns(*camera).is_none_or(|latest| latest <= rest.since_ns);
        match (Camera::BOTH.into_iter().find(is_silent), self.pairing.least_gap_ns()) {
            (Some(camera), _) => NotYet::NoImage { camera },
            (None, gap_ns) => {
                let tolerance_ns = self.settings.sync_tolerance_ns;
                NotYet::NoPartner { gap_ns: gap_ns.unwrap_or(tolerance_ns), tolerance_ns }
            }
        }
    }

    /// Why the latest pair of the place at which the tool rests was refused; `None`: no pair of it has been decided.
    ///
    /// [`Self::not_yet`] says what is waited for now, mostly the next pose: this stays until another pair is decided.
    pub fn refusal(&self) -> Option<NotYet> {
        let from_ns = match &self.detector {
            None => self.after_ns,
            Some(detector) => detector.state().ok()?.interval.from_ns,
        };
        self.refused.filter(|(refused_from_ns, _)| *refused_from_ns == from_ns).map(|(_, why)| why)
    }

    /// Decides every pair that is followed by a pose. At most one of them is given: all that a pose decides at once belong to
    /// the same place.
    fn decide(&mut self) -> Result<StillPair<I>, NotYet> {
        let mut given = None;
        while let Some(pair) = self.undecided.pop_front() {
            let is_followed = |(pose, _): &(StampedPose, _)| pose.stamp_ns >= pair.latest_ns();
            if self.detector.is_some() && !self.poses.back().is_some_and(is_followed) {
                self.undecided.push_front(pair);
                break;
            }
            given = self.judge(pair).or(given);
        }
        given.ok_or_else(|| self.not_yet())
    }

    fn judge(&mut self, mut pair: Candidate<I>) -> Option<StillPair<I>> {
        let earlier = self.earlier.take();
        let Some(rest) = self.rest_at(pair.latest_ns()) else {
            // It may show, to the next one, that the image moves.
            self.earlier = Some(pair);
            return None;
        };
        if self.given == Some(rest.place) {
            return None;
        }
        match self.moved_px(&mut pair, earlier, &rest) {
            Ok(moved_px) => {
                self.given = Some(rest.place);
                let stamps_ns = pair.pair.as_ref().map(|exposure| exposure.stamp_ns);
                let images = pair.pair.map(|exposure| exposure.image);
                Some(StillPair { images, stamps_ns, at_rest: rest.at_rest, moved_px })
            }
            Err(why) => {
                self.refused = Some((rest.from_ns, why));
                // A repeated image says nothing about rest.
                self.earlier = Some(pair).filter(|_| !matches!(why, NotYet::Repeated { .. }));
                None
            }
        }
    }

    /// How far the image moved since the pair before, px, of a pair that is fresh and still.
    fn moved_px(&mut self, pair: &mut Candidate<I>, earlier: Option<Candidate<I>>, rest: &Rest) -> Result<f64, NotYet> {
        if let Some(camera) = pair.repeated(rest.left_ns) {
            self.passed_over += 1;
            return Err(NotYet::Repeated { camera });
        }
        let by_ns = rest.since_ns.saturating_sub(pair.earliest_ns());
        if by_ns >= 0 {
            return Err(NotYet::OlderThanRest { by_ns });
        }
        let earlier = earlier.filter(|earlier| earlier.earliest_ns() > rest.from_ns);
        let mut earlier = earlier.ok_or(NotYet::OnePair)?;
        if earlier.repeated(rest.left_ns).is_some() {
            // It was taken before the tool was found to be at rest.
            self.passed_over += 1;
            return Err(NotYet::OnePair);
        }
        let (moved_px, limit_px) = (pair.shift_px(&mut earlier), self.settings.image_tolerance_px);
        if exceeds(moved_px, limit_px) {
            self.passed_over += 1;
            return Err(NotYet::Moving { moved_px, limit_px });
        }
        Ok(moved_px)
    }

    /// The tool at rest when the first pose was taken that is not older than `stamp_ns`; that pose has come.
    fn rest_at(&self, stamp_ns: i64) -> Option<Rest> {
        if self.detector.is_none() {
            return Some(self.rest_without_poses());
        }
        let after = self.poses.partition_point(|(pose, _)| pose.stamp_ns < stamp_ns);
        let (next, next_rest) = self.poses.get(after)?;
        let next_rest = next_rest.as_ref()?;
        // Of one that is older than all poses nothing is known.
        let upto = if next.stamp_ns == stamp_ns { after } else { after.checked_sub(1)? };
        let at_rest = self.poses.get(upto)?.1;
        let is_same = |at_rest: &AtRest| at_rest.interval.from_ns == next_rest.interval.from_ns;
        Some(Rest::of(next_rest, at_rest.filter(is_same)))
    }

    fn rest_without_poses(&self) -> Rest {
        Rest { place: 0, left_ns: i64::MIN, from_ns: self.after_ns, since_ns: self.after_ns, at_rest: None }
    }
}
