//! Cameras, poses and print, all at once.
//!
//! | file | holds |
//! | --- | --- |
//! | `solve` | which observations, which start, when it ends |
//! | `problem` | one Gauss–Newton step on all unknowns |
//! | `jogs` | axes and numbering from the jogs |
//! | `print` | where the printed lines are |
//! | `posterior` | covariance of the unknowns |
//! | `uncertainty` | covariance of the models' pixels over the volume |
//! | `stage` | what people want to know about poses and print |
//!
//! A robot's measured pose is wrong by micrometres, a printer's lines by tens of them. Either is mistaken for the lens if
//! it is taken as exact. Here all are unknowns of one weighted least squares problem:
//! ```text
//! pixel = camera(L),   L = pitch · n + w(n) + (line offsets) − A (pose + δ)
//! ```
//! | symbol | | unit |
//! | --- | --- | --- |
//! | L | the point in the *lines frame*: x and y along the printed lines, in which the pitch is what the user says, z along the robot's | mm |
//! | n = (n_v, −n_h, 0) | line numbers from the origin | pitches |
//! | w | smooth warp of the print | mm |
//! | A | 3×3, from the robot's axes to the lines frame | 1 |
//! | δ | error of each measured pose, robot axes | mm |
//!
//! δ, w and the line offsets are held near 0 by their prior standard deviations. What is served is in the robot's axes,
//! X = A⁻¹ L. The poses are eliminated view by view, the Schur complement of Triggs, McLauchlan, Hartley and Fitzgibbon,
//! "Bundle adjustment — a modern synthesis" (2000), section 6.1.
//!
//! Without jogs along both x and y, A = 1 *defines* the axes, and w and line offsets stay 0: the images can't tell them
//! from the lens. Nor can they tell δ's mean and its linear part along the heights from the frame's origin, scale and
//! motion axis. The priors leave these 0. The cameras live in the lines frame so that they hold whatever A turns out to
//! be.

mod jogs;
mod posterior;
pub mod print;
mod problem;
mod solve;
pub mod stage;
pub mod uncertainty;

use crate::camera::{Camera, Stereo};
use crate::mapping::bundle::posterior::Posterior;
use crate::mapping::bundle::print::Print;
use crate::mapping::bundle::stage::StageFigures;
use crate::mapping::bundle::uncertainty::Uncertainty;
use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::mapping::views::{Observation, Views};
use crate::mapping::volume::Volume;
use nalgebra::{Matrix2, Vector2, Vector3};

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

/// Line numbers after a quarter turn or mirroring.
fn turned(turn: Matrix2<i32>, [a, b]: [i32; 2]) -> [i32; 2] {
    (turn * Vector2::new(a, b)).into()
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

    /// Covariance of both cameras' pixels over `volume`, tool frame; none where nothing was solved.
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

    /// RMS of [`Self::pose_errors_mm`] along x, y, z, mm.
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
