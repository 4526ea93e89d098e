//! A projective camera with a smooth lens: all rays pass one point, the lens may bend them in any smooth way.
//!
//! ```text
//! (ξ, η) = (P₁ X, P₂ X) / (P₃ X),                       X = (x̂, ŷ, ẑ, 1),  P₃ ends in 1
//! û = ξ + Σ_{2 ≤ i+j ≤ n} a_ij T_i(ξ) T_j(η),           v̂ = η + Σ b_ij T_i(ξ) T_j(η)
//! ```
//! | symbol | | unit |
//! | --- | --- | --- |
//! | x̂, ŷ, ẑ | the point, tool frame, scaled to −1 … 1 over the volume of the dataset | 1 |
//! | P | 3×4 projection with rows P₁, P₂, P₃ | 1 |
//! | ξ, η | where a camera without a lens would see the point | 1 |
//! | a_ij, b_ij | the lens: coefficients of Chebyshev polynomials T_i T_j | 1 |
//! | û, v̂ | the pixel scaled to −1 … 1 over the image | 1 |
//!
//! P is a full matrix, so the frame of the points may be oblique. Its grid lines need not be at right angles, nor the
//! motion axis along their normal. The lens has no constant or linear terms: those are P's.
//!
//! Source of the projective camera and of its start by direct linear transform: Hartley and Zisserman, "Multiple View
//! Geometry in Computer Vision" (2nd ed., 2004), chapters 6 and 7. The lens is any smooth function instead of theirs.

use crate::grating::chebyshev::values_and_slopes;
use crate::least_squares::NormalSums;
use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::mapping::models::CameraModel;
use crate::mapping::robust::adjust::{AddPrior, Adjustable, adjust};
use crate::mapping::robust::sparse_sums::SparseRow;
use crate::mapping::volume::Volume;
use crate::validation::{ValidationError, finite, length, positive};
use nalgebra::{DMatrix, Matrix2, Matrix2x3, Matrix3x4, Vector2, Vector3, Vector4};
use serde::{Deserialize, Serialize};

/// A fitted central camera.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Central {
    /// Where the normalised coordinates run from −1 to 1.
    pub volume: Volume,
    /// Half the width and height of the image, px.
    pub pixel_half: [f64; 2],
    /// The image's centre (u, v), px.
    pub pixel_centre: [f64; 2],
    /// Rows of P; the last entry is 1.
    pub projection: [[f64; 4]; 3],
    /// Degree n of the lens.
    pub lens_degree: usize,
    /// [a_ij, b_ij] in the order of [`lens_exponents`].
    pub lens: Vec<[f64; 2]>,
}

/// Degree of the served model's lens: a lens of k1 = −0.35 is followed to a hundredth of a pixel.
const LENS_DEGREE: usize = 9;
/// Largest lens degree: what the terms of one point have room for.
pub const MAX_LENS_DEGREE: usize = 15;
/// Free entries of P.
const PROJECTION: usize = 11;
/// Correspondences while the lens is still stiff: some dozen for each coefficient.
const COARSE_POINTS: usize = 6000;

/// All (i, j) with 2 ≤ i + j ≤ degree.
pub fn lens_exponents(degree: usize) -> impl Iterator<Item = (usize, usize)> {
    (2..=degree).flat_map(|total| (0..=total).map(move |j| (total - j, j)))
}

/// Parameters of a camera whose lens has this degree.
fn parameter_count(lens_degree: usize) -> usize {
    PROJECTION + 2 * lens_exponents(lens_degree).count()
}

/// Whether P's depth may tilt, that is P₃ change along x and y.
///
/// A change of P₃ acts on all pixels as a homography of (ξ, η), which a flexible lens undoes. Such a lens leaves the tilt
/// undetermined. A stiff one determines it; then it stays.
#[derive(Clone, Copy, PartialEq)]
enum Tilt {
    Free,
    Fixed,
}

/// What a point becomes on its way to the pixel.
struct Projected {
    homogeneous: Vector4<f64>,
    /// P₃ X.
    depth: f64,
    ideal: Vector2<f64>,
    values: [[f64; MAX_LENS_DEGREE + 1]; 2],
    /// (û, v̂)
    pixel: Vector2<f64>,
    /// ∂(û, v̂)/∂(ξ, η)
    bend: Matrix2<f64>,
}

impl Central {
    /// A camera with a lens of `lens_degree`: direct linear transform, then least squares with rising degree; `volume` is
    /// what the points are scaled by. `None` when the points don't determine it.
    pub fn with_lens(
        lens_degree: usize,
        volume: Volume,
        image_size: [u32; 2],
        points: &[Correspondence],
    ) -> Option<Self> {
        if points.len() < parameter_count(lens_degree) {
            return None;
        }
        let mut camera = Self::linear(volume, image_size, points)?;
        let step = (points.len() / COARSE_POINTS).max(1);
        let few: Vec<Correspondence> = points.iter().step_by(step).copied().collect();
        camera.set_lens_degree(3);
        camera = camera.adjusted(&few, 2, 5, Tilt::Free)?;
        for degree in [lens_degree.min(6), lens_degree] {
            camera.set_lens_degree(degree);
            camera = camera.adjusted(&few, 1, 4, Tilt::Fixed)?;
        }
        camera.adjusted(points, 1, 2, Tilt::Fixed)
    }

    /// Direct linear transform: P without a lens.
    pub(crate) fn linear(volume: Volume, image_size: [u32; 2], points: &[Correspondence]) -> Option<Self> {
        let mut camera = Central {
            volume,
            pixel_half: image_size.map(|n| 0.5 * f64::from(n)),
            pixel_centre: image_size.map(|n| 0.5 * (f64::from(n) - 1.0)),
            projection: [[0.0; 4]; 3],
            lens_degree: 1,
            lens: Vec::new(),
        };
        camera.direct_linear_transform(points)?;
        Some(camera)
    }

    /// Width and height of the image, px.
    pub(crate) fn image_size(&self) -> [u32; 2] {
        self.pixel_half.map(|half| (2.0 * half).round() as u32)
    }

    fn adjusted(self, points: &[Correspondence], stages: usize, rounds: usize, tilt: Tilt) -> Option<Self> {
        adjust(Adjusting { camera: self, tilt }, points, stages, rounds).map(|adjusting| adjusting.camera)
    }

    fn set_lens_degree(&mut self, degree: usize) {
        self.lens_degree = degree;
        // A higher degree only appends terms.
        self.lens.resize(lens_exponents(degree).count(), [0.0; 2]);
    }

    fn scaled(&self, pixel: Vector2<f64>) -> Vector2<f64> {
        (pixel - Vector2::from(self.pixel_centre)).component_div(&Vector2::from(self.pixel_half))
    }

    /// P without a lens from û P₃X = P₁X, v̂ P₃X = P₂X, linear in P.
    fn direct_linear_transform(&mut self, points: &[Correspondence]) -> Option<()> {
        let mut sums = NormalSums::new(PROJECTION, 1);
        for point in points {
            let x = self.volume.normalise(point.point_in_tool_mm);
            let seen = self.scaled(point.pixel);
            for axis in 0..2 {
                let fill = |row: &mut [f64]| {
                    row[4 * axis..4 * axis + 3].copy_from_slice(x.as_slice());
                    row[4 * axis + 3] = 1.0;
                    for i in 0..3 {
                        row[8 + i] = -seen[axis] * x[i];
                    }
                };
                sums.add(fill, &[seen[axis]], point.weight());
            }
        }
        self.set_projection(&sums.solve(0.0)?);
        Some(())
    }

    fn set_projection(&mut self, values: &DMatrix<f64>) {
        for (i, value) in values.iter().take(PROJECTION).enumerate() {
            self.projection[i / 4][i % 4] = *value;
        }
        self.projection[2][3] = 1.0;
    }

    fn matrix(&self) -> Matrix3x4<f64> {
        Matrix3x4::from_fn(|i, j| self.projection[i][j])
    }

    fn project(&self, point_mm: Vector3<f64>) -> Projected {
        let homogeneous = self.volume.normalise(point_mm).push(1.0);
        let camera = self.matrix() * homogeneous;
        let ideal = Vector2::new(camera.x / camera.z, camera.y / camera.z);
        let mut values = [[0.0; MAX_LENS_DEGREE + 1]; 2];
        let mut slopes = [[0.0; MAX_LENS_DEGREE + 1]; 2];
        let n = self.lens_degree.max(1);
        for axis in 0..2 {
            values_and_slopes(ideal[axis], &mut values[axis][..=n], &mut slopes[axis][..=n]);
        }
        let (mut pixel, mut bend) = (ideal, Matrix2::identity());
        let ([x, y], [dx, dy]) = (&values, &slopes);
        for ((i, j), c) in lens_exponents(self.lens_degree).zip(&self.lens) {
            let c = Vector2::from(*c);
            pixel += c * (x[i] * y[j]);
            bend += c * Vector2::new(dx[i] * y[j], x[i] * dy[j]).transpose();
        }
        Projected { homogeneous, depth: camera.z, ideal, values, pixel, bend }
    }

    /// ∂u or ∂v (`axis` 0 or 1) by P, px.
    fn by_projection(&self, at: &Projected, axis: usize, tilt: Tilt) -> [f64; PROJECTION] {
        let (x, scale) = (at.homogeneous, self.pixel_half[axis] / at.depth);
        // ∂ξ/∂P₁ = X/depth, ∂ξ/∂P₃ = −ξ X/depth.
        let (by_xi, by_eta) = (at.bend[(axis, 0)] * scale, at.bend[(axis, 1)] * scale);
        let by_depth = -(by_xi * at.ideal.x + by_eta * at.ideal.y);
        let by_tilt = if tilt == Tilt::Free { by_depth } else { 0.0 };
        std::array::from_fn(|n| match n {
            0..4 => by_xi * x[n],
            4..8 => by_eta * x[n - 4],
            8 | 9 => by_tilt * x[n - 8],
            _ => by_depth * x[2],
        })
    }

    /// ∂u or ∂v by the coefficients of its own part of the lens, px.
    fn by_lens(&self, at: &Projected, axis: usize) -> impl Iterator<Item = f64> {
        let half = self.pixel_half[axis];
        lens_exponents(self.lens_degree).map(move |(i, j)| half * at.values[0][i] * at.values[1][j])
    }

    /// How many numbers [`Self::step`] takes.
    pub(crate) fn parameters(&self) -> usize {
        PROJECTION + 2 * self.lens.len()
    }

    /// Adds to the parameters: P row by row, the lens along u, along v.
    pub(crate) fn step(&mut self, step: &[f64]) {
        let lens = self.lens.len();
        for i in 0..PROJECTION {
            self.projection[i / 4][i % 4] += step[i];
        }
        for n in 0..lens {
            self.lens[n][0] += step[PROJECTION + n];
            self.lens[n][1] += step[PROJECTION + lens + n];
        }
    }

    /// ∂u and ∂v by the parameters at a point, px; the depth's tilt stays as it is.
    pub(crate) fn fill_rows(&self, point_mm: Vector3<f64>, rows: [&mut [f64]; 2]) {
        let at = self.project(point_mm);
        for (axis, row) in rows.into_iter().enumerate() {
            row[..PROJECTION].copy_from_slice(&self.by_projection(&at, axis, Tilt::Fixed));
            let own = row[PROJECTION + axis * self.lens.len()..].iter_mut();
            own.zip(self.by_lens(&at, axis)).for_each(|(value, by)| *value = by);
        }
    }

    fn pixel_of(&self, at: &Projected) -> Vector2<f64> {
        at.pixel.component_mul(&Vector2::from(self.pixel_half)) + Vector2::from(self.pixel_centre)
    }
}

impl CameraModel for Central {
    fn parameter_count() -> usize {
        parameter_count(LENS_DEGREE)
    }

    fn fit(data: &CameraDataset) -> Option<Self> {
        Self::with_lens(LENS_DEGREE, data.volume(), data.image_size, &data.correspondences)
    }

    fn refit(&self, points: &[Correspondence]) -> Option<Self> {
        self.clone().adjusted(points, 1, 2, Tilt::Fixed)
    }

    fn pixel_and_jacobian(&self, point_mm: Vector3<f64>) -> (Vector2<f64>, Matrix2x3<f64>) {
        let at = self.project(point_mm);
        let half = Vector2::from(self.pixel_half);
        let pixel = self.pixel_of(&at);
        let p = self.matrix();
        let rows = p.fixed_columns::<3>(0).into_owned();
        let ideal_by_point = Matrix2x3::from_rows(&[
            (rows.row(0) - rows.row(2) * at.ideal.x) / at.depth,
            (rows.row(1) - rows.row(2) * at.ideal.y) / at.depth,
        ]);
        let mut jacobian = at.bend * ideal_by_point;
        let volume_half = self.volume.half_mm();
        for axis in 0..3 {
            jacobian.column_mut(axis).unscale_mut(volume_half[axis]);
        }
        for axis in 0..2 {
            jacobian.row_mut(axis).scale_mut(half[axis]);
        }
        (pixel, jacobian)
    }

    fn validate(&self) -> Result<(), ValidationError> {
        if !(2..=MAX_LENS_DEGREE).contains(&self.lens_degree) {
            let problem = format!("is {}, it must be within 2 … {MAX_LENS_DEGREE}", self.lens_degree);
            return Err(ValidationError::new("lens_degree", problem));
        }
        length("lens", self.lens.len(), lens_exponents(self.lens_degree).count())?;
        finite("lens", self.lens.as_flattened())?;
        finite("projection", self.projection.as_flattened())?;
        positive("pixel_half", &self.pixel_half)?;
        finite("pixel_centre", &self.pixel_centre)?;
        self.volume.validate().map_err(|error| error.within("volume"))
    }
}

/// A camera on its way to the least cost.
#[derive(Clone)]
struct Adjusting {
    camera: Central,
    tilt: Tilt,
}

impl Adjustable for Adjusting {
    fn parameters(&self) -> usize {
        self.camera.parameters()
    }

    fn pixel_and_rows(&self, point_mm: Vector3<f64>, rows: &mut [SparseRow; 2]) -> Option<Vector2<f64>> {
        let camera = &self.camera;
        let at = camera.project(point_mm);
        for (axis, row) in rows.iter_mut().enumerate() {
            row.extend(camera.by_projection(&at, axis, self.tilt).into_iter().enumerate());
            let from = PROJECTION + axis * camera.lens.len();
            row.extend(camera.by_lens(&at, axis).enumerate().map(|(n, by)| (from + n, by)));
        }
        (at.depth > 0.0).then(|| camera.pixel_of(&at))
    }

    fn pixel(&self, point_mm: Vector3<f64>) -> Vector2<f64> {
        let at = self.camera.project(point_mm);
        if at.depth > 0.0 { self.camera.pixel_of(&at) } else { Vector2::repeat(f64::NAN) }
    }

    fn step(&mut self, step: &[f64]) {
        self.camera.step(step);
    }

    fn priors(&self, _: &mut AddPrior) {}
}
