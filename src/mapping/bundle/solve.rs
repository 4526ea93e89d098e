//! Which observations the least squares of [`crate::mapping::bundle`] uses, where it starts, and when it ends.

use crate::camera::{Camera, Stereo};
use crate::mapping::bundle::jogs::{lines_from_robot, nearest_turn};
use crate::mapping::bundle::print::Layout;
use crate::mapping::bundle::problem::{Problem, Strides};
use crate::mapping::bundle::{Bundle, turned};
use crate::mapping::dataset::Correspondence;
use crate::mapping::models::central::Central;
use crate::mapping::views::{Observation, Views};
use crate::mapping::volume::Volume;
use nalgebra::{Matrix2, Matrix3, Vector3};

/// Degree of the lens while poses and print are estimated.
const LENS_DEGREE: usize = 9;
/// Observations of each camera's straight views that are used: poses and lens are well determined by them.
const USED: usize = 16_000;
/// Observations of each camera's jogs that are used.
const USED_OF_JOGS: usize = 12_000;
/// Jogs that reach less far along an axis say nothing about the print, mm.
const MIN_JOG_MM: f64 = 0.05;
/// Where the spread of the poses starts from, mm: that of a good robot.
const POSE_SIGMA_MM: f64 = 0.005;
/// Least spread of the poses, mm: no encoder is better.
const MIN_POSE_SIGMA_MM: f64 = 0.0002;
/// Largest spread of the poses, mm: a robot that is worse is broken.
const MAX_POSE_SIGMA_MM: f64 = 1.0;
/// Steps at most.
const ROUNDS: usize = 7;
/// A step that lowers the weighted squares by less than this for each unknown is the last. The unknowns then moved by a
/// hundredth of their standard deviations.
const SETTLED_GAIN: f64 = 1e-4;

/// Fewer observations, from all regions of all views.
fn thinned(views: &Views) -> (Stereo<Vec<Observation>>, Stereo<Strides>) {
    let part = |camera: Camera, jogs: bool, most: usize| {
        let all = || views.observations[camera].iter().filter(|o| views.is_jog[o.view as usize] == jogs);
        // An odd stride walks through all regions of every view.
        let stride = all().count().div_ceil(most).max(1) | 1;
        (all().step_by(stride).copied().collect::<Vec<_>>(), stride)
    };
    let mut strides = Stereo { left: Strides { straight: 1, jog: 1 }, right: Strides { straight: 1, jog: 1 } };
    let used = Stereo::from_fn(|camera| {
        let (mut used, straight) = part(camera, false, USED);
        let (jogs, jog) = part(camera, true, USED_OF_JOGS);
        used.extend(jogs);
        strides[camera] = Strides { straight, jog };
        used
    });
    (used, strides)
}

impl Bundle {
    /// Least squares over everything. `None` when the data does not determine it.
    pub fn solve(views: &Views) -> Option<Self> {
        let is_jog = |view: u32| views.is_jog[view as usize];
        let jogs = || views.moved_mm.iter().zip(&views.is_jog).filter(|(_, is_jog)| **is_jog).map(|(moved, _)| moved);
        let jogged = |axis: usize| jogs().any(|moved| moved[axis].abs() > MIN_JOG_MM);
        let print_measured = jogged(0) && jogged(1);
        let mut bundle = Bundle { print_measured, ..Bundle::nominal(views) };
        let (mut used, strides) = thinned(views);
        // In the lines frame each camera is consistent whatever the robot's axes are.
        let fit = |bundle: &Bundle, used: &Stereo<Vec<Observation>>, camera: Camera| {
            let straight = used[camera].iter().filter(|o| !is_jog(o.view));
            let points: Vec<Correspondence> = straight.map(|o| bundle.in_lines(views, o)).collect();
            let volume = Volume::around(points.iter().map(|p| p.point_in_tool_mm));
            Central::with_lens(LENS_DEGREE, volume, views.image_size[camera], &points)
        };
        let both = |bundle: &Bundle, used: &Stereo<Vec<Observation>>| {
            let Stereo { left, right } = Stereo::join(|camera| fit(bundle, used, camera));
            Some(Stereo { left: left?, right: right? })
        };
        let mut cameras = both(&bundle, &used)?;
        if print_measured {
            let mut axes = Matrix2::zeros();
            for camera in Camera::BOTH {
                let found = lines_from_robot(views, &used[camera], &cameras[camera], &bundle)?;
                let turn = nearest_turn(&found);
                bundle.turn[camera] = turn;
                used[camera].iter_mut().for_each(|o| o.lines = turned(turn, o.lines));
                axes += 0.5 * turn.map(f64::from) * found;
            }
            let mut lines_from_robot = Matrix3::identity();
            lines_from_robot.fixed_view_mut::<2, 2>(0, 0).copy_from(&axes);
            bundle.print.set_axes(lines_from_robot)?;
            cameras = both(&bundle, &used)?;
        }
        let problem = Problem { views, layout: Layout::of(&used, print_measured), used, strides };
        let mut pose_sigma_mm = POSE_SIGMA_MM;
        let straight = (0..views.moved_mm.len()).filter(|view| !views.is_jog[*view]);
        let lowest = straight.min_by(|a, b| views.moved_mm[*a].z.total_cmp(&views.moved_mm[*b].z))?;
        for round in 1..=ROUNDS {
            // What no unknown explains counts as noise, lest it outweigh the poses.
            let noise_scale = problem.noise_scale(&cameras, &bundle);
            let (reduced, gain) = problem.step(&mut cameras, &mut bundle, pose_sigma_mm, noise_scale)?;
            // The poses' spread, in use from the third round on, is settled one round later.
            let unknowns = reduced.ata.nrows() + 3 * bundle.pose_error_mm.len();
            if round == ROUNDS || (round > 3 && gain < SETTLED_GAIN * unknowns as f64) {
                bundle.posterior = reduced.posterior(&cameras, bundle.print.lines_from_robot, views, lowest);
                break;
            }
            if round > 1 {
                let squares: f64 = bundle.pose_error_mm.iter().map(Vector3::norm_squared).sum();
                let spread = (squares / (3.0 * bundle.pose_error_mm.len() as f64)).sqrt();
                pose_sigma_mm = spread.clamp(MIN_POSE_SIGMA_MM, MAX_POSE_SIGMA_MM);
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
}
