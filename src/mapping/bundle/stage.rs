//! What the images say about the robot's poses and the printed grid.

use serde::{Deserialize, Serialize};

/// What the images say about the robot's poses and the printed grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageFigures {
    /// RMS difference between measured and estimated poses along x, y, z, mm.
    pub pose_error_rms_mm: [f64; 3],
    /// Whether jogs measured the print, or the axes and the pitch are those of the print as stated.
    pub print_measured: bool,
    /// Pitch across v lines and across h lines, mm.
    pub pitch_mm: [f64; 2],
    /// The v lines' normal against the robot's x axis, degrees; 0 by definition without jogs.
    pub rotation_deg: f64,
    /// Angle between the two sets of lines minus 90°.
    pub skew_deg: f64,
    /// RMS displacement of intersections from an even grid, mm; 0 without jogs.
    pub unevenness_rms_mm: f64,
    /// How far the sheet's normal leans from the robot's z towards x and y, degrees. None without jogs: then z is the
    /// motion axis and the sheet is z = 0, at right angles or not.
    pub tilt_deg: Option<[f64; 2]>,
}

impl StageFigures {
    /// For people.
    pub fn sentences(&self) -> Vec<String> {
        let [x, y, z] = self.pose_error_rms_mm.map(|rms| 1e3 * rms);
        let mut sentences =
            vec![format!("measured poses are off by x {x:.2}, y {y:.2}, z {z:.2} µm RMS, as the images see them")];
        if let Some([towards_x, towards_y]) = self.tilt_deg {
            let [across_v, across_h] = self.pitch_mm;
            sentences.push(format!(
                "the print's pitch is {across_v:.5} mm along x, {across_h:.5} mm along y; it is turned by {:.4}°, skew by \
                 {:.4}°, uneven by {:.1} µm RMS; its normal leans by {towards_x:.4}° to x and {towards_y:.4}° to y",
                self.rotation_deg,
                self.skew_deg,
                1e3 * self.unevenness_rms_mm
            ));
        }
        sentences
    }
}
