//! Any of the mapping models, world → pixel.

use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::mapping::models::central::{Central, MAX_LENS_DEGREE, lens_exponents};
use crate::mapping::models::distortion;
use crate::mapping::models::pinhole::{self, Pinhole};
use crate::mapping::models::polynomial::{self, Polynomial};
use crate::mapping::models::published::Published;
use crate::mapping::models::spline::Spline;
use crate::mapping::volume::Volume;
use crate::statistics::falls_short;
use nalgebra::{Matrix2x3, Vector2, Vector3};
use serde::{Deserialize, Serialize};

/// Which rung of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// Eq. (16).
    Published,
    /// Full polynomial of degree 3.
    Cubic,
    /// Of degree 5.
    Quintic,
    /// Of degree 7.
    Septic,
    /// Pinhole with Brown's distortion.
    Brown,
    /// Pinhole with rational distortion and thin prism.
    Rational,
    /// Brown's with a smooth correction.
    Spline,
    /// Projective camera with a smooth lens.
    Central,
}

impl ModelKind {
    /// Simplest first.
    pub const LADDER: [ModelKind; 8] = [
        ModelKind::Published,
        ModelKind::Cubic,
        ModelKind::Quintic,
        ModelKind::Septic,
        ModelKind::Brown,
        ModelKind::Rational,
        ModelKind::Spline,
        ModelKind::Central,
    ];

    /// Numbers that the points alone have to determine; the spline's nodes are held by their neighbours.
    fn parameters(self) -> usize {
        match self {
            ModelKind::Published => 2 * 14 + 1,
            ModelKind::Cubic => 2 * polynomial::exponents(3).count(),
            ModelKind::Quintic => 2 * polynomial::exponents(5).count(),
            ModelKind::Septic => 2 * polynomial::exponents(7).count(),
            ModelKind::Brown | ModelKind::Spline => pinhole::parameters(distortion::BROWN),
            ModelKind::Rational => pinhole::parameters(distortion::RATIONAL),
            ModelKind::Central => 11 + 2 * lens_exponents(LENS_DEGREE).count(),
        }
    }

    /// Whether so many pairs of equations are enough for it.
    fn is_modest(self, pairs: usize) -> bool {
        2 * pairs >= EQUATIONS_PER_PARAMETER * self.parameters()
    }
}

impl std::fmt::Display for ModelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ModelKind::Published => "published",
            ModelKind::Cubic => "cubic",
            ModelKind::Quintic => "quintic",
            ModelKind::Septic => "septic",
            ModelKind::Brown => "brown",
            ModelKind::Rational => "rational",
            ModelKind::Spline => "spline",
            ModelKind::Central => "central",
        })
    }
}

/// A fitted world → pixel model of one camera.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Model {
    /// Eq. (16).
    Published(Published),
    /// Degree 3.
    Cubic(Polynomial),
    /// Degree 5.
    Quintic(Polynomial),
    /// Degree 7.
    Septic(Polynomial),
    /// Brown's distortion.
    Brown(Pinhole),
    /// Rational distortion with thin prism.
    Rational(Pinhole),
    /// Brown's with a smooth correction.
    Spline(Spline),
    /// Projective camera with a smooth lens.
    Central(Central),
}

/// Fewest equations for each parameter: with fewer a model follows the noise.
const EQUATIONS_PER_PARAMETER: usize = 3;
/// Degree of the central model's lens.
const LENS_DEGREE: usize = 9;

impl Model {
    /// `None` when `data` does not determine the model.
    pub fn fit(kind: ModelKind, data: &CameraDataset) -> Option<Model> {
        let (points, image_size) = (&data.correspondences, data.image_size);
        if !kind.is_modest(points.len()) {
            return None;
        }
        let volume = Volume::around(points.iter().map(|p| p.point_in_tool_mm));
        match kind {
            ModelKind::Published => Published::fit(points).map(Model::Published),
            ModelKind::Cubic => Polynomial::fit(3, volume, points).map(Model::Cubic),
            ModelKind::Quintic => Polynomial::fit(5, volume, points).map(Model::Quintic),
            ModelKind::Septic => Polynomial::fit(7, volume, points).map(Model::Septic),
            ModelKind::Brown => Pinhole::fit(distortion::BROWN, image_size, points).map(Model::Brown),
            ModelKind::Rational => Pinhole::fit(distortion::RATIONAL, image_size, points).map(Model::Rational),
            ModelKind::Spline => Spline::fit(image_size, points).map(Model::Spline),
            ModelKind::Central => Central::fit(LENS_DEGREE, volume, image_size, points).map(Model::Central),
        }
    }

    /// The same kind of model fitted to other points without outliers, starting from here where that is quicker.
    pub fn refit(&self, points: &[Correspondence]) -> Option<Model> {
        if !self.kind().is_modest(points.len()) {
            return None;
        }
        match self {
            Model::Published(model) => model.refit(points).map(Model::Published),
            Model::Cubic(model) => model.refit(points).map(Model::Cubic),
            Model::Quintic(model) => model.refit(points).map(Model::Quintic),
            Model::Septic(model) => model.refit(points).map(Model::Septic),
            Model::Brown(model) => model.refit(points).map(Model::Brown),
            Model::Rational(model) => model.refit(points).map(Model::Rational),
            Model::Spline(model) => model.refit(points).map(Model::Spline),
            Model::Central(model) => model.refit(points).map(Model::Central),
        }
    }

    /// Its rung of the ladder.
    pub fn kind(&self) -> ModelKind {
        match self {
            Model::Published(_) => ModelKind::Published,
            Model::Cubic(_) => ModelKind::Cubic,
            Model::Quintic(_) => ModelKind::Quintic,
            Model::Septic(_) => ModelKind::Septic,
            Model::Brown(_) => ModelKind::Brown,
            Model::Rational(_) => ModelKind::Rational,
            Model::Spline(_) => ModelKind::Spline,
            Model::Central(_) => ModelKind::Central,
        }
    }

    /// Pixel of a point in the tool frame, and ∂(u, v)/∂(x, y, z) in px/mm.
    pub fn pixel_and_jacobian(&self, point_mm: Vector3<f64>) -> (Vector2<f64>, Matrix2x3<f64>) {
        match self {
            Model::Published(model) => model.pixel_and_jacobian(point_mm),
            Model::Cubic(model) | Model::Quintic(model) | Model::Septic(model) => model.pixel_and_jacobian(point_mm),
            Model::Brown(model) | Model::Rational(model) => model.pixel_and_jacobian(point_mm),
            Model::Spline(model) => model.pixel_and_jacobian(point_mm),
            Model::Central(model) => model.pixel_and_jacobian(point_mm),
        }
    }

    /// Says what is impossible about the numbers of a loaded model, with the field's name.
    pub(crate) fn complaint(&self) -> Option<String> {
        let finite = |name: &str, values: &[f64]| {
            values.iter().find(|x| !x.is_finite()).map(|x| format!("{name} holds {x}, which is not a finite number"))
        };
        let volume = |volume: &Volume| {
            (0..3).find(|&i| falls_short(volume.max_mm[i] - volume.min_mm[i], f64::MIN_POSITIVE)).map(|i| {
                let (low, high) = (volume.min_mm[i], volume.max_mm[i]);
                format!("volume: min_mm[{i}] = {low} is not below max_mm[{i}] = {high}")
            })
        };
        let length = |name: &str, is: usize, must: usize| {
            (is != must).then(|| format!("{name} has {is} entries, {must} are needed"))
        };
        match self {
            Model::Published(m) => length("coefficients", m.coefficients.len(), 14)
                .or_else(|| finite("coefficients", m.coefficients.as_flattened()))
                .or_else(|| finite("w_depth_mm", &[m.w_depth_mm])),
            Model::Cubic(m) | Model::Quintic(m) | Model::Septic(m) => {
                let degree = match self {
                    Model::Cubic(_) => 3,
                    Model::Quintic(_) => 5,
                    _ => 7,
                };
                (m.degree != degree)
                    .then(|| format!("degree is {}, a {} model has {degree}", m.degree, self.kind()))
                    .or_else(|| length("coefficients", m.coefficients.len(), polynomial::exponents(degree).count()))
                    .or_else(|| finite("coefficients", m.coefficients.as_flattened()))
                    .or_else(|| volume(&m.volume))
            }
            Model::Brown(m) => m.complaint(distortion::BROWN),
            Model::Rational(m) => m.complaint(distortion::RATIONAL),
            Model::Spline(m) => m.complaint(),
            Model::Central(m) => (!(2..=MAX_LENS_DEGREE).contains(&m.lens_degree))
                .then(|| format!("lens_degree is {}, it must be within 2 … {MAX_LENS_DEGREE}", m.lens_degree))
                .or_else(|| length("lens", m.lens.len(), lens_exponents(m.lens_degree).count()))
                .or_else(|| finite("lens", m.lens.as_flattened()))
                .or_else(|| finite("projection", m.projection.as_flattened()))
                .or_else(|| finite("pixel_half", &m.pixel_half))
                .or_else(|| finite("pixel_centre", &m.pixel_centre))
                .or_else(|| volume(&m.volume)),
        }
    }
}
