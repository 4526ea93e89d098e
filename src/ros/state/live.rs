//! What a calibration has shown so far, and the latest clicks: all that people look at.

use crate::camera::{Camera, Stereo};
use crate::mapping::calibration::Calibration;
use crate::report::lattice::{self, GridPoint};
use crate::ros::state::clicked::AnsweredClick;
use crate::ros::state::grid::MeasuredGrid;
use crate::ros::state::progress::{Ended, Progress};
use crate::sweep::outcome::{CalibrationOutcome, PairReport};
use nalgebra::{Vector2, Vector3};
use std::collections::VecDeque;

/// Answered clicks that are shown.
const MAX_CLICKS: usize = 200;

/// One point of the dataset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DataPoint {
    /// Calibration frame.
    pub point_mm: Vector3<f32>,
    /// Distance from the point that its pixel tells, in the grid's plane; NaN: not known.
    pub error_um: f32,
}

/// What is shown. Whoever changes it wakes those who show it.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Of the calibration that runs; none when none does.
    pub progress: Option<Progress>,
    /// The grid in the latest view.
    pub grid: Option<MeasuredGrid>,
    /// The grid in the view before.
    pub grid_before: Option<MeasuredGrid>,
    /// What each pair gave.
    pub reports: Vec<PairReport>,
    /// All points so far, with the error that their neighbours or the models tell.
    pub dataset: Vec<DataPoint>,
    /// How the last calibration ended.
    pub ended: Option<Ended>,
    /// Oldest first.
    pub clicks: VecDeque<AnsweredClick>,
}

impl Live {
    /// A calibration begins: of the one before only the clicks stay.
    pub fn begin(&mut self) {
        *self = Live { clicks: std::mem::take(&mut self.clicks), ..Live::default() };
    }

    /// Another image pair was fitted.
    pub fn add(&mut self, report: PairReport, grid: Option<MeasuredGrid>) {
        self.reports.push(report);
        let Some(grid) = grid else { return };
        for camera in Camera::BOTH {
            let point = |node: &GridPoint| DataPoint { point_mm: node.point_mm.cast(), error_um: node.error_um as f32 };
            self.dataset.extend(grid.nodes[camera].iter().map(point));
        }
        self.grid_before = self.grid.replace(grid);
    }

    /// The calibration is over.
    pub fn end(&mut self, ended: Ended) {
        self.progress = None;
        self.ended = Some(ended);
    }

    /// A click was answered.
    pub fn add_click(&mut self, click: AnsweredClick) {
        if self.clicks.len() >= MAX_CLICKS {
            self.clicks.pop_front();
        }
        self.clicks.push_back(click);
    }
}

/// The whole dataset, each point with the error of the served model there.
pub fn dataset_of(outcome: &CalibrationOutcome) -> Vec<DataPoint> {
    let of = |calibration: &Calibration, camera: Camera| {
        let model = &calibration.camera(camera).model;
        let point = |pixel: Vector2<f64>, point_mm: Vector3<f64>| {
            let (predicted, jacobian) = model.pixel_and_jacobian(point_mm);
            DataPoint { point_mm: point_mm.cast(), error_um: lattice::error_um(jacobian, pixel - predicted) as f32 }
        };
        let data: &Stereo<_> = &outcome.data;
        data[camera].correspondences.iter().map(|c| point(c.pixel, c.point_in_tool_mm)).collect::<Vec<_>>()
    };
    Camera::BOTH.into_iter().flat_map(|camera| of(&outcome.calibration, camera)).collect()
}
