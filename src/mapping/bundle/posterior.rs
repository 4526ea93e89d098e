//! What the least squares of [`crate::mapping::bundle`] knows about its own unknowns.

use crate::camera::{Camera, Stereo};
use crate::least_squares::solve_equilibrated;
use crate::mapping::bundle::print::Layout;
use crate::mapping::models::CameraModel;
use crate::mapping::models::central::Central;
use crate::mapping::views::Views;
use nalgebra::{DMatrix, Matrix3, Matrix3xX, Matrix4, Vector3};

/// Relative to the diagonal, for what nothing determines.
pub(super) const DAMPING: f64 = 1e-10;

/// What the least squares knows about its own unknowns.
#[derive(Clone, Debug)]
pub(super) struct Posterior {
    pub(super) cameras: Stereo<Central>,
    pub(super) image_size: Stereo<[u32; 2]>,
    pub(super) lines_from_robot: Matrix3<f64>,
    /// Of all unknowns but the poses: both cameras, then A's first two columns and the rest of the print.
    pub(super) covariance: DMatrix<f64>,
    /// ∂(frame's origin)/∂(the same), mm. By definition it is at the mean x and y of all views that are no jogs, and at
    /// the height of the lowest. Errors that all share move the frame, not the answers in it.
    pub(super) origin_slope: Matrix3xX<f64>,
    /// Height of the lowest view, mm: the cameras are from before it became h = 0.
    pub(super) height_mm: f64,
}

impl Posterior {
    /// Covariance of (u_left, v_left, u_right, v_right) of a point; `None` where a camera can't see it.
    pub(super) fn pixel_covariance(&self, point_mm: Vector3<f64>) -> Option<Matrix4<f64>> {
        let point_mm = point_mm - Vector3::new(0.0, 0.0, self.height_mm);
        let in_lines_mm = self.lines_from_robot * point_mm;
        let mut rows = DMatrix::<f64>::zeros(4, self.origin_slope.ncols());
        let axes = self.cameras.left.parameters() + self.cameras.right.parameters();
        let mut start = 0;
        for (c, camera) in Camera::BOTH.into_iter().enumerate() {
            let model = &self.cameras[camera];
            let (pixel, slope) = model.pixel_and_jacobian(in_lines_mm);
            let size = self.image_size[camera];
            if (0..2).any(|axis| !(0.0..f64::from(size[axis])).contains(&pixel[axis])) {
                return None;
            }
            let count = model.parameters();
            let (mut u, mut v) = (vec![0.0; count], vec![0.0; count]);
            model.fill_rows(in_lines_mm, [&mut u, &mut v]);
            for (axis, values) in [u, v].iter().enumerate() {
                let mut row = rows.row_mut(2 * c + axis);
                row.copy_from(&(-slope.row(axis) * self.lines_from_robot * &self.origin_slope));
                for (n, value) in values.iter().enumerate() {
                    row[start + n] += *value;
                }
                // ∂L/∂A; without jogs A is no unknown.
                for (n, value) in row.iter_mut().skip(axes).take(Layout::AXES).enumerate() {
                    *value += slope[(axis, n / 2)] * point_mm[n % 2];
                }
            }
            start += count;
        }
        let covariance = &rows * &self.covariance * rows.transpose();
        Some(Matrix4::from_fn(|i, j| covariance[(i, j)]))
    }
}

/// The normal equations after the poses are eliminated.
pub(super) struct Reduced {
    pub(super) ata: DMatrix<f64>,
    /// −∂δ/∂(all other unknowns) of each view.
    pub(super) gains: Vec<Matrix3xX<f64>>,
}

impl Reduced {
    pub(super) fn posterior(
        self,
        cameras: &Stereo<Central>,
        lines_from_robot: Matrix3<f64>,
        views: &Views,
        lowest: usize,
    ) -> Option<Posterior> {
        let all = self.ata.nrows();
        let covariance = solve_equilibrated(self.ata, DMatrix::identity(all, all), DAMPING)?;
        let straight: Vec<_> = self.gains.iter().zip(&views.is_jog).filter(|(_, is_jog)| !**is_jog).collect();
        let mean = |axis: usize, n: usize| {
            straight.iter().map(|(gain, _)| gain[(axis, n)]).sum::<f64>() / straight.len().max(1) as f64
        };
        let along = |axis: usize, n: usize| if axis == 2 { self.gains[lowest][(2, n)] } else { mean(axis, n) };
        Some(Posterior {
            cameras: cameras.clone(),
            image_size: views.image_size,
            lines_from_robot,
            covariance,
            origin_slope: Matrix3xX::from_fn(all, |axis, n| -along(axis, n)),
            height_mm: 0.0,
        })
    }
}
