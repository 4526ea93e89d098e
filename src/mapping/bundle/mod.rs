//! Cameras, poses and print, all at once.
//!
//! A robot's measured pose is wrong by micrometres, a printer's lines by tens of them, and either is mistaken for the lens
//! if it is taken as exact. Here all are unknowns of one weighted least squares problem:
//! ```text
//! pixel = camera(L),   L = pitch · n + w(n) + (line offsets) − A (pose + δ)
//! ```
//! with n = (n_v, −n_h, 0) the line numbers, w a smooth warp of the print, δ the error of each pose, and A the 3×3 matrix
//! from the robot's axes to the *lines frame*: x and y along the printed lines, in which the pitch is what the user says,
//! z along the robot's. δ, w and the line offsets are held near 0 by their prior standard deviations. What is served is
//! in the robot's axes, X = A⁻¹ L.
//!
//! Without jogs along both x and y, A = 1 *defines* the axes, and w and line offsets stay 0: the images can't tell them
//! from the lens. δ's mean and its linear part along the heights can't be told from the frame's origin, scale and motion
//! axis either; the priors leave them 0. The cameras live in the lines frame so that they hold whatever A turns out to be.

pub mod posterior;
pub mod print;
pub mod stage;
pub mod uncertainty;

use crate::camera::{Camera, Stereo};
use crate::least_squares::{NormalSums, solve_equilibrated};
use crate::mapping::bundle::posterior::{Posterior, Reduced};
use crate::mapping::bundle::print::{Layout, Print};
use crate::mapping::bundle::stage::StageFigures;
use crate::mapping::bundle::uncertainty::Uncertainty;
use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::mapping::models::CameraModel;
use crate::mapping::models::central::Central;
use crate::mapping::robust::loss::{cauchy_loss, noise_scale_of};
use crate::mapping::views::{Observation, Views};
use crate::mapping::volume::Volume;
use nalgebra::{DMatrix, DVector, Matrix2, Matrix3, Vector2, Vector3};
use std::collections::BTreeMap;

/// The solution.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The printed lines.
    pub print: Print,
    /// δ of each view, mm, robot axes.
    pub pose_error_mm: Vec<Vector3<f64>>,
    /// Takes each camera's own line numbers (n_v, −n_h) to those of `print`.
    pub turn: Stereo<Matrix2<i32>>,
    /// Whether jogs along both axes determined `print`.
    pub print_measured: bool,
    /// Cameras and the covariance of all unknowns; none where nothing was solved.
    posterior: Option<Posterior>,
}

/// Degree of the lens while poses and print are estimated.
const LENS_DEGREE: usize = 9;
/// Observations of each camera that are used, of straight views and of jogs.
const MOST: usize = 16_000;
const MOST_OF_JOGS: usize = 12_000;
/// Jogs that reach less far along an axis say nothing about the print, mm.
const LEAST_JOG_MM: f64 = 0.05;
/// Prior standard deviations, mm. The first is where the poses' own spread starts from.
const POSE_SIGMA_MM: f64 = 0.005;
const LEAST_POSE_SIGMA_MM: f64 = 0.0002;
/// Residuals beyond this many standard deviations count less.
const ROBUST: f64 = 4.0;
/// Relative to the diagonal, for what nothing determines.
pub(crate) const DAMPING: f64 = 1e-10;
const ROUNDS: usize = 7;
/// Once a step makes the weighted squares smaller by less than this for each unknown it is the last: the unknowns moved by
/// a hundredth of their standard deviations then.
const SETTLED: f64 = 1e-4;

fn turned(turn: Matrix2<i32>, [a, b]: [i32; 2]) -> [i32; 2] {
    (turn * Vector2::new(a, b)).into()
}

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
struct StandsFor {
    straight: usize,
    jog: usize,
}

impl StandsFor {
    fn of(&self, is_jog: bool) -> f64 {
        (if is_jog { self.jog } else { self.straight }) as f64
    }
}

/// Fewer observations, from all regions of all views.
fn thinned(views: &Views) -> (Stereo<Vec<Observation>>, Stereo<StandsFor>) {
    let part = |camera: Camera, jogs: bool, most: usize| {
        let all = || views.observations[camera].iter().filter(|o| views.is_jog[o.view as usize] == jogs);
        // An odd stride walks through all regions of every view.
        let stride = all().count().div_ceil(most).max(1) | 1;
        (all().step_by(stride).copied().collect::<Vec<_>>(), stride)
    };
    let mut stands_for = Stereo { left: StandsFor { straight: 1, jog: 1 }, right: StandsFor { straight: 1, jog: 1 } };
    let few = Stereo::from_fn(|camera| {
        let (mut few, straight) = part(camera, false, MOST);
        let (jogs, jog) = part(camera, true, MOST_OF_JOGS);
        few.extend(jogs);
        stands_for[camera] = StandsFor { straight, jog };
        few
    });
    (few, stands_for)
}

/// Least squares over everything. `None` when the data does not determine it.
pub fn solve(views: &Views) -> Option<Bundle> {
    let is_jog = |view: u32| views.is_jog[view as usize];
    let jogs = || views.moved_mm.iter().zip(&views.is_jog).filter(|(_, is_jog)| **is_jog).map(|(moved, _)| moved);
    let jogged = |axis: usize| jogs().any(|moved| moved[axis].abs() > LEAST_JOG_MM);
    let print_measured = jogged(0) && jogged(1);
    let mut bundle = Bundle { print_measured, ..Bundle::nominal(views) };
    let (mut few, stands_for) = thinned(views);
    // In the lines frame each camera is consistent whatever the robot's axes are.
    let fit = |bundle: &Bundle, few: &Stereo<Vec<Observation>>, camera: Camera| {
        let straight = few[camera].iter().filter(|o| !is_jog(o.view));
        let points: Vec<Correspondence> = straight.map(|o| bundle.in_lines(views, o)).collect();
        let volume = Volume::around(points.iter().map(|p| p.point_in_tool_mm));
        Central::with_lens(LENS_DEGREE, volume, views.image_size[camera], &points)
    };
    let both = |bundle: &Bundle, few: &Stereo<Vec<Observation>>| {
        let Stereo { left, right } = Stereo::join(|camera| fit(bundle, few, camera));
        Some(Stereo { left: left?, right: right? })
    };
    let mut cameras = both(&bundle, &few)?;
    if print_measured {
        let mut axes = Matrix2::zeros();
        for camera in Camera::BOTH {
            let found = lines_from_robot(views, &few[camera], &cameras[camera], &bundle)?;
            let turn = nearest_turn(&found);
            bundle.turn[camera] = turn;
            few[camera].iter_mut().for_each(|o| o.lines = turned(turn, o.lines));
            axes += 0.5 * turn.map(f64::from) * found;
        }
        let mut lines_from_robot = Matrix3::identity();
        lines_from_robot.fixed_view_mut::<2, 2>(0, 0).copy_from(&axes);
        bundle.print.set_axes(lines_from_robot)?;
        cameras = both(&bundle, &few)?;
    }
    let problem = Problem { views, layout: Layout::of(&few, print_measured), few, stands_for };
    let mut pose_sigma_mm = POSE_SIGMA_MM;
    let straight = (0..views.moved_mm.len()).filter(|view| !views.is_jog[*view]);
    let lowest = straight.min_by(|a, b| views.moved_mm[*a].z.total_cmp(&views.moved_mm[*b].z))?;
    for round in 1..=ROUNDS {
        // What no unknown explains counts as noise, lest it outweigh the poses.
        let misfit = problem.misfit(&cameras, &bundle);
        let (reduced, gain) = problem.step(&mut cameras, &mut bundle, pose_sigma_mm, misfit)?;
        // The poses' spread, in use from the third round on, is settled one round later.
        let unknowns = reduced.ata.nrows() + 3 * bundle.pose_error_mm.len();
        if round == ROUNDS || (round > 3 && gain < SETTLED * unknowns as f64) {
            bundle.posterior = reduced.posterior(&cameras, &bundle, views, lowest);
            break;
        }
        if round > 1 {
            let squares: f64 = bundle.pose_error_mm.iter().map(Vector3::norm_squared).sum();
            let spread = (squares / (3.0 * bundle.pose_error_mm.len() as f64)).sqrt();
            pose_sigma_mm = spread.clamp(LEAST_POSE_SIGMA_MM, 1.0);
        }
    }
    // h = 0 is where the lowest view really was. Along x and y the mean of all measured poses is the better reference.
    let height_mm = views.moved_mm[lowest].z + bundle.pose_error_mm[lowest].z;
    bundle.pose_error_mm.iter_mut().for_each(|error| error.z -= height_mm);
    if let Some(posterior) = &mut bundle.posterior {
        posterior.height_mm = height_mm;
    }
    Some(bundle)
}

impl Bundle {
    /// Poses and print as they are stated.
    pub fn nominal(views: &Views) -> Self {
        let all = views.observations.left.iter().chain(&views.observations.right);
        let reach = f64::from(all.flat_map(|o| o.lines.map(i32::abs)).max().unwrap_or(1));
        Bundle {
            print: Print::nominal(views.pitch_mm, reach),
            pose_error_mm: vec![Vector3::zeros(); views.moved_mm.len()],
            turn: Stereo::from_fn(|_| Matrix2::identity()),
            print_measured: false,
            posterior: None,
        }
    }

    /// What the mapping models of one camera are fitted to.
    pub fn dataset(&self, views: &Views, camera: Camera) -> CameraDataset {
        let numbered = |o: &Observation| Observation { lines: turned(self.turn[camera], o.lines), ..*o };
        let observations = views.observations[camera].iter().map(numbered);
        let correspondences = observations.map(|o| self.correspondence(views, &o)).collect();
        CameraDataset { image_size: views.image_size[camera], correspondences }
    }

    /// How sure the cameras are of their pixels, over `volume`; none where nothing was solved.
    pub fn uncertainty(&self, volume: &Volume) -> Option<Uncertainty> {
        let posterior = self.posterior.as_ref()?;
        Uncertainty::tabulate(volume, |point_mm| posterior.pixel_covariance(point_mm))
    }

    /// What people want to know about poses and print.
    pub fn stage_figures(&self) -> StageFigures {
        let [x, y] = self.print.axes();
        let lines: Vec<[i32; 2]> = self.print.offset_mm[0]
            .keys()
            .flat_map(|v| self.print.offset_mm[1].keys().map(move |h| [*v, *h]))
            .collect();
        let squares: f64 = lines.iter().map(|lines| self.print.displacement_mm(*lines).norm_squared()).sum();
        StageFigures {
            pose_error_rms_mm: self.pose_error_rms_mm(),
            print_measured: self.print_measured,
            pitch_mm: self.print.pitch_mm(),
            rotation_deg: x.y.atan2(x.x).to_degrees(),
            skew_deg: x.angle(&y).to_degrees() - 90.0,
            tilt_deg: self.print_measured.then(|| {
                let normal = x.cross(&y);
                [normal.x, normal.y].map(|part| part.atan2(normal.z).to_degrees())
            }),
            unevenness_rms_mm: (squares / lines.len().max(1) as f64).sqrt(),
        }
    }

    /// δ of each view about the mean of all, which share the shift of the origin to h = 0; robot axes, mm.
    pub fn pose_errors_mm(&self) -> Vec<Vector3<f64>> {
        let mean = self.pose_error_mm.iter().sum::<Vector3<f64>>() / self.pose_error_mm.len().max(1) as f64;
        self.pose_error_mm.iter().map(|error| error - mean).collect()
    }

    /// RMS of these along x, y, z, mm.
    pub fn pose_error_rms_mm(&self) -> [f64; 3] {
        let squares: Vector3<f64> = self.pose_errors_mm().iter().map(|e| e.component_mul(e)).sum();
        (squares / self.pose_error_mm.len().max(1) as f64).map(f64::sqrt).into()
    }

    /// Where the tool was relative to the origin, mm.
    fn pose_mm(&self, views: &Views, view: u32) -> Vector3<f64> {
        views.moved_mm[view as usize] + self.pose_error_mm[view as usize]
    }

    /// The observation, its lines numbered as in `print`, with its point, as the mapping models are fitted to it.
    pub fn correspondence(&self, views: &Views, observation: &Observation) -> Correspondence {
        Correspondence {
            pixel: observation.pixel,
            pixel_covariance_px2: observation.covariance_px2,
            point_in_tool_mm: self.print.point_mm(observation.lines) - self.pose_mm(views, observation.view),
            view: observation.view,
        }
    }

    /// The same with its point in the lines frame.
    fn in_lines(&self, views: &Views, observation: &Observation) -> Correspondence {
        let pose_mm = self.pose_mm(views, observation.view);
        let point = self.print.point_in_lines_mm(observation.lines) - self.print.lines_from_robot * pose_mm;
        Correspondence { point_in_tool_mm: point, ..self.correspondence(views, observation) }
    }
}

/// How far the lines of one camera seem to move, in its own numbering and the stated pitch, when the robot jogs:
/// seen = M moved.
fn lines_from_robot(
    views: &Views,
    observations: &[Observation],
    camera: &Central,
    bundle: &Bundle,
) -> Option<Matrix2<f64>> {
    let height = |view: u32| Vector3::new(0.0, 0.0, views.moved_mm[view as usize].z);
    let mut seen_mm: BTreeMap<u32, Vector3<f64>> = BTreeMap::new();
    // Newton's method for where the tool of each jog seems to be.
    for _ in 0..4 {
        let mut sums: BTreeMap<u32, (Matrix3<f64>, Vector3<f64>)> = BTreeMap::new();
        for o in observations.iter().filter(|o| views.is_jog[o.view as usize]) {
            let at = *seen_mm.entry(o.view).or_insert_with(|| height(o.view));
            let (pixel, slope) = camera.pixel_and_jacobian(bundle.print.point_in_lines_mm(o.lines) - at);
            let entry = sums.entry(o.view).or_default();
            entry.0 += slope.transpose() * slope;
            entry.1 -= slope.transpose() * (o.pixel - pixel);
        }
        for (view, (own, side)) in sums {
            *seen_mm.entry(view).or_default() += own.cholesky()?.solve(&side);
        }
    }
    let (mut both, mut own) = (Matrix2::zeros(), Matrix2::zeros());
    for (view, seen) in &seen_mm {
        let moved = views.moved_mm[*view as usize];
        both += seen.xy() * moved.xy().transpose();
        own += moved.xy() * moved.xy().transpose();
    }
    Some(both * own.try_inverse()?)
}

/// The quarter turn or mirroring after which the lines count along the robot's axes.
fn nearest_turn(lines_from_robot: &Matrix2<f64>) -> Matrix2<i32> {
    let straight = [[1, 1], [1, -1], [-1, 1], [-1, -1]];
    let turns = straight.into_iter().flat_map(|[a, b]| [Matrix2::new(a, 0, 0, b), Matrix2::new(0, a, b, 0)]);
    let likeness = |turn: &Matrix2<i32>| (turn.map(f64::from) * lines_from_robot).trace();
    turns.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_else(Matrix2::identity)
}

/// What stays the same from step to step.
struct Problem<'a> {
    views: &'a Views,
    /// The observations in use, lines numbered as in the print.
    few: Stereo<Vec<Observation>>,
    /// How many each of them stands for.
    stands_for: Stereo<StandsFor>,
    layout: Layout,
}

impl Problem<'_> {
    /// Median residual in units of what the covariances promise; 1 at least.
    fn misfit(&self, cameras: &Stereo<Central>, bundle: &Bundle) -> f64 {
        let Problem { views, few, .. } = self;
        let size = |camera: Camera, o: &Observation| {
            let at = bundle.in_lines(views, o);
            (cameras[camera].pixel_and_jacobian(at.point_in_tool_mm).0 - o.pixel).norm() * at.weight().sqrt()
        };
        let sizes = |camera: Camera| few[camera].iter().map(|o| size(camera, o)).collect::<Vec<f64>>();
        let Stereo { left, right } = Stereo::join(sizes);
        noise_scale_of(left.into_iter().chain(right))
    }

    /// What one camera says about its own parameters, then print and axes, and about the poses.
    fn camera_sums(&self, camera: Camera, central: &Central, bundle: &Bundle, misfit: f64) -> CameraSums {
        let Problem { views, few, stands_for, layout } = self;
        let own = central.parameters();
        let unknowns = own + layout.shared;
        let empty = PoseSums { own: Matrix3::zeros(), side: Vector3::zeros(), cross: DMatrix::zeros(3, unknowns) };
        let mut poses = vec![empty; views.moved_mm.len()];
        let mut sums = NormalSums::new(unknowns, 1);
        let (mut row_u, mut row_v) = (vec![0.0; unknowns], vec![0.0; unknowns]);
        for o in &few[camera] {
            let at = bundle.in_lines(views, o);
            let (pixel, slope) = central.pixel_and_jacobian(at.point_in_tool_mm);
            let residual = o.pixel - pixel;
            let (weight, _) = cauchy_loss(at.weight(), misfit, residual, ROBUST);
            // Each stands for those that were left out.
            let weight = weight * stands_for[camera].of(views.is_jog[o.view as usize]);
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

    /// One Gauss–Newton step on all unknowns, and by how much it makes the weighted squares smaller; the poses are eliminated
    /// view by view.
    fn step(
        &self,
        cameras: &mut Stereo<Central>,
        bundle: &mut Bundle,
        pose_sigma_mm: f64,
        misfit: f64,
    ) -> Option<(Reduced, f64)> {
        let Problem { views, layout, .. } = self;
        let own = [cameras.left.parameters(), cameras.right.parameters()];
        let shared_start = own[0] + own[1];
        let all = shared_start + layout.shared;
        let empty = PoseSums { own: Matrix3::zeros(), side: Vector3::zeros(), cross: DMatrix::zeros(3, all) };
        let mut poses = vec![empty; views.moved_mm.len()];
        let (mut ata, mut atb) = (DMatrix::<f64>::zeros(all, all), DVector::<f64>::zeros(all));
        let sums = |camera: Camera| self.camera_sums(camera, &cameras[camera], bundle, misfit);
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
