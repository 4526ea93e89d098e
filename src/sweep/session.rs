//! One calibration from the first image pair to the fitted mapping.
//!
//! ```text
//! SweepSession::new(settings) → add_pair(left, right, pose) from the lowest height up → finish()
//! ```

use crate::GrayImage;
use crate::camera::{Camera, Stereo};
use crate::grating::cpu::Cpu;
use crate::grating::refine::{self, FitError, FitOptions, GratingFit, Warm, fit_cold};
use crate::grating::stochastic::{OriginalFitter, OriginalSettings};
use crate::lattice::intersections::{Intersection, LineNumbers};
use crate::lattice::local;
use crate::lattice::origin::OriginError;
use crate::lattice::texture::{self, CellShade};
use crate::lattice::tracking::{Tracker, TrackingError};
use crate::mapping::bundle::{Cell, Observation, Views};
use crate::mapping::calibration::Calibration;
use crate::mapping::dataset::CameraDataset;
use crate::mapping::select::SelectError;
use crate::sweep::finish::calibrate_views;
use crate::sweep::origin::{Common, Start, lines_at};
use crate::sweep::place::Place;
use nalgebra::{Vector2, Vector3};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// How the images are fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Automatic start, Levenberg–Marquardt, local measurement, the best model of the ladder.
    #[default]
    Auto,
    /// As published: stochastic search on Eq. (1)–(4), Eq. (5)–(16).
    Original,
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Method::Auto => "auto",
            Method::Original => "original",
        })
    }
}

/// The tool's measured position for one image pair, mm, in the robot's base frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolPose {
    pub x_mm: f64,
    pub y_mm: f64,
    pub z_mm: f64,
}

/// What a calibration needs to know besides images and poses.
#[derive(Clone, Debug, PartialEq)]
pub struct CalibrationSettings {
    pub method: Method,
    /// Pitch of the printed lines, mm; none: the origin mark tells it.
    pub pitch_mm: Option<f64>,
    /// Pixel of the grid's origin in the first pair; none: the origin mark tells it.
    pub origin_px: Stereo<Option<Vector2<f64>>>,
    /// How the default method fits an image.
    pub fit: FitOptions,
    /// How hard the original method searches.
    pub original: OriginalSettings,
    /// Worst RMS error along any axis with which a robot may still go by the result, mm.
    pub usable_rms_mm: f64,
}

impl CalibrationSettings {
    /// Defaults for everything that has one.
    pub fn new(pitch_mm: f64, origin_px: Stereo<Vector2<f64>>) -> Self {
        let origin_px = origin_px.map(Some);
        CalibrationSettings { pitch_mm: Some(pitch_mm), origin_px, ..CalibrationSettings::by_mark() }
    }

    /// Origin, axes and pitch from the origin mark.
    pub fn by_mark() -> Self {
        CalibrationSettings {
            method: Method::Auto,
            pitch_mm: None,
            origin_px: Stereo::default(),
            fit: FitOptions::default(),
            original: OriginalSettings::default(),
            usable_rms_mm: 0.05,
        }
    }
}

/// What one image pair gave.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairReport {
    pub height_mm: f64,
    /// Intersections found.
    pub intersections: Stereo<usize>,
    /// RMS residual of the grating fit over the RMS of what it explains.
    pub residual: Stereo<f64>,
    /// Margin of the phase tracking over the runner-up, pitches; infinite for the first pair.
    pub phase_margin: Stereo<f64>,
    /// Time of fit and intersections, ms.
    pub fit_ms: Stereo<f64>,
}

/// Why a sweep can't go on, or end.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SweepError {
    #[error("pitch is {pitch_mm} mm: give the distance between neighbouring printed lines, above 0")]
    Pitch { pitch_mm: f64 },
    #[error("{camera} image of pair {pair}: {cause}")]
    Fit { camera: Camera, pair: usize, cause: FitError },
    #[error("{camera} image of pair {pair}: {cause}")]
    Tracking { camera: Camera, pair: usize, cause: TrackingError },
    #[error(
        "{camera} image of pair {pair} is {found:?} px, the session was started with {expected:?} px: restart the sweep or \
         fix the camera's resolution"
    )]
    ImageSize { camera: Camera, pair: usize, found: [u32; 2], expected: [u32; 2] },
    #[error(
        "{camera} origin ({u:.1}, {v:.1}) px is no grid intersection: the nearest is {distance_px:.1} px away; click the \
         crossing that is the grid's origin in the first {camera} image"
    )]
    Origin { camera: Camera, u: f64, v: f64, distance_px: f64 },
    #[error("{camera} image: {cause}")]
    Mark { camera: Camera, cause: OriginError },
    #[error(
        "{camera} image: the origin was given at ({:.1}, {:.1}) px, the origin mark is at ({:.1}, {:.1}) px: leave the pixel \
         out, or click the mark's centre", .click_px[0], .click_px[1], .mark_px[0], .mark_px[1]
    )]
    OtherOrigin { camera: Camera, click_px: [f64; 2], mark_px: [f64; 2] },
    #[error(
        "the pitch was given as {stated_mm} mm, the origin mark tells {mark_mm} mm: a printer is not that far off; measure \
         the pitch again, or leave it out"
    )]
    OtherPitch { stated_mm: f64, mark_mm: f64 },
    #[error(
        "the origin marks tell {left_mm} mm in the left image and {right_mm} mm in the right one: both cameras must see the \
         same sheet"
    )]
    OtherMarks { left_mm: f64, right_mm: f64 },
    #[error("the pitch is not known: no origin mark is in view that tells it; give --pitch-mm (pitch of the node)")]
    PitchUnknown,
    #[error("the measured pose of pair {pair} is not a finite number")]
    Pose { pair: usize },
    #[error(
        "the heights span {range_mm} mm, {least_mm} … {most_mm} mm are possible: are they in other units (metres, \
         micrometres)? mm are needed"
    )]
    Range { range_mm: f64, least_mm: f64, most_mm: f64 },
    #[error("only {pairs} image pairs, at least {MIN_PAIRS} heights are needed")]
    TooFew { pairs: usize },
    #[error("{camera} camera: {cause}")]
    Mapping { camera: String, cause: SelectError },
}

/// Fewest heights that say anything about a third dimension.
pub const MIN_PAIRS: usize = 5;

/// A finished calibration with what led to it.
#[derive(Clone, Debug)]
pub struct CalibrationOutcome {
    pub calibration: Calibration,
    pub pairs: Vec<PairReport>,
    pub data: Stereo<CameraDataset>,
    /// Where each pair's pose was minus where it was measured, about the mean of all, robot axes, mm; none where nothing
    /// tells.
    pub pose_errors_mm: Vec<Vector3<f64>>,
}

/// What fits the images of one camera and numbers their intersections.
struct CameraTrack {
    camera: Camera,
    fitter: Fitter,
    tracker: Tracker,
    /// What the first image told.
    start: Option<Start>,
    /// Lines through the origin.
    origin: LineNumbers,
    size: Option<[u32; 2]>,
    /// One entry a pair, final numbers.
    intersections: Vec<Vec<Intersection>>,
    cells: Vec<Vec<CellShade>>,
}

enum Fitter {
    /// `history`: heights and fits of the last two images, latest last.
    Auto {
        options: FitOptions,
        history: Vec<(f64, GratingFit)>,
    },
    Original(Box<OriginalFitter>),
}

impl Fitter {
    /// Intersections with the fit's own numbers, and the residual. `cold`: of the first image.
    fn fit(
        &mut self,
        image: &GrayImage,
        height_mm: f64,
        cold: Option<GratingFit>,
        origin_px: Vector2<f64>,
    ) -> Result<Fitted, FitError> {
        match self {
            Fitter::Auto { options, history } => {
                let warm = match history.as_slice() {
                    [] => None,
                    [(_, last)] => Some(Warm { last, before: None }),
                    [.., (h0, before), (h1, last)] => {
                        let ratio = (height_mm - h1) / (h1 - h0);
                        // Steps of very different size say little about each other.
                        let before = (0.0..=3.0).contains(&ratio).then_some((before, ratio));
                        Some(Warm { last, before })
                    }
                };
                let fit = cold.map_or_else(|| refine::fit(image, warm, options), Ok)?;
                let intersections = local::measure(image, &fit.parameters);
                Ok(Fitted { intersections, residual: fit.residual, fit: Some(fit) })
            }
            Fitter::Original(fitter) => {
                let (intersections, residual) = fitter.fit(image, origin_px)?;
                Ok(Fitted { intersections, residual, fit: None })
            }
        }
    }
}

/// What one image gave, numbers still the fit's own.
struct Fitted {
    intersections: Vec<Intersection>,
    residual: f64,
    /// Where the next image's fit starts; the original method remembers that itself.
    fit: Option<GratingFit>,
}

struct CameraPair {
    fit: Option<GratingFit>,
    intersections: Vec<Intersection>,
    cells: Vec<CellShade>,
    residual: f64,
    margin: f64,
    fit_ms: f64,
}

impl CameraTrack {
    fn add(
        &mut self,
        image: &GrayImage,
        place: Place,
        settings: &CalibrationSettings,
    ) -> Result<CameraPair, SweepError> {
        let (camera, pair) = (self.camera, self.intersections.len());
        let found = [image.width(), image.height()];
        let expected = *self.size.get_or_insert(found);
        if found != expected {
            return Err(SweepError::ImageSize { camera, pair, found, expected });
        }
        let start = Instant::now();
        let height_mm = place.height_mm;
        let failed = |cause| SweepError::Fit { camera, pair, cause };
        // Whatever the method, it is the default fit that finds the mark.
        let cold = if pair == 0 { Some(fit_cold(image, &settings.fit).map_err(failed)?) } else { None };
        if let Some(fit) = &cold {
            self.start = Some(Start::of(camera, image, &fit.parameters, settings.origin_px[camera])?);
        }
        let origin_px = self.start.as_ref().map_or(Vector2::zeros(), |start| start.origin_px);
        let fit = self.fitter.fit(image, height_mm, cold, origin_px).map_err(failed);
        let Fitted { mut intersections, residual, fit } = fit?;
        let fit_ms = start.elapsed().as_secs_f64() * 1e3;
        let mut margin = f64::INFINITY;
        if self.tracker.is_empty() {
            self.origin = lines_at(camera, &intersections, fit.as_ref(), origin_px)?;
        } else {
            let tracked = match place.jog_mm {
                None => self.tracker.track(height_mm, &intersections),
                Some(jog_mm) => self.tracker.track_jog(jog_mm, &intersections),
            };
            let tracked = tracked.map_err(|cause| SweepError::Tracking { camera, pair, cause })?;
            margin = tracked.margin;
            for intersection in &mut intersections {
                intersection.lines = intersection.lines.shifted(tracked.shift.h, tracked.shift.v);
            }
        }
        let cells = texture::cells(image, &intersections);
        Ok(CameraPair { fit, intersections, cells, residual, margin, fit_ms })
    }

    /// Takes over what [`Self::add`] found, once the other camera has found something too.
    fn keep(&mut self, place: Place, pair: CameraPair) -> usize {
        let height_mm = place.height_mm;
        self.cells.push(pair.cells);
        if let Some(jog_mm) = place.jog_mm {
            self.tracker.remember_jog(jog_mm, &pair.intersections);
            let count = pair.intersections.len();
            self.intersections.push(pair.intersections);
            return count;
        }
        if let (Fitter::Auto { history, .. }, Some(fit)) = (&mut self.fitter, pair.fit) {
            if history.len() == 2 {
                history.remove(0);
            }
            history.push((height_mm, fit));
        }
        self.tracker.remember(height_mm, &pair.intersections);
        let count = pair.intersections.len();
        self.intersections.push(pair.intersections);
        count
    }
}

/// A calibration under way. No I/O: whoever feeds it with the same images and poses gets the same numbers.
pub struct SweepSession {
    settings: CalibrationSettings,
    tracks: Stereo<CameraTrack>,
    poses: Vec<ToolPose>,
    reports: Vec<PairReport>,
    /// What both first images told.
    common: Common,
}

impl SweepSession {
    /// # Errors
    /// [`SweepError::Pitch`].
    pub fn new(settings: CalibrationSettings) -> Result<Self, SweepError> {
        if let Some(pitch_mm) = settings.pitch_mm
            && !(pitch_mm > 0.0 && pitch_mm.is_finite())
        {
            return Err(SweepError::Pitch { pitch_mm });
        }
        let tracks = Stereo::from_fn(|camera| CameraTrack {
            camera,
            fitter: match settings.method {
                Method::Auto => Fitter::Auto { options: settings.fit, history: Vec::new() },
                Method::Original => Fitter::Original(Box::new(OriginalFitter::new(settings.original, Box::new(Cpu)))),
            },
            tracker: Tracker::default(),
            start: None,
            origin: LineNumbers { h: 0, v: 0 },
            size: None,
            intersections: Vec::new(),
            cells: Vec::new(),
        });
        Ok(SweepSession { settings, tracks, poses: Vec::new(), reports: Vec::new(), common: Common::default() })
    }

    /// Fits both images (on two threads) and numbers their intersections.
    ///
    /// # Errors
    /// [`SweepError`]; the session then stands where it stood before this pair.
    pub fn add_pair(&mut self, images: Stereo<&GrayImage>, pose: ToolPose) -> Result<PairReport, SweepError> {
        if ![pose.x_mm, pose.y_mm, pose.z_mm].iter().all(|x| x.is_finite()) {
            return Err(SweepError::Pose { pair: self.poses.len() });
        }
        let place = Place::of(&pose, self.poses.first().unwrap_or(&pose));
        let settings = &self.settings;
        let Stereo { left: track_left, right: track_right } = &mut self.tracks;
        let (left, right) = rayon::join(
            || track_left.add(images.left, place, settings),
            || track_right.add(images.right, place, settings),
        );
        let (left, right) = (left?, right?);
        if let (true, Some(left), Some(right)) =
            (self.poses.is_empty(), &self.tracks.left.start, &self.tracks.right.start)
        {
            self.common = Common::of(Stereo { left, right }, settings.pitch_mm)?;
        }
        let report = PairReport {
            height_mm: place.height_mm,
            residual: Stereo { left: left.residual, right: right.residual },
            phase_margin: Stereo { left: left.margin, right: right.margin },
            fit_ms: Stereo { left: left.fit_ms, right: right.fit_ms },
            intersections: Stereo {
                left: self.tracks.left.keep(place, left),
                right: self.tracks.right.keep(place, right),
            },
        };
        self.poses.push(pose);
        self.reports.push(report);
        Ok(report)
    }

    /// Numbered intersections of the latest image of `camera`, numbers counted from the origin.
    pub fn latest_lattice(&self, camera: Camera) -> Vec<Intersection> {
        let track = &self.tracks[camera];
        let latest = track.intersections.last().map_or(&[][..], Vec::as_slice);
        latest.iter().map(|i| Intersection { lines: i.lines.shifted(-track.origin.h, -track.origin.v), ..*i }).collect()
    }

    /// What one camera saw in one view, with common line numbers from the origin.
    fn observations<'a>(&'a self, track: &'a CameraTrack, view: usize) -> impl Iterator<Item = Observation> + 'a {
        track.intersections.get(view).into_iter().flatten().filter_map(move |i| {
            let seen = [i.lines.v - track.origin.v, track.origin.h - i.lines.h];
            let lines = self.common.numbered(track.camera, seen)?;
            Some(Observation { pixel: i.pixel, covariance_px2: i.covariance_px2, lines, view: view as u32 })
        })
    }

    /// What both cameras saw in the latest view, and how far the tool had moved from the first one, mm.
    pub fn latest(&self) -> Option<(Stereo<Vec<Observation>>, Vector3<f64>)> {
        let (first, last) = (self.poses.first()?, self.poses.last()?);
        let moved = Vector3::new(last.x_mm - first.x_mm, last.y_mm - first.y_mm, last.z_mm - first.z_mm);
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
        let places: Vec<Place> = self.poses.iter().map(|pose| Place::of(pose, &self.poses[0])).collect();
        let is_jog: Vec<bool> = places.iter().map(|place| place.jog_mm.is_some()).collect();
        // But for jogs all poses share x and y up to noise: their mean is the best reference.
        let straight = || self.poses.iter().zip(&is_jog).filter(|(_, is_jog)| !**is_jog).map(|(pose, _)| pose);
        let count = straight().count().max(1) as f64;
        let reference = straight().map(|p| Vector2::new(p.x_mm, p.y_mm)).sum::<Vector2<f64>>() / count;
        let moved = |pose: &ToolPose| Vector3::new(pose.x_mm, pose.y_mm, pose.z_mm) - reference.push(lowest);
        let observations =
            |track| (0..self.poses.len()).flat_map(|view| self.observations(track, view)).collect::<Vec<_>>();
        let cells = |track: &CameraTrack| {
            let numbered = |(view, cells): (usize, &Vec<CellShade>)| {
                // Between −n_h − 1 and −n_h.
                let lines = |c: &CellShade| [c.lines.v - track.origin.v, track.origin.h - c.lines.h - 1];
                let cell = |c: &CellShade| Cell { lines: lines(c), pixel: c.pixel, shade: c.shade, view: view as u32 };
                cells.iter().map(cell).collect::<Vec<_>>()
            };
            track.cells.iter().enumerate().flat_map(numbered).collect()
        };
        Views {
            observations: Stereo::from_fn(|camera| observations(&self.tracks[camera])),
            cells: Stereo::from_fn(|camera| cells(&self.tracks[camera])),
            image_size: Stereo::from_fn(|camera| self.tracks[camera].size.unwrap_or([0, 0])),
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
        let mut outcome = calibrate_views(views, self.reports, &self.settings)?;
        outcome.calibration.reference_mm = reference;
        Ok(outcome)
    }
}
