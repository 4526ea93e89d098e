//! Where the printed lines are: an even grid in the lines frame of [`crate::mapping::bundle`], a smooth warp, and each line's
//! own displacement.

use crate::camera::Stereo;
use crate::grating::chebyshev::values_at;
use crate::mapping::models::central::lens_exponents;
use crate::mapping::views::Observation;
use nalgebra::{DMatrix, DVector, Matrix2x3, Matrix3, Vector2, Vector3};
use std::collections::BTreeMap;

/// Degree of the smooth warp: a sheet bends no faster.
const WARP_DEGREE: usize = 7;
/// σ of each coefficient of the warp, mm: paper and printers warp by tens of micrometres.
const WARP_SIGMA_MM: f64 = 0.05;
/// σ of each line's own displacement, mm.
const LINE_SIGMA_MM: f64 = 0.02;

/// Where the printed lines are.
#[derive(Clone, Debug, PartialEq)]
pub struct Print {
    /// A: takes the robot's axes to the lines frame.
    pub lines_from_robot: Matrix3<f64>,
    /// Its inverse.
    pub robot_from_lines: Matrix3<f64>,
    /// Pitch in the lines frame, as the user says, mm.
    pub nominal_pitch_mm: f64,
    /// Displacement of each line across itself, by number: v lines along x, h lines along y of the lines frame, mm.
    pub offset_mm: [BTreeMap<i32, f64>; 2],
    /// Smooth warp along x and y: coefficients of T_i T_j of the line numbers over `reach`, `warp_exponents`, mm.
    pub warp_mm: [Vec<f64>; 2],
    /// Largest line number that was seen.
    pub reach: f64,
}

/// All (i, j) with 2 ≤ i + j ≤ [`WARP_DEGREE`].
fn warp_exponents() -> impl Iterator<Item = (usize, usize)> {
    lens_exponents(WARP_DEGREE)
}

impl Print {
    /// Lines as the user says they are.
    pub fn nominal(pitch_mm: f64, reach: f64) -> Self {
        Print {
            lines_from_robot: Matrix3::identity(),
            robot_from_lines: Matrix3::identity(),
            nominal_pitch_mm: pitch_mm,
            offset_mm: Default::default(),
            warp_mm: [Vec::new(), Vec::new()],
            reach: reach.max(1.0),
        }
    }

    /// The intersection of `lines` = (n_v, −n_h), tool frame at h = 0, mm.
    pub fn point_mm(&self, lines: [i32; 2]) -> Vector3<f64> {
        self.robot_from_lines * self.point_in_lines_mm(lines)
    }

    /// The same in the lines frame.
    pub(super) fn point_in_lines_mm(&self, lines: [i32; 2]) -> Vector3<f64> {
        let even = Vector2::from(lines.map(f64::from)) * self.nominal_pitch_mm;
        (even + self.displacement_mm(lines)).push(0.0)
    }

    /// How far warp and line offsets move a intersection, lines frame, mm.
    pub(super) fn displacement_mm(&self, lines: [i32; 2]) -> Vector2<f64> {
        Vector2::from_fn(|k, _| {
            let warp: f64 = match self.warp_mm[k].as_slice() {
                [] => 0.0,
                coefficients => self.warp_terms(lines).zip(coefficients).map(|(t, c)| t * c).sum(),
            };
            self.offset_mm[k].get(&lines[k]).copied().unwrap_or(0.0) + warp
        })
    }

    pub(super) fn warp_terms(&self, lines: [i32; 2]) -> impl Iterator<Item = f64> {
        let mut values = [[0.0; WARP_DEGREE + 1]; 2];
        for (line, values) in lines.into_iter().zip(&mut values) {
            values_at(f64::from(line) / self.reach, values);
        }
        // T_n(0) is 1, 0, −1, 0, …; the origin intersection stays where it is.
        let at_origin = |n: usize| [1.0, 0.0, -1.0, 0.0][n % 4];
        warp_exponents().map(move |(i, j)| values[0][i] * values[1][j] - at_origin(i) * at_origin(j))
    }

    /// Where the lines frame's x and y lead in the robot's axes; longer than 1 where the true pitch is larger than stated.
    pub(super) fn axes(&self) -> [Vector3<f64>; 2] {
        [0, 1].map(|k| self.robot_from_lines.column(k).into_owned())
    }

    /// Pitch across v lines and across h lines, mm.
    pub fn pitch_mm(&self) -> [f64; 2] {
        self.axes().map(|axis| axis.norm() * self.nominal_pitch_mm)
    }

    /// `None` when the axes fall together.
    pub(super) fn set_axes(&mut self, lines_from_robot: Matrix3<f64>) -> Option<()> {
        self.robot_from_lines = lines_from_robot.try_inverse()?;
        self.lines_from_robot = lines_from_robot;
        Some(())
    }
}

/// Which unknown stands where: those of one camera, then the shared ones.
pub(super) struct Layout {
    /// Index of each line's offset among the shared unknowns, v lines and h lines.
    pub(super) lines: [BTreeMap<i32, usize>; 2],
    /// Number of coefficients of the warp along each direction.
    pub(super) warp: usize,
    pub(super) shared: usize,
}

impl Layout {
    /// Numbers of A's first two columns, row by row.
    pub(super) const AXES: usize = 6;

    /// Nothing shared where the print is not asked for.
    pub(super) fn of(observations: &Stereo<Vec<Observation>>, print: bool) -> Self {
        let mut lines: [BTreeMap<i32, usize>; 2] = Default::default();
        if !print {
            return Layout { lines, warp: 0, shared: 0 };
        }
        let warp = warp_exponents().count();
        let mut shared = Self::AXES + 2 * warp;
        for observation in observations.left.iter().chain(&observations.right) {
            for (k, line) in observation.lines.into_iter().enumerate() {
                // The two lines through the origin are where the origin is.
                if line != 0 {
                    lines[k].entry(line).or_insert_with(|| {
                        shared += 1;
                        shared - 1
                    });
                }
            }
        }
        Layout { lines, warp, shared }
    }

    /// ∂pixel by the shared unknowns; `slope` is ∂pixel/∂L.
    pub(super) fn fill(
        &self,
        print: &Print,
        lines: [i32; 2],
        pose_mm: Vector3<f64>,
        slope: &Matrix2x3<f64>,
        rows: [&mut [f64]; 2],
    ) {
        for (axis, row) in rows.into_iter().enumerate() {
            for i in 0..3 {
                for k in 0..2 {
                    row[2 * i + k] = -slope[(axis, i)] * pose_mm[k];
                }
            }
            for k in 0..2 {
                let warp = row[Self::AXES + k * self.warp..].iter_mut();
                warp.zip(print.warp_terms(lines)).for_each(|(value, term)| *value = slope[(axis, k)] * term);
                if let Some(at) = self.lines[k].get(&lines[k]) {
                    row[*at] = slope[(axis, k)];
                }
            }
        }
    }

    pub(super) fn step(&self, print: &mut Print, step: &[f64]) -> Option<()> {
        let mut lines_from_robot = print.lines_from_robot;
        for i in 0..3 {
            for k in 0..2 {
                lines_from_robot[(i, k)] += step[2 * i + k];
            }
        }
        print.set_axes(lines_from_robot)?;
        for k in 0..2 {
            print.warp_mm[k].resize(self.warp, 0.0);
            for (n, value) in print.warp_mm[k].iter_mut().enumerate() {
                *value += step[Self::AXES + k * self.warp + n];
            }
            for (line, at) in &self.lines[k] {
                *print.offset_mm[k].entry(*line).or_insert(0.0) += step[*at];
            }
        }
        Some(())
    }

    /// Adds what the priors say: warp and offsets are near 0.
    pub(super) fn add_priors(&self, print: &Print, ata: &mut DMatrix<f64>, atb: &mut DVector<f64>, start: usize) {
        let mut prior = |at: usize, value: f64, sigma: f64| {
            ata[(start + at, start + at)] += 1.0 / (sigma * sigma);
            atb[start + at] -= value / (sigma * sigma);
        };
        for k in 0..2 {
            for n in 0..self.warp {
                let value = print.warp_mm[k].get(n).copied().unwrap_or(0.0);
                prior(Self::AXES + k * self.warp + n, value, WARP_SIGMA_MM);
            }
            for (line, at) in &self.lines[k] {
                prior(*at, print.offset_mm[k].get(line).copied().unwrap_or(0.0), LINE_SIGMA_MM);
            }
        }
    }
}
