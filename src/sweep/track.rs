//! One camera through a sweep: its fits from image to image, and the numbers of its lines.
//!
//! A pair is a transaction: `CameraTrack::compute` changes nothing, `CameraTrack::commit` can't fail. So a pair that is
//! refused, for either camera's sake, leaves both as they were.

use crate::camera::Camera;
use crate::grating::backend::{Backend, BackendError, Pixels};
use crate::grating::fit::error::FitError;
use crate::grating::fit::refine::{self, FitOptions, GratingFit, Warm, fit_cold_on};
use crate::grating::phase_field::LineNumbers;
use crate::lattice::intersections::Intersection;
use crate::lattice::local;
use crate::lattice::texture::{self, CellShade};
use crate::lattice::tracking::{Tracked, Tracker};
use crate::mapping::method::Method;
use crate::sweep::error::SweepError;
use crate::sweep::motion::height_or_jog::HeightOrJog;
use crate::sweep::origin::{Start, lines_at};
use crate::sweep::original::{OriginalFit, OriginalFitter, OriginalState};
use crate::sweep::settings::CalibrationSettings;
use nalgebra::Vector2;
use std::time::Instant;

/// What fits the images of one camera and numbers their intersections.
pub(super) struct CameraTrack {
    pub(super) camera: Camera,
    fitter: Fitter,
    tracker: Tracker,
    /// What the first image told; none before it.
    pub(super) first: Option<FirstImage>,
    /// One entry per pair, final numbers.
    pub(super) intersections: Vec<Vec<Intersection>>,
    /// One entry per pair, numbered likewise.
    pub(super) cells: Vec<Vec<CellShade>>,
}

/// What the first image of a camera tells about all that follow.
pub(super) struct FirstImage {
    /// Width and height, px.
    pub(super) size: [u32; 2],
    pub(super) start: Start,
    /// Lines through the origin.
    pub(super) origin: LineNumbers,
}

enum Fitter {
    /// `history`: heights and fits of the last two images, latest last.
    Auto { options: FitOptions, history: Vec<(f64, GratingFit)> },
    /// `last`: of the image before.
    Original { fitter: OriginalFitter, last: Option<OriginalState> },
}

/// What the fit of one image hands on to that of the next.
enum NextStart {
    Auto(Box<GratingFit>),
    Original(OriginalState),
}

impl Fitter {
    fn new(settings: &CalibrationSettings) -> Self {
        match settings.method {
            Method::Auto => Fitter::Auto { options: settings.fit, history: Vec::new() },
            Method::Original => Fitter::Original { fitter: OriginalFitter { settings: settings.original }, last: None },
        }
    }

    /// Intersections with the fit's own numbers. `cold`: the fit of the first image.
    fn fit(
        &self,
        backend: &dyn Backend,
        pixels: &mut dyn Pixels,
        height_mm: f64,
        cold: Option<GratingFit>,
        origin_px: Vector2<f64>,
    ) -> Result<FittedImage, FitError> {
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
                let fit = cold.map_or_else(|| refine::fit(pixels, warm, options), Ok)?;
                let intersections = local::measure_on(pixels, &fit.parameters)?;
                Ok(FittedImage { intersections, residual: fit.residual, next: NextStart::Auto(Box::new(fit)) })
            }
            Fitter::Original { fitter, last } => {
                let fit = fitter.fit(backend, pixels.image(), last.as_ref(), origin_px)?;
                let OriginalFit { intersections, residual, state } = fit;
                Ok(FittedImage { intersections, residual, next: NextStart::Original(state) })
            }
        }
    }

    /// Starts the next image from this one. A jog says nothing about the next height, so the default method goes on from
    /// the height before. The published one starts from whatever it saw last.
    fn go_on_from(&mut self, pose: &HeightOrJog, next: NextStart) {
        match (self, next) {
            (Fitter::Auto { history, .. }, NextStart::Auto(fit)) if pose.jog_mm.is_none() => {
                if history.len() == 2 {
                    history.remove(0);
                }
                history.push((pose.height_mm, *fit));
            }
            (Fitter::Original { last, .. }, NextStart::Original(state)) => *last = Some(state),
            _ => {}
        }
    }
}

/// What one image gave, numbers still the fit's own.
struct FittedImage {
    intersections: Vec<Intersection>,
    residual: f64,
    next: NextStart,
}

/// What one image adds to its camera's track, final numbers.
pub(super) struct CameraPair {
    /// Told by the first image of a sweep only.
    pub(super) first: Option<FirstImage>,
    next: NextStart,
    pub(super) intersections: Vec<Intersection>,
    cells: Vec<CellShade>,
    pub(super) residual: f64,
    pub(super) margin: f64,
    pub(super) fit_ms: f64,
}

impl CameraTrack {
    pub(super) fn new(camera: Camera, settings: &CalibrationSettings) -> Self {
        CameraTrack {
            camera,
            fitter: Fitter::new(settings),
            tracker: Tracker::default(),
            first: None,
            intersections: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Fits an image and numbers its intersections.
    pub(super) fn compute(
        &self,
        backend: &dyn Backend,
        pixels: Result<Box<dyn Pixels + '_>, BackendError>,
        pose: HeightOrJog,
        settings: &CalibrationSettings,
    ) -> Result<CameraPair, SweepError> {
        let (camera, pair) = (self.camera, self.intersections.len());
        let failed = |cause| SweepError::Fit { camera, pair, cause };
        let mut pixels = pixels.map_err(|lost| failed(lost.into()))?;
        let size = pixels.image().dimensions().into();
        let begun = Instant::now();
        let Some(FirstImage { size: expected, start, .. }) = &self.first else {
            // Whatever the method, it is the default fit that finds the mark.
            let cold = fit_cold_on(&mut *pixels, &settings.fit).map_err(failed)?;
            let start = Start::of(camera, pixels.image(), &cold.parameters, settings.origin_px[camera])?;
            let fitted = self.fitter.fit(backend, &mut *pixels, pose.height_mm, Some(cold), start.origin_px);
            let FittedImage { intersections, residual, next } = fitted.map_err(failed)?;
            let fit_ms = begun.elapsed().as_secs_f64() * 1e3;
            let fit = match &next {
                NextStart::Auto(fit) => Some(&**fit),
                NextStart::Original(_) => None,
            };
            let origin = lines_at(camera, &intersections, fit, start.origin_px)?;
            let cells = texture::cells(pixels.image(), &intersections);
            let first = Some(FirstImage { size, start, origin });
            return Ok(CameraPair { first, next, intersections, cells, residual, margin: f64::INFINITY, fit_ms });
        };
        if size != *expected {
            return Err(SweepError::ImageSize { camera, pair, found: size, expected: *expected });
        }
        let fitted = self.fitter.fit(backend, &mut *pixels, pose.height_mm, None, start.origin_px).map_err(failed)?;
        let FittedImage { mut intersections, residual, next } = fitted;
        let fit_ms = begun.elapsed().as_secs_f64() * 1e3;
        let tracked = match pose.jog_mm {
            None => self.tracker.track(pose.height_mm, &intersections),
            Some(jog_mm) => self.tracker.track_jog(jog_mm, &intersections),
        };
        let Tracked { shift, margin, .. } = tracked.map_err(|cause| SweepError::Tracking { camera, pair, cause })?;
        for intersection in &mut intersections {
            intersection.lines = intersection.lines.shifted(shift.h, shift.v);
        }
        let cells = texture::cells(pixels.image(), &intersections);
        Ok(CameraPair { first: None, next, intersections, cells, residual, margin, fit_ms })
    }

    /// Takes over what [`Self::compute`] found, once the other camera has found something too.
    pub(super) fn commit(&mut self, pose: HeightOrJog, pair: CameraPair) {
        match pose.jog_mm {
            Some(jog_mm) => self.tracker.remember_jog(jog_mm, &pair.intersections),
            None => self.tracker.remember(pose.height_mm, &pair.intersections),
        }
        if pair.first.is_some() {
            self.first = pair.first;
        }
        self.fitter.go_on_from(&pose, pair.next);
        self.intersections.push(pair.intersections);
        self.cells.push(pair.cells);
    }

    /// Lines through the origin.
    pub(super) fn origin(&self) -> LineNumbers {
        self.first.as_ref().map_or(LineNumbers { h: 0, v: 0 }, |first| first.origin)
    }
}
