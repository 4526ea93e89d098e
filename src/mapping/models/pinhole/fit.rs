//! Derivatives by the parameters, priors, and the fit.
//!
//! # What the images can't tell
//! Without a lens the model has 13 parameters, and a projective camera shows 11. Two directions of (fx, fy, cx, cy, a)
//! make no difference. A third one, the focal length against the length of a, makes next to none when the camera looks
//! straight down. Distortion, which has a centre, determines some of it. The rest is held by priors far weaker than any
//! real data. fx/fy is within 2 % of 1, (cx, cy) within 5 % of the image's size of its middle, a within 0.05 of the
//! normal. Each term of the distortion is within half of the image (tangential and prism: a tenth) at the image's corner.
//! They move pixels by nothing, but say that focal length and centre are to be believed to some per cent only, unless
//! distortion is strong.

use crate::mapping::dataset::Correspondence;
use crate::mapping::models::central::Central;
use crate::mapping::models::pinhole::{A, C, F, POSE, Pinhole, T, distortion, parameters};
use crate::mapping::robust::adjust::{AddPrior, Adjustable, adjust};
use crate::mapping::robust::sparse_sums::SparseRow;
use crate::mapping::volume::Volume;
use nalgebra::{Matrix2x3, Rotation3, Vector2, Vector3};

/// ln(fx/fy): pixels are square to this share.
pub(super) const ASPECT_SIGMA: f64 = 0.02;
/// (cx, cy) from the middle of the image, over its size.
const CENTRE_SIGMA: f64 = 0.05;
/// a from the grid's normal.
pub(super) const AXIS_SIGMA: f64 = 0.05;
/// Shift by each radial term at the image's corner, over the corner's distance.
const RADIAL_SIGMA: f64 = 0.5;
/// Shift by each tangential and prism term there.
const SIDE_SIGMA: f64 = 0.1;
/// Correspondences while the parameters are still far off: some hundred for each parameter.
const COARSE_POINTS: usize = 4000;

impl Pinhole {
    /// Fits a camera with `coefficients` of distortion, [`distortion::BROWN`] or [`distortion::RATIONAL`].
    /// `None` when the points don't determine it.
    pub fn fit(coefficients: usize, image_size: [u32; 2], points: &[Correspondence]) -> Option<Self> {
        let few: Vec<Correspondence> = points.iter().step_by((points.len() / COARSE_POINTS).max(1)).copied().collect();
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

    /// Tangent of the field angle at the image's corner, about.
    fn corner(&self) -> f64 {
        let half = |axis: usize| 0.5 * f64::from(self.image_size[axis]) / self.focal_px[axis];
        half(0).hypot(half(1))
    }
}

impl Adjustable for Pinhole {
    fn parameters(&self) -> usize {
        parameters(self.distortion.len())
    }

    fn pixel_and_rows(&self, point_mm: Vector3<f64>, rows: &mut [SparseRow; 2]) -> Option<Vector2<f64>> {
        let at = self.project(point_mm)?;
        // δX = ω × X + R δt + z R δa.
        let by_turn = -at.pixel_by_camera * at.point_in_camera_mm.cross_matrix();
        let by_shift = at.pixel_by_camera * self.camera_from_grid();
        for (axis, row) in rows.iter_mut().enumerate() {
            let three = |from: usize, by: &Matrix2x3<f64>, times: f64| {
                [0, 1, 2].map(|i| (from + i, by[(axis, i)] * times)).into_iter()
            };
            row.extend(three(0, &by_turn, 1.0));
            row.extend(three(T, &by_shift, 1.0));
            row.extend(three(A, &by_shift, point_mm.z));
            row.extend([(F + axis, at.distorted.ray[axis]), (C + axis, 1.0)]);
            let by_lens = at.distorted.by_coefficient.iter().take(self.distortion.len());
            row.extend(by_lens.enumerate().map(|(i, by)| (POSE + i, self.focal_px[axis] * by[axis])));
        }
        Some(self.pixel_of(&at))
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
    use nalgebra::Matrix2;

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
        assert_eq!(good.validate(distortion::RATIONAL), Ok(()));
        let field = |camera: Pinhole| camera.validate(distortion::RATIONAL).unwrap_err().field;
        let mirrored = [good.rotation[0], good.rotation[1], good.rotation[2].map(|x| -x)];
        assert_eq!(
            field(Pinhole { rotation: [[1.0, 0.0, 0.0], [0.0; 3], [0.0, 0.0, 1.0]], ..good.clone() }),
            "rotation"
        );
        assert_eq!(field(Pinhole { rotation: mirrored, ..good.clone() }), "rotation");
        assert_eq!(field(Pinhole { axis: [0.0, f64::NAN, 1.0], ..good.clone() }), "axis");
        assert_eq!(field(Pinhole { axis: [1.0, 0.0, 0.0], ..good.clone() }), "axis");
        assert_eq!(field(Pinhole { focal_px: [-1.0, 1.0], ..good.clone() }), "focal_px");
        assert_eq!(field(Pinhole { image_size: [0, 720], ..good.clone() }), "image_size");
        assert_eq!(good.validate(distortion::BROWN).unwrap_err().problem, "has 12 entries, 5 are needed");
    }
}
