//! What a calibration has shown so far, for everything that people look at.

use crate::camera::{Camera, Stereo};
use crate::mapping::calibration::Calibration;
use crate::pose::tool_pose::ToolPose;
use crate::report::lattice::{self, GridPoint};
use crate::ros::robot::stop::Stop;
use crate::sweep::outcome::{CalibrationOutcome, PairReport};
use crate::sweep::session::SweepSession;
use nalgebra::{Vector2, Vector3};
use r2r::grating_calibration::action::Calibrate;
use r2r::grating_calibration::msg::Click;
use std::collections::{HashMap, VecDeque};

/// Answered clicks that are shown.
pub const CLICKS: usize = 200;

/// Farther aside than this the tool is somewhere else, mm.
const ASIDE_MM: f64 = 0.02;

/// One point of the dataset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DataPoint {
    /// Calibration frame.
    pub point_mm: Vector3<f32>,
    /// How far the point that its pixel says lies from it, in the grid's plane; NaN: not known.
    pub error_um: f32,
}

/// The grid as it was seen last.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Measured position of the tool in the base frame, mm.
    pub position_mm: [f64; 3],
    pub nodes: Stereo<Vec<GridPoint>>,
}

impl Seen {
    /// The latest pair of a session; `None` before the first.
    pub fn of(session: &SweepSession, pose: ToolPose) -> Option<Self> {
        let (observations, moved_mm) = session.latest()?;
        let pitch_mm = session.pitch_mm();
        let nodes = Stereo::from_fn(|camera| lattice::measured(&observations[camera], pitch_mm, moved_mm));
        Some(Seen { position_mm: pose.position_mm(), nodes })
    }
}

/// Where a crossing is seen while the tool moves on: each goes on as from the view before to this one.
///
/// Over half a millimetre at 30 mm that is a fifth of a pixel off in a corner. Nothing is said beyond one and a half steps, or
/// where the tool is not above where it was.
pub fn carried_on(before: &Seen, seen: &Seen, camera: Camera, position_mm: [f64; 3]) -> Option<Vec<GridPoint>> {
    let [from, at, to] = [before.position_mm, seen.position_mm, position_mm].map(Vector3::from);
    let (step, way) = (at - from, to - at);
    let share = way.z / step.z;
    let above = step.xy().norm() < ASIDE_MM && way.xy().norm() < ASIDE_MM;
    if !(above && (-1.5..=1.5).contains(&share)) {
        return None;
    }
    let earlier: HashMap<[i32; 2], Vector2<f64>> =
        before.nodes[camera].iter().map(|node| (node.lines, node.pixel)).collect();
    let node = |node: &GridPoint| {
        let pixel = node.pixel + (node.pixel - earlier.get(&node.lines)?) * share;
        Some(GridPoint { pixel, point_mm: node.point_mm - way, ..*node })
    };
    Some(seen.nodes[camera].iter().filter_map(node).collect())
}

/// How a calibration ended.
#[derive(Clone, Debug)]
pub struct Ended {
    pub usable: bool,
    /// The result's reason, or why there is none.
    pub reason: String,
}

/// What is shown. Whoever changes it wakes those who show it.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Of the calibration that runs; none when none does.
    pub progress: Option<Calibrate::Feedback>,
    pub seen: Option<Seen>,
    /// The one before.
    pub before: Option<Seen>,
    pub reports: Vec<PairReport>,
    pub dataset: Vec<DataPoint>,
    pub ended: Option<Ended>,
    /// Oldest first.
    pub clicks: VecDeque<Click>,
}

impl Live {
    /// A calibration begins: of the one before only the clicks stay.
    pub fn begin(&mut self) {
        *self = Live { clicks: std::mem::take(&mut self.clicks), ..Live::default() };
    }

    /// Another image pair was fitted.
    pub fn add(&mut self, report: PairReport, seen: Option<Seen>) {
        self.reports.push(report);
        let Some(seen) = seen else { return };
        for camera in Camera::BOTH {
            let point = |node: &GridPoint| DataPoint { point_mm: node.point_mm.cast(), error_um: node.error_um as f32 };
            self.dataset.extend(seen.nodes[camera].iter().map(point));
        }
        self.before = self.seen.replace(seen);
    }

    /// The calibration is over.
    pub fn end(&mut self, outcome: &Result<Calibrate::Result, Stop>) {
        self.progress = None;
        self.ended = Some(match outcome {
            Ok(result) => Ended { usable: result.usable, reason: result.reason.clone() },
            Err(Stop::Cancelled) => Ended { usable: false, reason: "cancelled".into() },
            Err(Stop::Failed(reason)) => Ended { usable: false, reason: reason.clone() },
        });
    }

    pub fn add_click(&mut self, click: Click) {
        if self.clicks.len() >= CLICKS {
            self.clicks.pop_front();
        }
        self.clicks.push_back(click);
    }
}

/// The whole dataset, each point with what the served model misses there.
pub fn judged(outcome: &CalibrationOutcome) -> Vec<DataPoint> {
    let of = |calibration: &Calibration, camera: Camera| {
        let model = &calibration.camera(camera).model;
        let point = |pixel: Vector2<f64>, point_mm: Vector3<f64>| {
            let (seen, jacobian) = model.pixel_and_jacobian(point_mm);
            DataPoint { point_mm: point_mm.cast(), error_um: lattice::error_um(jacobian, pixel - seen) as f32 }
        };
        let data = &outcome.data[camera].correspondences;
        data.iter().map(|c| point(c.pixel, c.point_in_tool_mm)).collect::<Vec<_>>()
    };
    Camera::BOTH.into_iter().flat_map(|camera| of(&outcome.calibration, camera)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(z_mm: f64, u: f64) -> Seen {
        let node = GridPoint {
            lines: [1, 2],
            pixel: Vector2::new(u, 50.0),
            point_mm: Vector3::new(1.1, 2.2, -z_mm),
            error_um: 1.0,
        };
        Seen { position_mm: [0.0, 0.0, z_mm], nodes: Stereo { left: vec![node], right: vec![] } }
    }

    #[test]
    fn crossings_are_carried_on_upwards_only() {
        let (before, last) = (seen(1.0, 100.0), seen(1.5, 98.0));
        let at = |x, z| carried_on(&before, &last, Camera::Left, [x, 0.0, z]);
        let node = at(0.0, 1.75).unwrap()[0];
        assert_eq!((node.pixel, node.point_mm.z), (Vector2::new(97.0, 50.0), -1.75));
        assert!(at(0.0, 3.0).is_none() && at(0.5, 1.75).is_none());
        assert!(carried_on(&last, &last, Camera::Left, [0.0, 0.0, 1.5]).is_none());
    }
}
