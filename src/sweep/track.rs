//! One camera through a sweep: its fits from image to image, and the numbers of its lines.

use crate::camera::Camera;
use crate::grating::backend::{Backend, BackendError, Pixels};
use crate::grating::fit::refine::{self, FitError, FitOptions, GratingFit, Warm, fit_cold_on};
use crate::grating::phase_field::LineNumbers;
use crate::lattice::intersections::Intersection;
use crate::lattice::local;
use crate::lattice::texture::{self, CellShade};
use crate::lattice::tracking::Tracker;
use crate::mapping::method::Method;
use crate::sweep::error::SweepError;
use crate::sweep::motion::height_or_jog::Place;
use crate::sweep::origin::{Start, lines_at};
use crate::sweep::original::OriginalFitter;
use crate::sweep::settings::CalibrationSettings;
use nalgebra::Vector2;
use std::time::Instant;

/// What fits the images of one camera and numbers their intersections.
pub(super) struct CameraTrack {
    pub(super) camera: Camera,
    fitter: Fitter,
    tracker: Tracker,
    /// What the first image told.
    pub(super) start: Option<Start>,
    /// Lines through the origin.
    pub(super) origin: LineNumbers,
    pub(super) size: Option<[u32; 2]>,
    /// One entry a pair, final numbers.
    pub(super) intersections: Vec<Vec<Intersection>>,
    pub(super) cells: Vec<Vec<CellShade>>,
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
        backend: &dyn Backend,
        pixels: &mut dyn Pixels,
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
                let fit = cold.map_or_else(|| refine::fit(pixels, warm, options), Ok)?;
                let intersections = local::measure_on(pixels, &fit.parameters)?;
                Ok(Fitted { intersections, residual: fit.residual, fit: Some(fit) })
            }
            Fitter::Original(fitter) => {
                let (intersections, residual) = fitter.fit(backend, pixels.image(), origin_px)?;
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

pub(super) struct CameraPair {
    fit: Option<GratingFit>,
    intersections: Vec<Intersection>,
    cells: Vec<CellShade>,
    pub(super) residual: f64,
    pub(super) margin: f64,
    pub(super) fit_ms: f64,
}

impl CameraTrack {
    pub(super) fn new(camera: Camera, settings: &CalibrationSettings) -> Self {
        CameraTrack {
            camera,
            fitter: match settings.method {
                Method::Auto => Fitter::Auto { options: settings.fit, history: Vec::new() },
                Method::Original => Fitter::Original(Box::new(OriginalFitter::new(settings.original))),
            },
            tracker: Tracker::default(),
            start: None,
            origin: LineNumbers { h: 0, v: 0 },
            size: None,
            intersections: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Fits an image and numbers its intersections.
    pub(super) fn add(
        &mut self,
        backend: &dyn Backend,
        pixels: Result<Box<dyn Pixels + '_>, BackendError>,
        place: Place,
        settings: &CalibrationSettings,
    ) -> Result<CameraPair, SweepError> {
        let (camera, pair) = (self.camera, self.intersections.len());
        let failed = |cause| SweepError::Fit { camera, pair, cause };
        let mut pixels = pixels.map_err(|lost| failed(lost.into()))?;
        let found = pixels.image().dimensions().into();
        let expected = *self.size.get_or_insert(found);
        if found != expected {
            return Err(SweepError::ImageSize { camera, pair, found, expected });
        }
        let start = Instant::now();
        let height_mm = place.height_mm;
        // Whatever the method, it is the default fit that finds the mark.
        let cold = if pair == 0 { Some(fit_cold_on(&mut *pixels, &settings.fit).map_err(failed)?) } else { None };
        if let Some(fit) = &cold {
            self.start = Some(Start::of(camera, pixels.image(), &fit.parameters, settings.origin_px[camera])?);
        }
        let origin_px = self.start.as_ref().map_or(Vector2::zeros(), |start| start.origin_px);
        let fit = self.fitter.fit(backend, &mut *pixels, height_mm, cold, origin_px).map_err(failed);
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
        let cells = texture::cells(pixels.image(), &intersections);
        Ok(CameraPair { fit, intersections, cells, residual, margin, fit_ms })
    }

    /// Takes over what [`Self::add`] found, once the other camera has found something too.
    pub(super) fn keep(&mut self, place: Place, pair: CameraPair) -> usize {
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
