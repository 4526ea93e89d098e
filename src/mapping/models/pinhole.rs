//! A physical camera: pinhole with lens distortion, in a frame that may be oblique.
//!
//! ```text
//! X = R (G p + t),   G = [e_x  e_y  a],   p = (x, y, z) of the tool frame, mm
//! (x, y) = (X₁, X₂) / X₃,   (x″, y″) = distort(x, y),   u = fx x″ + cx,   v = fy y″ + cy
//! ```
//! | symbol | | unit |
//! | --- | --- | --- |
//! | G p | the point along the grid's lines and their normal: e_x, e_y are unit vectors at right angles | mm |
//! | a | the motion axis in there: not the normal where the table is oblique, not of length 1 where pitch and heights disagree | 1 |
//! | R, t | camera from those axes; camera: x right, y down, z forward, as in OpenCV | 1, mm |
//! | fx, fy, cx, cy | the camera matrix, no skew | px |
//!
//! # What the images can't tell
//! Without a lens the model has 13 parameters, and a projective camera shows 11: two directions of (fx, fy, cx, cy, a) make
//! no difference, a third one next to none when the camera looks straight down (the focal length against the length of a).
//! Distortion, which has a centre, determines some of it. The rest is held by priors far weaker than any real data: fx/fy
//! within 2 % of 1, (cx, cy) within 5 % of the image's size of its middle, a within 0.05 of the normal, each term of the
//! distortion within half of the image (tangential and prism: a tenth) at the image's corner. They move pixels by nothing,
//! but say that focal length and centre are to be believed to some per cent only, unless distortion is strong.

use crate::mapping::dataset::Correspondence;
use crate::mapping::models::adjust::{AddPrior, Adjustable, SparseRow, adjust};
use crate::mapping::models::central::Central;
use crate::mapping::models::distortion::{self, Distorted, distort};
use crate::mapping::volume::Volume;
use crate::statistics::falls_short;
use nalgebra::{Matrix2, Matrix2x3, Matrix3, Rotation3, Vector2, Vector3};
use serde::{Deserialize, Serialize};

/// A fitted pinhole camera with distortion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinhole {
    /// Width and height of the image, px.
    pub image_size: [u32; 2],
    /// fx, fy, px.
    pub focal_px: [f64; 2],
    /// cx, cy, px; integers are pixel centres.
    pub principal_point_px: [f64; 2],
    /// In OpenCV's order, see [`distortion`]: 5 for Brown, 12 for the rational model.
    pub distortion: Vec<f64>,
    /// Rows of R.
    pub rotation: [[f64; 3]; 3],
    /// t, mm.
    pub translation_mm: [f64; 3],
    /// a, the motion axis.
    pub axis: [f64; 3],
}

/// Parameters before the distortion: rotation, t, a, fx, fy, cx, cy.
pub(crate) const POSE: usize = 13;
/// Where t, a, (fx, fy) and (cx, cy) stand among them.
pub(crate) const T: usize = 3;
pub(crate) const A: usize = 6;
pub(crate) const F: usize = 9;
pub(crate) const C: usize = 11;
/// Standard deviations of the priors, see the module's page.
const ASPECT_SIGMA: f64 = 0.02;
const CENTRE_SIGMA: f64 = 0.05;
const AXIS_SIGMA: f64 = 0.05;
const RADIAL_SIGMA: f64 = 0.5;
const SIDE_SIGMA: f64 = 0.1;
/// Most pairs while the parameters are still far off.
const FEW: usize = 4000;

/// How many parameters a camera with so many coefficients of distortion has.
pub const fn parameters(coefficients: usize) -> usize {
    POSE + coefficients
}

/// What a point becomes on its way to the pixel.
struct Seen {
    /// X, and ∂(x″, y″)/∂X times fx, fy.
    camera: Vector3<f64>,
    by_camera: Matrix2x3<f64>,
    distorted: Distorted,
}

impl Pinhole {
    /// Fits a camera with `coefficients` of distortion, [`distortion::BROWN`] or [`distortion::RATIONAL`].
    /// `None` when the points don't determine it.
    pub fn fit(coefficients: usize, image_size: [u32; 2], points: &[Correspondence]) -> Option<Self> {
        let few: Vec<Correspondence> = points.iter().step_by((points.len() / FEW).max(1)).copied().collect();
        let volume = Volume::around(few.iter().map(|p| p.point_in_tool_mm));
        let mut camera = Self::from_projection(&Central::linear(volume, image_size, &few)?)?;
        // Brown first: the rational model's many terms would take up what a wrong pose does.
        camera.distortion = vec![0.0; coefficients.min(distortion::BROWN)];
        let mut camera = adjust(camera, &few, 3, 20)?;
        if coefficients > distortion::BROWN {
            camera.distortion.resize(coefficients, 0.0);
            camera = adjust(camera, &few, 2, 20)?;
        }
        if few.len() < points.len() { adjust(camera, points, 1, 2) } else { Some(camera) }
    }

    /// The same camera moved on to other points.
    pub fn refit(&self, points: &[Correspondence]) -> Option<Self> {
        adjust(self.clone(), points, 1, 6)
    }

    /// The camera without distortion whose image is most like that of P, see the second paragraph of the module's page.
    fn from_projection(linear: &Central) -> Option<Self> {
        let half = Vector2::from(linear.pixel_half);
        let (to_unit, centre) = (linear.volume.half_mm(), linear.volume.centre_mm());
        // P for millimetres and for pixels from the image's middle.
        let scale = |row: usize| if row < 2 { half[row] } else { 1.0 };
        let mut columns = [0, 1, 2].map(|j| Vector3::from_fn(|i, _| linear.projection[i][j] * scale(i) / to_unit[j]));
        let mut last = Vector3::from_fn(|i, _| linear.projection[i][3] * scale(i));
        columns.iter().zip(centre.iter()).for_each(|(column, at)| last -= column * *at);
        // The middle of the points lies in front.
        let depth = last.z + columns.iter().zip(centre.iter()).map(|(column, at)| column.z * at).sum::<f64>();
        columns.iter_mut().for_each(|column| *column *= depth.signum());
        last *= depth.signum();
        // Columns of R G up to a common factor, were f the focal length.
        let straightened = |f: f64, h: &Vector3<f64>| Vector3::new(h.x / f, h.y / f, h.z);
        let oblique = |f: f64| {
            let [x, y, z] = [0, 1, 2].map(|j| straightened(f, &columns[j]));
            let unit = (0.5 * (x.norm_squared() + y.norm_squared())).sqrt();
            let [x, y, z] = [x, y, z].map(|column| column / unit);
            let plane = (x.dot(&y).powi(2) + (x.norm() - y.norm()).powi(2)) / (ASPECT_SIGMA * ASPECT_SIGMA);
            let axis = x.dot(&z).powi(2) + y.dot(&z).powi(2) + (z.norm() - 1.0).powi(2);
            plane + axis / (AXIS_SIGMA * AXIS_SIGMA)
        };
        let width = f64::from(linear.image_size()[0]);
        let focal = |step: i32| 0.2 * width * 1.05_f64.powi(step);
        let f = focal((0..120).min_by(|a, b| oblique(focal(*a)).total_cmp(&oblique(focal(*b))))?);
        let [x, y, z] = [0, 1, 2].map(|j| straightened(f, &columns[j]));
        let unit = (0.5 * (x.norm_squared() + y.norm_squared())).sqrt();
        let [x, y, z] = [x, y, z].map(|column| column / unit);
        // The nearest rotation: both lines' directions give way alike.
        let (sum, difference) = ((x + y).try_normalize(1e-9)?, (x - y).try_normalize(1e-9)?);
        let across = (difference - sum * sum.dot(&difference)).try_normalize(1e-9)?;
        let [x, y] = [(sum + across) * 0.5_f64.sqrt(), (sum - across) * 0.5_f64.sqrt()];
        let rotation = Matrix3::from_columns(&[x, y, x.cross(&y)]);
        let back = rotation.transpose();
        Some(Pinhole {
            image_size: linear.image_size(),
            focal_px: [f, f],
            principal_point_px: linear.pixel_centre,
            distortion: Vec::new(),
            rotation: std::array::from_fn(|i| rotation.row(i).transpose().into()),
            translation_mm: (back * straightened(f, &last) / unit).into(),
            axis: (back * z).into(),
        })
    }

    /// R: camera (x right, y down, z forward) from the grid's axes.
    pub fn camera_from_grid(&self) -> Matrix3<f64> {
        Matrix3::from_fn(|i, j| self.rotation[i][j])
    }

    /// G: from the tool frame to right angles.
    pub fn grid_from_tool(&self) -> Matrix3<f64> {
        Matrix3::from_columns(&[Vector3::x(), Vector3::y(), Vector3::from(self.axis)])
    }

    /// The camera's centre in the tool frame, mm; `None` where the motion axis lies in the grid's plane.
    pub fn centre_in_tool_mm(&self) -> Option<Vector3<f64>> {
        Some(-(self.grid_from_tool().try_inverse()? * Vector3::from(self.translation_mm)))
    }

    /// Rotation from the tool frame to the camera, its z axis along the motion axis: what a camera at right angles is told.
    /// Differs from [`Self::camera_from_grid`] by the angle between motion axis and grid's normal.
    pub fn camera_from_tool(&self) -> Rotation3<f64> {
        let axis = Vector3::from(self.axis);
        let normal = Vector3::z() * axis.z.signum();
        let upright = Rotation3::rotation_between(&normal, &axis).unwrap_or_else(Rotation3::identity);
        Rotation3::from_matrix_unchecked(self.camera_from_grid()) * upright
    }

    /// Pixel of a point in the tool frame, and ∂(u, v)/∂(x, y, z), px/mm; not finite where the camera can't see it.
    pub fn pixel_and_jacobian(&self, point_mm: Vector3<f64>) -> (Vector2<f64>, Matrix2x3<f64>) {
        match self.see(point_mm) {
            Some(seen) => (self.pixel_of(&seen), seen.by_camera * self.camera_from_grid() * self.grid_from_tool()),
            None => (Vector2::repeat(f64::NAN), Matrix2x3::repeat(f64::NAN)),
        }
    }

    fn see(&self, point_mm: Vector3<f64>) -> Option<Seen> {
        let upright = Vector3::new(point_mm.x, point_mm.y, 0.0) + Vector3::from(self.axis) * point_mm.z;
        let camera = self.camera_from_grid() * (upright + Vector3::from(self.translation_mm));
        if falls_short(camera.z, 1e-6) {
            return None;
        }
        let ray = camera.xy() / camera.z;
        let distorted = distort(&self.distortion, ray)?;
        let by_ray = Matrix2::from_diagonal(&Vector2::from(self.focal_px)) * distorted.by_ray;
        let ray_by_camera = Matrix2x3::new(1.0, 0.0, -ray.x, 0.0, 1.0, -ray.y) / camera.z;
        Some(Seen { camera, by_camera: by_ray * ray_by_camera, distorted })
    }

    fn pixel_of(&self, seen: &Seen) -> Vector2<f64> {
        Vector2::from(self.focal_px).component_mul(&seen.distorted.ray) + Vector2::from(self.principal_point_px)
    }

    /// The tangent of the field angle at the image's corner, about.
    fn corner(&self) -> f64 {
        let half = |axis: usize| 0.5 * f64::from(self.image_size[axis]) / self.focal_px[axis];
        half(0).hypot(half(1))
    }

    /// Says what is impossible about the numbers of a loaded camera that should have so many `coefficients`.
    pub(crate) fn complaint(&self, coefficients: usize) -> Option<String> {
        let numbers = [
            ("focal_px", self.focal_px.as_slice()),
            ("principal_point_px", &self.principal_point_px),
            ("distortion", &self.distortion),
            ("rotation", self.rotation.as_flattened()),
            ("translation_mm", &self.translation_mm),
            ("axis", &self.axis),
        ];
        for (name, values) in numbers {
            if let Some(value) = values.iter().find(|x| !x.is_finite()) {
                return Some(format!("{name} holds {value}, which is not a finite number"));
            }
        }
        let turn = self.camera_from_grid();
        if (turn * turn.transpose() - Matrix3::identity()).amax() > 1e-6 || turn.determinant() < 0.0 {
            return Some(format!("rotation is {:?}, which is no rotation", self.rotation));
        }
        if let Some(focal) = self.focal_px.iter().find(|f| falls_short(**f, f64::MIN_POSITIVE)) {
            return Some(format!("focal_px holds {focal}, it must be above 0"));
        }
        if let Some(size) = self.image_size.iter().find(|n| **n == 0) {
            return Some(format!("image_size holds {size}, it must be above 0"));
        }
        let found = self.distortion.len();
        (found != coefficients).then(|| format!("distortion has {found} entries, {coefficients} are needed"))
    }
}

impl Adjustable for Pinhole {
    fn parameters(&self) -> usize {
        parameters(self.distortion.len())
    }

    fn pixel_and_rows(&self, point_mm: Vector3<f64>, rows: &mut [SparseRow; 2]) -> Option<Vector2<f64>> {
        let seen = self.see(point_mm)?;
        // δX = ω × X + R δt + z R δa.
        let by_turn = -seen.by_camera * seen.camera.cross_matrix();
        let by_shift = seen.by_camera * self.camera_from_grid();
        for (axis, row) in rows.iter_mut().enumerate() {
            let three = |from: usize, by: &Matrix2x3<f64>, times: f64| {
                [0, 1, 2].map(|i| (from + i, by[(axis, i)] * times)).into_iter()
            };
            row.extend(three(0, &by_turn, 1.0));
            row.extend(three(T, &by_shift, 1.0));
            row.extend(three(A, &by_shift, point_mm.z));
            row.extend([(F + axis, seen.distorted.ray[axis]), (C + axis, 1.0)]);
            let by_lens = seen.distorted.by_coefficient.iter().take(self.distortion.len());
            row.extend(by_lens.enumerate().map(|(i, by)| (POSE + i, self.focal_px[axis] * by[axis])));
        }
        Some(self.pixel_of(&seen))
    }

    fn pixel(&self, point_mm: Vector3<f64>) -> Vector2<f64> {
        self.pixel_and_jacobian(point_mm).0
    }

    fn step(&mut self, step: &[f64]) {
        let turned = Rotation3::new(Vector3::new(step[0], step[1], step[2])).into_inner() * self.camera_from_grid();
        // Rounding would add up.
        let turned = Rotation3::from_matrix_eps(&turned, 1e-15, 20, Rotation3::from_matrix_unchecked(turned));
        self.rotation = std::array::from_fn(|i| turned.matrix().row(i).transpose().into());
        let add = |values: &mut [f64], from: usize| {
            values.iter_mut().zip(&step[from..]).for_each(|(value, by)| *value += by);
        };
        add(&mut self.translation_mm, T);
        add(&mut self.axis, A);
        add(&mut self.focal_px, F);
        add(&mut self.principal_point_px, C);
        add(&mut self.distortion, POSE);
    }

    fn priors(&self, add: &mut AddPrior) {
        let [fx, fy] = self.focal_px;
        add(&[(F, 1.0 / fx), (F + 1, -1.0 / fy)], -(fx / fy).ln(), ASPECT_SIGMA);
        for axis in 0..2 {
            let size = f64::from(self.image_size[axis]);
            add(&[(C + axis, 1.0)], 0.5 * (size - 1.0) - self.principal_point_px[axis], CENTRE_SIGMA * size);
        }
        // The other way round where the points' z points away from the camera's side.
        let normal = Vector3::z() * self.axis[2].signum();
        for i in 0..3 {
            add(&[(A + i, 1.0)], normal[i] - self.axis[i], AXIS_SIGMA);
        }
        let corner = self.corner();
        for (i, value) in self.distortion.iter().enumerate() {
            let (power, sigma) = match i {
                0 | 5 => (2, RADIAL_SIGMA),
                1 | 6 => (4, RADIAL_SIGMA),
                4 | 7 => (6, RADIAL_SIGMA),
                9 | 11 => (3, SIDE_SIGMA),
                _ => (1, SIDE_SIGMA),
            };
            add(&[(POSE + i, 1.0)], -value, sigma / corner.powi(power));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A camera like those of the standard cell over an oblique frame.
    fn camera() -> Pinhole {
        let rotation = Rotation3::from_euler_angles(std::f64::consts::PI + 0.03, 0.19, 0.02).into_inner();
        Pinhole {
            image_size: [1280, 720],
            focal_px: [1341.0, 1338.0],
            principal_point_px: [646.0, 355.0],
            distortion: vec![-0.18, 0.06, 0.0006, -0.0004, 0.01, 0.02, -0.01, 0.003, 0.001, -0.002, 0.0015, 0.0005],
            rotation: std::array::from_fn(|i| rotation.row(i).transpose().into()),
            translation_mm: [6.0, -0.5, -30.0],
            axis: [0.003, -0.002, 1.004],
        }
    }

    fn points(camera: &Pinhole) -> Vec<Correspondence> {
        let seen = |view: u32, x: f64, y: f64| {
            let point_in_tool_mm = Vector3::new(x, y, -2.0 * f64::from(view));
            let pixel = camera.pixel(point_in_tool_mm);
            let inside = (0.0..1279.0).contains(&pixel.x) && (0.0..719.0).contains(&pixel.y);
            let pixel_covariance_px2 = Matrix2::identity() * 1e-4;
            inside.then_some(Correspondence { pixel, pixel_covariance_px2, point_in_tool_mm, view })
        };
        let lines = |n: i32| (-n..=n).map(|i| 1.1 * f64::from(i));
        let views = (0..11).flat_map(|view| lines(30).flat_map(move |x| lines(20).map(move |y| (view, x, y))));
        views.filter_map(|(view, x, y)| seen(view, x, y)).collect()
    }

    #[test]
    fn derivatives_by_parameters_agree_with_finite_differences() {
        let camera = camera();
        let point = Vector3::new(-7.3, 5.1, -12.4);
        let mut rows = [SparseRow::new(), SparseRow::new()];
        camera.pixel_and_rows(point, &mut rows).unwrap();
        for n in 0..camera.parameters() {
            let mut step = vec![0.0; camera.parameters()];
            let moved = |step: &[f64]| {
                let mut camera = camera.clone();
                camera.step(step);
                camera.pixel(point)
            };
            step[n] = 1e-6;
            let ahead = moved(&step);
            step[n] = -1e-6;
            let slope = (ahead - moved(&step)) / 2e-6;
            for (axis, row) in rows.iter().enumerate() {
                let value = row.iter().find(|(i, _)| *i == n).map_or(0.0, |(_, value)| *value);
                assert!((value - slope[axis]).abs() < 1e-4 * (1.0 + slope[axis].abs()), "parameter {n}, axis {axis}");
            }
        }
    }

    #[test]
    fn finds_a_brown_camera_back_in_spite_of_gross_outliers() {
        let mut truth = camera();
        truth.distortion.truncate(distortion::BROWN);
        let mut points = points(&truth);
        points.iter_mut().step_by(25).for_each(|p| p.pixel += Vector2::new(60.0, -35.0));
        let found = Pinhole::fit(distortion::BROWN, truth.image_size, &points).unwrap();
        for point in [Vector3::new(0.0, 0.0, 0.0), Vector3::new(9.0, -6.0, -11.0), Vector3::new(-12.0, 7.0, -20.0)] {
            assert!((found.pixel(point) - truth.pixel(point)).norm() < 1e-3);
        }
        // Strong distortion determines the camera itself, too, but for the weakest directions.
        let miss = found.centre_in_tool_mm().unwrap() - truth.centre_in_tool_mm().unwrap();
        assert!(miss.norm() < 0.1, "centre is off by {miss:?} mm");
        let miss = Vector2::from(found.focal_px) - Vector2::from(truth.focal_px);
        assert!(miss.norm() < 15.0, "focal lengths are off by {miss:?} px");
        let miss = Vector2::from(found.principal_point_px) - Vector2::from(truth.principal_point_px);
        assert!(miss.norm() < 3.0, "the principal point is off by {miss:?} px");
    }

    /// A frame with z away from the camera is a mirrored one: the axis takes it up.
    #[test]
    fn points_may_be_counted_downwards() {
        let truth = camera();
        let mut points = points(&truth);
        points.iter_mut().for_each(|p| p.point_in_tool_mm.z *= -1.0);
        let found = Pinhole::fit(distortion::RATIONAL, truth.image_size, &points).unwrap();
        let worst = points.iter().map(|p| (found.pixel(p.point_in_tool_mm) - p.pixel).norm()).fold(0.0, f64::max);
        assert!(worst < 1e-2 && found.axis[2] < -0.9, "{worst} px, axis {:?}", found.axis);
    }

    #[test]
    fn impossible_numbers_are_named() {
        let good = camera();
        assert_eq!(good.complaint(distortion::RATIONAL), None);
        let mut bad = good.clone();
        bad.rotation[1] = [0.0; 3];
        assert!(bad.complaint(distortion::RATIONAL).unwrap().contains("rotation"));
        let bad = Pinhole { axis: [0.0, f64::NAN, 1.0], ..good.clone() };
        assert!(bad.complaint(distortion::RATIONAL).unwrap().contains("axis"));
        let bad = Pinhole { focal_px: [-1.0, 1.0], ..good.clone() };
        assert!(bad.complaint(distortion::RATIONAL).unwrap().contains("focal_px"));
        assert!(good.complaint(distortion::BROWN).unwrap().contains("12"));
    }
}
