//! One Gauss–Newton step of the least squares in [`crate::mapping::bundle`].

use crate::camera::{Camera, Stereo};
use crate::least_squares::{NormalSums, solve_equilibrated};
use crate::mapping::bundle::Bundle;
use crate::mapping::bundle::posterior::{DAMPING, Reduced};
use crate::mapping::bundle::print::Layout;
use crate::mapping::models::CameraModel;
use crate::mapping::models::central::Central;
use crate::mapping::robust::loss::{cauchy_loss, noise_scale_of};
use crate::mapping::views::{Observation, Views};
use nalgebra::{DMatrix, DVector, Matrix3, Vector3};

/// Residuals beyond this many standard deviations count less: fewer than the models allow, since poses are few.
const CAUCHY_SIGMAS: f64 = 4.0;

/// What the observations of one view say about its pose, for the elimination of δ.
#[derive(Clone)]
struct PoseSums {
    /// Σ JᵀWJ and Σ JᵀWr with J = ∂pixel/∂δ.
    own: Matrix3<f64>,
    side: Vector3<f64>,
    /// Σ JᵀW ∂pixel/∂(all other unknowns).
    cross: DMatrix<f64>,
}

/// What the observations of one camera say.
struct CameraSums {
    /// Normal equations of its parameters, then of what both cameras share.
    block: DMatrix<f64>,
    side: DMatrix<f64>,
    /// Of each view, with these unknowns.
    poses: Vec<PoseSums>,
}

/// How many observations each of the used ones stands for.
#[derive(Clone, Copy)]
pub(super) struct Strides {
    pub straight: usize,
    pub jog: usize,
}

impl Strides {
    fn of(&self, is_jog: bool) -> f64 {
        (if is_jog { self.jog } else { self.straight }) as f64
    }
}

/// What stays the same from step to step.
pub(super) struct Problem<'a> {
    pub views: &'a Views,
    /// The observations in use, lines numbered as in the print.
    pub used: Stereo<Vec<Observation>>,
    /// How many each of them stands for.
    pub strides: Stereo<Strides>,
    /// Which unknown of the print stands where.
    pub layout: Layout,
}

impl Problem<'_> {
    /// Factor by which residuals exceed their stated σ; 1 at least.
    pub fn noise_scale(&self, cameras: &Stereo<Central>, bundle: &Bundle) -> f64 {
        let Problem { views, used, .. } = self;
        let length = |camera: Camera, o: &Observation| {
            let at = bundle.in_lines(views, o);
            (cameras[camera].pixel_and_jacobian(at.point_in_tool_mm).0 - o.pixel).norm() * at.weight().sqrt()
        };
        let lengths = |camera: Camera| used[camera].iter().map(|o| length(camera, o)).collect::<Vec<f64>>();
        let Stereo { left, right } = Stereo::join(lengths);
        noise_scale_of(left.into_iter().chain(right))
    }

    /// What one camera says about its own parameters, then print and axes, and about the poses.
    fn camera_sums(&self, camera: Camera, central: &Central, bundle: &Bundle, noise_scale: f64) -> CameraSums {
        let Problem { views, used, strides, layout } = self;
        let own = central.parameters();
        let unknowns = own + layout.shared;
        let empty = PoseSums { own: Matrix3::zeros(), side: Vector3::zeros(), cross: DMatrix::zeros(3, unknowns) };
        let mut poses = vec![empty; views.moved_mm.len()];
        let mut sums = NormalSums::new(unknowns, 1);
        let (mut row_u, mut row_v) = (vec![0.0; unknowns], vec![0.0; unknowns]);
        for o in &used[camera] {
            let at = bundle.in_lines(views, o);
            let (pixel, slope) = central.pixel_and_jacobian(at.point_in_tool_mm);
            let residual = o.pixel - pixel;
            let (weight, _) = cauchy_loss(at.weight(), noise_scale, residual, CAUCHY_SIGMAS);
            // Each stands for those that were left out.
            let weight = weight * strides[camera].of(views.is_jog[o.view as usize]);
            row_u.fill(0.0);
            row_v.fill(0.0);
            {
                let (u, shared_u) = row_u.split_at_mut(own);
                let (v, shared_v) = row_v.split_at_mut(own);
                central.fill_rows(at.point_in_tool_mm, [u, v]);
                if layout.shared > 0 {
                    let pose_mm = bundle.pose_mm(views, o.view);
                    layout.fill(&bundle.print, o.lines, pose_mm, &slope, [shared_u, shared_v]);
                }
            }
            let pose = &mut poses[o.view as usize];
            // ∂L/∂δ = −A.
            let by_pose = -slope * bundle.print.lines_from_robot;
            for (axis, row) in [&row_u, &row_v].into_iter().enumerate() {
                sums.add(|target| target.copy_from_slice(row), &[residual[axis]], weight);
                let weighted = by_pose.row(axis).transpose() * weight;
                pose.side += weighted * residual[axis];
                pose.own += weighted * by_pose.row(axis);
                for (mut cross, value) in pose.cross.column_iter_mut().zip(row) {
                    cross.axpy(*value, &weighted, 1.0);
                }
            }
        }
        let (block, side) = sums.finish();
        CameraSums { block, side, poses }
    }

    /// One Gauss–Newton step on all unknowns, taken by `cameras` and `bundle`, with the poses eliminated view by view.
    /// Gives the normal equations that are left, and by how much the step makes the weighted squares smaller. `None` where
    /// the observations don't determine the unknowns.
    pub fn step(
        &self,
        cameras: &mut Stereo<Central>,
        bundle: &mut Bundle,
        pose_sigma_mm: f64,
        noise_scale: f64,
    ) -> Option<(Reduced, f64)> {
        let Problem { views, layout, .. } = self;
        let own = [cameras.left.parameters(), cameras.right.parameters()];
        let shared_start = own[0] + own[1];
        let all = shared_start + layout.shared;
        let empty = PoseSums { own: Matrix3::zeros(), side: Vector3::zeros(), cross: DMatrix::zeros(3, all) };
        let mut poses = vec![empty; views.moved_mm.len()];
        let (mut ata, mut atb) = (DMatrix::<f64>::zeros(all, all), DVector::<f64>::zeros(all));
        let sums = |camera: Camera| self.camera_sums(camera, &cameras[camera], bundle, noise_scale);
        let Stereo { left, right } = Stereo::join(sums);
        for (c, CameraSums { block, side, poses: seen }) in [left, right].into_iter().enumerate() {
            let start = [0, own[0]][c];
            let place = |n: usize| if n < own[c] { start + n } else { shared_start + n - own[c] };
            for i in 0..block.nrows() {
                atb[place(i)] += side[(i, 0)];
                for j in 0..block.ncols() {
                    ata[(place(i), place(j))] += block[(i, j)];
                }
            }
            for (pose, seen) in poses.iter_mut().zip(&seen) {
                pose.own += seen.own;
                pose.side += seen.side;
                for n in 0..seen.cross.ncols() {
                    let mut cross = pose.cross.column_mut(place(n));
                    cross += seen.cross.column(n);
                }
            }
        }
        if layout.shared > 0 {
            layout.add_priors(&bundle.print, &mut ata, &mut atb, shared_start);
        }
        let information = 1.0 / (pose_sigma_mm * pose_sigma_mm);
        let mut gains = Vec::with_capacity(poses.len());
        let mut inverses = Vec::with_capacity(poses.len());
        for (pose, error) in poses.iter_mut().zip(&bundle.pose_error_mm) {
            pose.own += Matrix3::identity() * information;
            pose.side -= error * information;
            let inverse = pose.own.cholesky()?.inverse();
            let gain = inverse * &pose.cross;
            ata.gemm_tr(-1.0, &pose.cross, &gain, 1.0);
            atb.gemv_tr(-1.0, &gain, &pose.side, 1.0);
            inverses.push(inverse);
            gains.push(gain);
        }
        let side = DMatrix::from_column_slice(all, 1, atb.as_slice());
        let solution = solve_equilibrated(ata.clone(), side, DAMPING)?.column(0).into_owned();
        let mut smaller = solution.dot(&atb);
        for ((pose, inverse), error) in poses.iter().zip(&inverses).zip(&mut bundle.pose_error_mm) {
            *error += inverse * (pose.side - &pose.cross * &solution);
            // What is left of it with all others at their best.
            smaller += pose.side.dot(&(inverse * pose.side));
        }
        let step = solution.as_slice();
        cameras.left.step(&step[..own[0]]);
        cameras.right.step(&step[own[0]..shared_start]);
        if layout.shared > 0 {
            layout.step(&mut bundle.print, &step[shared_start..])?;
        }
        Some((Reduced { ata, gains }, smaller))
    }
}
