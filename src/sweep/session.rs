//! One calibration from the first image pair to the fitted mapping.
//!
//! ```text
//! SweepSession::new(settings) → add_pair(left, right, pose) from the lowest height up → finish()
//! ```

use crate::GrayImage;
use crate::camera::{Camera, Stereo};
use crate::grating::backend::Image;
use crate::grating::backend::choice::{ActiveBackend, LoadedPair};
use crate::lattice::intersections::Intersection;
use crate::lattice::texture::CellShade;
use crate::mapping::views::{Cell, Observation, Views};
use crate::pose::tool_pose::ToolPose;
use crate::sweep::error::SweepError;
use crate::sweep::finish::calibrate_views;
use crate::sweep::motion::height_or_jog::HeightOrJog;
use crate::sweep::origin::Common;
use crate::sweep::outcome::{CalibrationOutcome, PairReport};
use crate::sweep::settings::CalibrationSettings;
use crate::sweep::track::{CameraPair, CameraTrack};
use nalgebra::{Vector2, Vector3};

/// A calibration under way. No I/O: whoever feeds it with the same images and poses gets the same numbers.
pub struct SweepSession {
    settings: CalibrationSettings,
    backend: ActiveBackend,
    tracks: Stereo<CameraTrack>,
    poses: Vec<ToolPose>,
    reports: Vec<PairReport>,
    /// What both first images told.
    common: Common,
}

impl SweepSession {
    /// A session on the CPU.
    ///
    /// # Errors
    /// [`SweepError::Pitch`].
    pub fn new(settings: CalibrationSettings) -> Result<Self, SweepError> {
        SweepSession::on(ActiveBackend::cpu(), settings)
    }

    /// A session on any backend.
    ///
    /// # Errors
    /// [`SweepError::Pitch`].
    pub fn on(backend: ActiveBackend, settings: CalibrationSettings) -> Result<Self, SweepError> {
        if let Some(pitch_mm) = settings.pitch_mm
            && !(pitch_mm > 0.0 && pitch_mm.is_finite())
        {
            return Err(SweepError::Pitch { pitch_mm });
        }
        let tracks = Stereo::from_fn(|camera| CameraTrack::new(camera, &settings));
        let common = Common::default();
        Ok(SweepSession { settings, backend, tracks, poses: Vec::new(), reports: Vec::new(), common })
    }

    /// What the images are fitted on: whoever lets it load the next pair meanwhile ([`ActiveBackend::load_pair`]) saves that time.
    pub fn backend(&self) -> &ActiveBackend {
        &self.backend
    }

    /// Fits both images (on two threads) and numbers their intersections.
    ///
    /// # Errors
    /// [`SweepError`]; the session is then as before this pair. One exception: where it may, the CPU replaces a lost
    /// device for good.
    pub fn add_pair(&mut self, images: Stereo<&GrayImage>, pose: ToolPose) -> Result<PairReport, SweepError> {
        self.add_loaded(self.backend.load_pair(images.map(Image::from)), pose)
    }

    /// As [`Self::add_pair`], of images that are loaded onto a device already.
    ///
    /// # Errors
    /// As [`Self::add_pair`].
    pub fn add_loaded(&mut self, pair: LoadedPair, pose: ToolPose) -> Result<PairReport, SweepError> {
        if !pose.is_finite() {
            return Err(SweepError::Pose { pair: self.poses.len() });
        }
        let height_or_jog = HeightOrJog::of(&pose, self.poses.first().unwrap_or(&pose));
        let images = pair.images.clone();
        // It may have been loaded onto a device that was lost since.
        let pair = if self.backend.has_loaded(&pair) { pair } else { self.backend.load_pair(pair.images) };
        let computed = self.compute(pair, height_or_jog).or_else(|error| match error.lost_device() {
            Some(lost) if self.backend.fall_back(lost) => self.compute(self.backend.load_pair(images), height_or_jog),
            _ => Err(error),
        });
        let Stereo { left, right } = computed?;
        if let (Some(left), Some(right)) = (&left.first, &right.first) {
            let starts = Stereo { left: &left.start, right: &right.start };
            self.common = Common::of(starts, self.settings.pitch_mm)?;
        }
        // From here on nothing can fail.
        let report = PairReport {
            height_mm: height_or_jog.height_mm,
            residual: Stereo { left: left.residual, right: right.residual },
            phase_margin: Stereo { left: left.margin, right: right.margin },
            fit_ms: Stereo { left: left.fit_ms, right: right.fit_ms },
            intersections: Stereo { left: left.intersections.len(), right: right.intersections.len() },
        };
        self.tracks.left.commit(height_or_jog, left);
        self.tracks.right.commit(height_or_jog, right);
        self.poses.push(pose);
        self.reports.push(report);
        Ok(report)
    }

    /// What both images say, on two threads; the session is left as it is.
    fn compute(&self, pair: LoadedPair, height_or_jog: HeightOrJog) -> Result<Stereo<CameraPair>, SweepError> {
        let (settings, backend) = (&self.settings, self.backend.backend());
        let Stereo { left, right } = &self.tracks;
        let (left, right) = rayon::join(
            || left.compute(backend, pair.pixels.left, height_or_jog, settings),
            || right.compute(backend, pair.pixels.right, height_or_jog, settings),
        );
        Ok(Stereo { left: left?, right: right? })
    }

    /// Numbered intersections of the latest image of `camera`, numbers counted from the origin.
    pub fn latest_lattice(&self, camera: Camera) -> Vec<Intersection> {
        let track = &self.tracks[camera];
        let origin = track.origin();
        let latest = track.intersections.last().map_or(&[][..], Vec::as_slice);
        latest.iter().map(|i| Intersection { lines: i.lines.shifted(-origin.h, -origin.v), ..*i }).collect()
    }

    /// What one camera saw in one view, with common line numbers from the origin.
    fn observations<'a>(&'a self, track: &'a CameraTrack, view: usize) -> impl Iterator<Item = Observation> + 'a {
        let origin = track.origin();
        track.intersections.get(view).into_iter().flatten().filter_map(move |i| {
            let seen = [i.lines.v - origin.v, origin.h - i.lines.h];
            let lines = self.common.numbered(track.camera, seen)?;
            Some(Observation { pixel: i.pixel, covariance_px2: i.covariance_px2, lines, view: view as u32 })
        })
    }

    /// What both cameras saw in the latest view, and how far the tool had moved from the first one, mm.
    pub fn latest(&self) -> Option<(Stereo<Vec<Observation>>, Vector3<f64>)> {
        let (first, last) = (self.poses.first()?, self.poses.last()?);
        let moved = Vector3::from(last.position_mm()) - Vector3::from(first.position_mm());
        let view = self.poses.len() - 1;
        Some((Stereo::from_fn(|camera| self.observations(&self.tracks[camera], view).collect()), moved))
    }

    /// Distance between neighbouring lines as stated, else as the origin mark tells, mm; NaN before the first pair.
    pub fn pitch_mm(&self) -> f64 {
        self.common.pitch_mm
    }

    /// Image pairs so far.
    pub fn pairs(&self) -> usize {
        self.poses.len()
    }

    /// What both cameras saw, with line numbers from the origin, and how far the tool had moved by its measured pose.
    pub fn views(&self) -> Views {
        let lowest = self.poses.iter().map(|p| p.z_mm).fold(f64::INFINITY, f64::min);
        let poses: Vec<HeightOrJog> = self.poses.iter().map(|pose| HeightOrJog::of(pose, &self.poses[0])).collect();
        let is_jog: Vec<bool> = poses.iter().map(|pose| pose.jog_mm.is_some()).collect();
        // But for jogs all poses share x and y up to noise: their mean is the best reference.
        let straight = || self.poses.iter().zip(&is_jog).filter(|(_, is_jog)| !**is_jog).map(|(pose, _)| pose);
        let count = straight().count().max(1) as f64;
        let reference = straight().map(|p| Vector2::new(p.x_mm, p.y_mm)).sum::<Vector2<f64>>() / count;
        let moved = |pose: &ToolPose| Vector3::from(pose.position_mm()) - reference.push(lowest);
        let observations =
            |track| (0..self.poses.len()).flat_map(|view| self.observations(track, view)).collect::<Vec<_>>();
        let cells = |track: &CameraTrack| {
            let origin = track.origin();
            let numbered = |(view, cells): (usize, &Vec<CellShade>)| {
                // Between −n_h − 1 and −n_h.
                let lines = |c: &CellShade| [c.lines.v - origin.v, origin.h - c.lines.h - 1];
                let cell = |c: &CellShade| Cell { lines: lines(c), pixel: c.pixel, shade: c.shade, view: view as u32 };
                cells.iter().map(cell).collect::<Vec<_>>()
            };
            track.cells.iter().enumerate().flat_map(numbered).collect()
        };
        Views {
            observations: Stereo::from_fn(|camera| observations(&self.tracks[camera])),
            cells: Stereo::from_fn(|camera| cells(&self.tracks[camera])),
            image_size: Stereo::from_fn(|camera| self.tracks[camera].first.as_ref().map_or([0, 0], |first| first.size)),
            moved_mm: self.poses.iter().map(moved).collect(),
            is_jog,
            pitch_mm: self.common.pitch_mm,
        }
    }

    /// Fits the mapping models.
    ///
    /// # Errors
    /// [`SweepError`] when there is too little data.
    pub fn finish(self) -> Result<CalibrationOutcome, SweepError> {
        let views = self.views();
        let reference = self
            .poses
            .first()
            .zip(views.moved_mm.first())
            .map(|(pose, moved)| [pose.x_mm - moved.x, pose.y_mm - moved.y, pose.z_mm - moved.z]);
        let rotation = self.poses.first().and_then(|pose| pose.rotation);
        let mut outcome = calibrate_views(views, self.reports, &self.settings)?;
        outcome.calibration.reference_mm = reference;
        outcome.calibration.tool_rotation = rotation;
        Ok(outcome)
    }
}
