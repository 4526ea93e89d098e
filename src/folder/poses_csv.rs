//! `poses.csv`: the tool's measured pose of every image pair.

use crate::folder::error::FolderError;
use crate::folder::whole_file::write_whole;
use crate::pose::tool_pose::ToolPose;
use crate::statistics::{exceeds, median};
use crate::sweep::motion::height_or_jog::{JOG_HEIGHT_MM, JOG_MM};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One row of `poses.csv`: the tool's measured pose for one image pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoseRow {
    /// Which image pair: `00007.png` is 7.
    pub index: u32,
    /// The tool's measured pose.
    pub pose: ToolPose,
}

/// A row as it stands in the file: the orientation's columns are there together, or not at all.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CsvRow {
    index: u32,
    x_mm: f64,
    y_mm: f64,
    z_mm: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    qx: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    qy: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    qz: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    qw: Option<f64>,
}

impl From<&PoseRow> for CsvRow {
    fn from(row: &PoseRow) -> Self {
        let ToolPose { x_mm, y_mm, z_mm, rotation } = row.pose;
        let [qx, qy, qz, qw] = std::array::from_fn(|i| rotation.map(|q| q[i]));
        CsvRow { index: row.index, x_mm, y_mm, z_mm, qx, qy, qz, qw }
    }
}

/// Norms of quaternions further than this from 1 are none that were measured.
const NORM_TOLERANCE: f64 = 1e-3;

impl CsvRow {
    /// The row, the `number`th of `path`, if its numbers can be a pose.
    fn checked(&self, path: &Path, number: usize) -> Result<PoseRow, FolderError> {
        for (field, value) in [("x_mm", self.x_mm), ("y_mm", self.y_mm), ("z_mm", self.z_mm)] {
            if !value.is_finite() {
                return Err(FolderError::NotFinite { path: path.into(), row: number, field, value });
            }
        }
        let rotation = match [self.qx, self.qy, self.qz, self.qw] {
            [None, None, None, None] => None,
            parts => {
                let parts = parts.map(|part| part.unwrap_or(f64::NAN));
                let norm = parts.iter().map(|part| part * part).sum::<f64>().sqrt();
                if exceeds((norm - 1.0).abs(), NORM_TOLERANCE) {
                    return Err(FolderError::NoRotation { path: path.into(), row: number, norm });
                }
                Some(parts)
            }
        };
        let pose = ToolPose { rotation, ..ToolPose::at([self.x_mm, self.y_mm, self.z_mm]) };
        Ok(PoseRow { index: self.index, pose })
    }
}

/// The rows of a `poses.csv`, lowest height first; `path` is for people.
///
/// # Errors
/// [`FolderError`] naming the row.
pub fn parse_poses(text: &[u8], path: &Path) -> Result<Vec<PoseRow>, FolderError> {
    let csv = |cause| FolderError::Csv { path: path.into(), cause };
    let written: Vec<CsvRow> = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text)
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(csv)?;
    if written.is_empty() {
        return Err(FolderError::Empty { path: path.into() });
    }
    let mut rows: Vec<PoseRow> =
        (1..).zip(&written).map(|(number, row)| row.checked(path, number)).collect::<Result<_, _>>()?;
    rows.sort_by_key(|row| row.index);
    if let Some(twice) = rows.windows(2).find(|two| two[0].index == two[1].index) {
        return Err(FolderError::Twice { path: path.into(), index: twice[0].index });
    }
    put_in_order(&mut rows);
    Ok(rows)
}

/// The lowest pair, then the jogs from it by index, then the heights upwards: so the lines can be tracked.
fn put_in_order(rows: &mut [PoseRow]) {
    let column = |value: fn(&PoseRow) -> f64| median(&mut rows.iter().map(value).collect::<Vec<_>>()).unwrap_or(0.0);
    let lowest = rows.iter().map(|row| row.pose.z_mm).fold(f64::INFINITY, f64::min);
    // Most rows at the lowest height may be jogs, but then they lie on both sides or there are more heights.
    let (x, y) = (column(|row| row.pose.x_mm), column(|row| row.pose.y_mm));
    let is_jog =
        |row: &PoseRow| row.pose.z_mm - lowest < JOG_HEIGHT_MM && (row.pose.x_mm - x).hypot(row.pose.y_mm - y) > JOG_MM;
    let first = rows.iter().filter(|row| !is_jog(row)).map(|row| row.pose.z_mm).fold(f64::INFINITY, f64::min);
    let key = |row: &PoseRow| match is_jog(row) {
        false if row.pose.z_mm <= first => (0, 0.0),
        true => (1, f64::from(row.index)),
        false => (2, row.pose.z_mm),
    };
    rows.sort_by(|a, b| {
        let ((class_a, order_a), (class_b, order_b)) = (key(a), key(b));
        class_a.cmp(&class_b).then(order_a.total_cmp(&order_b))
    });
}

/// Writes `poses.csv`: to a temporary file, then renamed, so that it is complete at any moment.
///
/// # Errors
/// [`FolderError`].
pub fn write_poses(path: &Path, rows: &[PoseRow]) -> Result<(), FolderError> {
    let csv = |cause| FolderError::Csv { path: path.into(), cause };
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(CsvRow::from(row)).map_err(csv)?;
    }
    let text = writer.into_inner().map_err(|error| csv(error.into_error().into()))?;
    write_whole(path, &text).map_err(|cause| FolderError::Io { path: path.into(), cause })
}
