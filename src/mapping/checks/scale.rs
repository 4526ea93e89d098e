//! Do heights and pitch have the same unit and scale? Without jogs only perspective can tell.
//!
//! Both cameras are fitted at once as pinholes with Brown's distortion ([`crate::mapping::models::pinhole`]) over one frame
//! ```text
//! X = (1 + γ/2) x e_x + y (κ e_x + (1 − γ/2) e_y) + z a
//! ```
//! with a the motion axis. |a| is the height that the images show, in pitches times the stated pitch, over the height
//! that the robot tells. It is 1 if both are right. γ and κ are the print's anisotropy and skew.
//!
//! A camera that looks straight down can't tell |a| from its focal length. Two that look at a slant can, as far as pixels
//! are square, principal points near the middle, prints even, and distortion has a centre. The priors say how far. The
//! standard deviation of ln |a| says what comes of it; what the lens can't follow counts as noise of few independent
//! places.

use crate::camera::{Camera, Stereo};
use crate::least_squares::solve_equilibrated;
use crate::mapping::checks::finding::{Check, Finding, Limit, Quantity, Severity, Unit};
use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::mapping::models::pinhole::distortion::BROWN;
use crate::mapping::models::pinhole::{A, C, F, POSE, Pinhole, T};
use crate::mapping::robust::adjust::{AddPrior, Adjustable, descend};
use crate::mapping::robust::loss::{CAUCHY_SIGMAS, cauchy_loss, noise_scale};
use crate::mapping::robust::sparse_sums::{NormalEquations, SparseRow, SparseSums};
use crate::statistics::exceeds;
use nalgebra::{DMatrix, Matrix2, Vector2, Vector3};

/// |a| with its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// |a|: seen over told height.
    pub factor: f64,
    /// Standard deviation of ln |a|.
    pub sigma: f64,
}

/// Parameters of one camera, then the shared ones: a, γ, κ.
const OWN: usize = POSE + BROWN;
const SHARED: usize = 2 * OWN;
const ANISOTROPY: usize = SHARED + 3;
const SKEW: usize = SHARED + 4;
const ALL: usize = SHARED + 5;

/// ln(fx/fy): pixels are square.
const ASPECT_SIGMA: f64 = 0.001;
/// (cx, cy) from the middle of the image, over its width.
const CENTRE_SIGMA: f64 = 0.03;
/// Shift by each radial term at the corner, over the corner's distance.
const RADIAL_SIGMA: f64 = 0.5;
/// p₁ and p₂.
const TANGENTIAL_SIGMA: f64 = 0.002;
/// γ: prints are this even along x against y.
const ANISOTROPY_SIGMA: f64 = 0.005;
/// κ: and their lines are at right angles to this, rad.
const SKEW_SIGMA: f64 = 0.003;
/// a's tilt, rad.
const TILT_SIGMA: f64 = 0.02;
/// ln |a|: nothing is known.
const LENGTH_SIGMA: f64 = 1.0;
/// Residuals of a lens are alike at neighbouring places: so many of a camera's are independent.
const INDEPENDENT: f64 = 150.0;
/// Correspondences of a camera that are used: more say the same.
const USED: usize = 1000;
/// Steps for each noise scale.
const ROUNDS: usize = 40;
/// Noise scales, each from the fit before.
const STAGES: usize = 3;
/// |ln factor| that is always accepted: laser prints are off by 1 %.
const ACCEPTED: f64 = 0.03;
/// … and in standard deviations.
const ACCEPTED_SIGMAS: f64 = 4.0;
/// Less certain than this, the fit may have started in the wrong decade.
const LOST_SIGMA: f64 = 0.25;

impl Scale {
    /// The factor or its inverse, above 1.
    fn disagreement(&self) -> f64 {
        self.factor.max(1.0 / self.factor)
    }

    /// The finding of a factor that is too far from 1, or that would not have been noticed; none where all is well.
    pub fn finding(&self, pitch_mm: f64) -> Option<Finding> {
        let accepted = ACCEPTED.max(ACCEPTED_SIGMAS * self.sigma);
        if exceeds(self.factor.ln().abs(), accepted) {
            let sigma = Some(self.sigma * self.disagreement());
            let factor = Quantity { sigma, ..Quantity::new(self.disagreement(), Unit::One) };
            let finding = Finding::new(
                Check::Scale,
                Severity::Unusable,
                "heights and pitch",
                format!("they disagree by a factor of {factor}"),
                format!(
                    "is the pitch {pitch_mm} mm, or rather {:.3} mm? Are the heights in mm?",
                    pitch_mm / self.factor
                ),
            );
            return Some(finding.measured(factor, Limit::at_most(accepted.exp())));
        }
        let unnoticed = Quantity::new(100.0 * ((ACCEPTED_SIGMAS * self.sigma).exp() - 1.0), Unit::Percent);
        (ACCEPTED_SIGMAS * self.sigma > ACCEPTED).then(|| {
            let statement = format!("one that is wrong by up to {unnoticed} would not have been noticed");
            Finding::new(Check::Scale, Severity::Unverified, "pitch", statement, "measure it, or add jogs")
                .measured(unnoticed, Limit::at_most(100.0 * (ACCEPTED.exp() - 1.0)))
        })
    }
}

/// Estimates the scale from the correspondences of both cameras and judges it.
pub fn check(data: Stereo<&CameraDataset>, pitch_mm: f64) -> Option<Finding> {
    match estimate(data) {
        Some(scale) => scale.finding(pitch_mm),
        None => Some(Finding::new(
            Check::Scale,
            Severity::Unverified,
            "heights and pitch",
            "whether they agree can't be told",
            "measure the pitch, or add jogs",
        )),
    }
}

/// Both cameras over one frame.
#[derive(Clone)]
struct Rig {
    cameras: Stereo<Pinhole>,
    anisotropy: f64,
    skew: f64,
}

/// |a| from the correspondences of both cameras. `None` where they don't determine the cameras.
pub fn estimate(data: Stereo<&CameraDataset>) -> Option<Scale> {
    let few = data.map(|data| {
        // An odd stride walks through all regions of every view.
        let stride = data.correspondences.len().div_ceil(USED).max(1) | 1;
        let mut few: Vec<_> = data.correspondences.iter().step_by(stride).copied().collect();
        if is_mirrored(&few) {
            let width = f64::from(data.image_size[0]);
            few.iter_mut().for_each(|p| p.pixel.x = width - 1.0 - p.pixel.x);
        }
        few
    });
    let size = data.map(|data| data.image_size);
    let scaled = |by: f64| {
        let higher = |p: &Correspondence| {
            let [x, y, z] = p.point_in_tool_mm.into();
            Correspondence { point_in_tool_mm: Vector3::new(x, y, by * z), ..*p }
        };
        let points = few.as_ref().map(|points| points.iter().map(higher).collect::<Vec<_>>());
        fit(size, &points).map(|scale| Scale { factor: by * scale.factor, ..scale })
    };
    // By half decades, near ones first, until one start leads to an answer.
    let decades = (0..=6).flat_map(|n| [0.5 * f64::from(n), -0.5 * f64::from(n)]).skip(1);
    let mut best: Option<Scale> = None;
    for scale in decades.filter_map(|n| scaled(10_f64.powf(n))) {
        if best.is_none_or(|best| scale.sigma < best.sigma) {
            best = Some(scale);
        }
        if scale.sigma < LOST_SIGMA {
            break;
        }
    }
    best
}

/// Whether the image shows the grid as in a mirror, which no pinhole does: seen from above, v falls where y rises.
fn is_mirrored(points: &[Correspondence]) -> bool {
    let count = points.len().max(1) as f64;
    let pixel = points.iter().map(|p| p.pixel).sum::<Vector2<f64>>() / count;
    let place = points.iter().map(|p| p.point_in_tool_mm.xy()).sum::<Vector2<f64>>() / count;
    let along = points.iter().map(|p| (p.pixel - pixel) * (p.point_in_tool_mm.xy() - place).transpose());
    along.sum::<Matrix2<f64>>().determinant() > 0.0
}

/// Robust Levenberg–Marquardt.
fn fit(image_size: Stereo<[u32; 2]>, points: &Stereo<Vec<Correspondence>>) -> Option<Scale> {
    let start = |camera: Camera| Pinhole::fit(BROWN, image_size[camera], &points[camera]);
    let mut cameras = Stereo { left: start(Camera::Left)?, right: start(Camera::Right)? };
    let axis = 0.5 * (Vector3::from(cameras.left.axis) + Vector3::from(cameras.right.axis));
    for camera in Camera::BOTH {
        let view = &mut cameras[camera];
        // Focal length and distance go with the axis's length: the image stays as it is.
        let ratio = axis.norm() / Vector3::from(view.axis).norm();
        view.focal_px = view.focal_px.map(|f| f * ratio);
        view.translation_mm[2] *= ratio;
        view.axis = axis.into();
    }
    let mut rig = Rig { cameras, anisotropy: 0.0, skew: 0.0 };
    let mut noise_scales = Stereo { left: 1.0, right: 1.0 };
    for _ in 0..STAGES {
        noise_scales = Stereo::from_fn(|c| noise_scale(&points[c], |p| rig.pixel(c, p)));
        let equations = |rig: &Rig| rig.equations(points, noise_scales);
        rig = descend(rig, ROUNDS, equations, |rig| rig.cost(points, noise_scales), Rig::moved)?;
    }
    let ata = rig.equations(points, noise_scales)?.ata;
    let covariance = solve_equilibrated(ata, DMatrix::identity(ALL, ALL), 0.0)?;
    let factor = Vector3::from(rig.cameras.left.axis).norm();
    let sigma = covariance[(SHARED + 2, SHARED + 2)].sqrt() / factor;
    Some(Scale { factor, sigma }).filter(|scale| scale.sigma.is_finite())
}

impl Rig {
    /// Where γ and κ put a point.
    fn even(&self, p: Vector3<f64>) -> Vector3<f64> {
        let half = 0.5 * self.anisotropy;
        Vector3::new((1.0 + half) * p.x + self.skew * p.y, (1.0 - half) * p.y, p.z)
    }

    fn pixel(&self, camera: Camera, p: Vector3<f64>) -> Vector2<f64> {
        self.cameras[camera].pixel(self.even(p))
    }

    fn moved(&self, step: &[f64]) -> Self {
        let mut rig = self.clone();
        for (c, camera) in Camera::BOTH.into_iter().enumerate() {
            let mut own = step[c * OWN..(c + 1) * OWN].to_vec();
            own[A..A + 3].copy_from_slice(&step[SHARED..SHARED + 3]);
            rig.cameras[camera].step(&own);
        }
        rig.anisotropy += step[ANISOTROPY];
        rig.skew += step[SKEW];
        rig
    }

    /// The normal equations here.
    fn equations(&self, points: &Stereo<Vec<Correspondence>>, noise_scales: Stereo<f64>) -> Option<NormalEquations> {
        let mut sums = SparseSums::new(ALL);
        let mut rows = [SparseRow::new(), SparseRow::new()];
        for (c, camera) in Camera::BOTH.into_iter().enumerate() {
            let share = share(&points[camera]);
            for point in &points[camera] {
                rows.iter_mut().for_each(Vec::clear);
                let p = point.point_in_tool_mm;
                let miss = point.pixel - self.cameras[camera].pixel_and_rows(self.even(p), &mut rows)?;
                let (weight, cost) = cauchy_loss(point.weight(), noise_scales[camera], miss, CAUCHY_SIGMAS);
                sums.add_cost(share * cost);
                for (axis, row) in rows.iter_mut().enumerate() {
                    // ∂/∂t is ∂/∂X.
                    let by = |i: usize| row.iter().find(|(n, _)| *n == T + i).map_or(0.0, |(_, value)| *value);
                    let print = [(ANISOTROPY, 0.5 * (by(0) * p.x - by(1) * p.y)), (SKEW, by(0) * p.y)];
                    let place = |n: usize| if (A..A + 3).contains(&n) { SHARED + n - A } else { c * OWN + n };
                    row.iter_mut().for_each(|(n, _)| *n = place(*n));
                    row.extend(print);
                    row.sort_unstable_by_key(|(n, _)| *n);
                    sums.add(row, miss[axis], share * weight);
                }
            }
        }
        self.priors(&mut |row, miss, sigma| sums.add_prior(row, miss, sigma));
        sums.finish()
    }

    /// The cost alone.
    fn cost(&self, points: &Stereo<Vec<Correspondence>>, noise_scales: Stereo<f64>) -> f64 {
        let of_point = |camera: Camera, p: &Correspondence| {
            let residual = p.pixel - self.pixel(camera, p.point_in_tool_mm);
            cauchy_loss(p.weight(), noise_scales[camera], residual, CAUCHY_SIGMAS).1
        };
        let of_camera =
            |camera: Camera| share(&points[camera]) * points[camera].iter().map(|p| of_point(camera, p)).sum::<f64>();
        let mut cost = of_camera(Camera::Left) + of_camera(Camera::Right);
        self.priors(&mut |_, miss, sigma| cost += (miss / sigma).powi(2));
        cost
    }

    /// All that is known beforehand.
    fn priors(&self, add: &mut AddPrior) {
        add_camera_priors(add, &self.cameras.left, 0);
        add_camera_priors(add, &self.cameras.right, OWN);
        let [x, y, z] = self.cameras.left.axis;
        add(&[(SHARED, 1.0)], -x, TILT_SIGMA);
        add(&[(SHARED + 1, 1.0)], -y, TILT_SIGMA);
        add(&[(SHARED + 2, 1.0 / z)], -z.abs().ln(), LENGTH_SIGMA);
        add(&[(ANISOTROPY, 1.0)], -self.anisotropy, ANISOTROPY_SIGMA);
        add(&[(SKEW, 1.0)], -self.skew, SKEW_SIGMA);
    }
}

/// How much each of so many residuals of one camera counts.
fn share(points: &[Correspondence]) -> f64 {
    (INDEPENDENT / points.len() as f64).min(1.0)
}

/// What is known beforehand about one camera, its parameters from `start` on.
fn add_camera_priors(add: &mut AddPrior, camera: &Pinhole, start: usize) {
    let [fx, fy] = camera.focal_px;
    let [width, height] = camera.image_size.map(f64::from);
    add(&[(start + F, 1.0 / fx), (start + F + 1, -1.0 / fy)], -(fx / fy).ln(), ASPECT_SIGMA);
    for (axis, size) in [width, height].into_iter().enumerate() {
        let miss = 0.5 * (size - 1.0) - camera.principal_point_px[axis];
        add(&[(start + C + axis, 1.0)], miss, CENTRE_SIGMA * width);
    }
    let corner = 0.5 * width.hypot(height) / fx;
    for (n, value) in camera.distortion.iter().enumerate() {
        let sigma = match n {
            0 => RADIAL_SIGMA / corner.powi(2),
            1 => RADIAL_SIGMA / corner.powi(4),
            4 => RADIAL_SIGMA / corner.powi(6),
            _ => TANGENTIAL_SIGMA,
        };
        add(&[(start + POSE + n, 1.0)], -value, sigma);
    }
    // a stands among the shared parameters.
    (A..A + 3).for_each(|n| add(&[(start + n, 1.0)], 0.0, 1.0));
}
