//! What the cameras saw at every pose: what the least squares of [`crate::mapping::bundle`] is given.

use crate::camera::Stereo;
use nalgebra::{Matrix2, Vector2, Vector3};

/// One grid intersection seen by one camera in one view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// Raw pixel (u, v).
    pub pixel: Vector2<f64>,
    /// Its covariance, px².
    pub covariance_px2: Matrix2<f64>,
    /// (n_v, −n_h) from the origin.
    pub lines: [i32; 2],
    /// Index of the image pair.
    pub view: u32,
}

/// The bare paper of one cell, see [`crate::lattice::texture`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Lower (n_v, −n_h) of its lines, from the origin.
    pub lines: [i32; 2],
    /// Its middle, px.
    pub pixel: Vector2<f64>,
    /// ln brightness over that of its neighbours.
    pub shade: f64,
    /// Index of the image pair.
    pub view: u32,
}

/// What the least squares is given.
#[derive(Clone, Debug)]
pub struct Views {
    /// What each camera saw.
    pub observations: Stereo<Vec<Observation>>,
    /// The paper between the lines; not needed for the least squares.
    pub cells: Stereo<Vec<Cell>>,
    /// Width and height of each camera's images, px.
    pub image_size: Stereo<[u32; 2]>,
    /// Measured displacement of the tool at each view, robot axes, mm.
    pub moved_mm: Vec<Vector3<f64>>,
    /// Which views are jogs: displaced along x or y at the lowest height, to measure the print.
    pub is_jog: Vec<bool>,
    /// Distance between neighbouring lines as the user says, mm.
    pub pitch_mm: f64,
}
