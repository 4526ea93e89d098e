//! What a calibration has shown so far, for everything that people look at.

use crate::camera::{Camera, Stereo};
use crate::mapping::Calibration;
use crate::report::lattice::{self, Node};
use crate::ros::stop::Stop;
use crate::sweep::session::{CalibrationOutcome, PairReport, SweepSession, ToolPose};
use nalgebra::{Vector2, Vector3};
use r2r::grating_calibration::action::Calibrate;
use r2r::grating_calibration::msg::Click;
use std::collections::VecDeque;

/// Answered clicks that are shown.
pub const CLICKS: usize = 200;

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
    pub nodes: Stereo<Vec<Node>>,
}

impl Seen {
    /// The latest pair of a session; `None` before the first.
    pub fn of(session: &SweepSession, pose: ToolPose) -> Option<Self> {
        let (observations, moved_mm) = session.latest()?;
        let pitch_mm = session.pitch_mm();
        let nodes = Stereo::from_fn(|camera| lattice::measured(&observations[camera], pitch_mm, moved_mm));
        Some(Seen { position_mm: [pose.x_mm, pose.y_mm, pose.z_mm], nodes })
    }
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
            let point = |node: &Node| DataPoint { point_mm: node.point_mm.cast(), error_um: node.miss_um as f32 };
            self.dataset.extend(seen.nodes[camera].iter().map(point));
        }
        self.seen = Some(seen);
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
            DataPoint { point_mm: point_mm.cast(), error_um: lattice::miss_um(jacobian, pixel - seen) as f32 }
        };
        let data = &outcome.data[camera].correspondences;
        data.iter().map(|c| point(c.pixel, c.point_in_tool_mm)).collect::<Vec<_>>()
    };
    Camera::BOTH.into_iter().flat_map(|camera| of(&outcome.calibration, camera)).collect()
}
