//! What host and device both know of. Twin of `kernels/layout.h`; `tests/kernels` holds them together.

use crate::grating::published::quadratic::QuadraticPhase;
use bytemuck::{Pod, Zeroable};

/// Draws of a round; two for each lane of a warp.
pub const DRAWS: usize = 64;
/// Warps of a block of `search_round`.
pub const SEARCH_WARPS: usize = 4;
/// Blocks of `search_round` for each multiprocessor.
pub const SEARCH_BLOCKS: usize = 4;
/// Copies of a round's sums: so many blocks add without waiting for each other.
pub const SUM_COPIES: usize = 8;
/// Side of a tile of `transpose`, px.
pub const TURN_TILE: usize = 32;
/// Rows of a tile that a block works on at a time.
pub const TURN_ROWS: usize = 8;
/// Highest degree of the phase polynomials.
pub const MAX_PHASE_DEGREE: usize = 12;
/// Highest degree of gain and offset.
pub const MAX_LIGHT_DEGREE: usize = 6;
/// Most orders of moments along x or y: twice the highest degree, and 0.
pub const MAX_ORDERS: usize = 25;
/// Threads of a block of `normal_rows`.
pub const PASS_THREADS: usize = 192;
/// Products of two fields.
pub const SQUARES: usize = 15;
/// Products of two fields, of a field and the residual, and four plain sums.
pub const PRODUCTS: usize = 24;
/// Most pairs of a product and an order along x.
pub const MAX_PAIRS: usize = 276;
/// Threads of a block of `normal_moments`.
pub const MOMENT_THREADS: usize = 256;
/// Threads of a block of `level_maps`.
pub const LEVEL_THREADS: usize = 256;
/// Threads of a block of `window_sums`.
pub const WINDOW_THREADS: usize = 128;

/// One batch of draws of one set.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Round {
    /// Standard deviations of xy, yy, x, y and the constant.
    pub sigma: [f64; 5],
    /// Image centre in the searched set's (x, y), px.
    pub centre: [f64; 2],
    /// Pixel (x, y) of the first column and row.
    pub start: [f64; 2],
    /// Distance of pixels that are looked at, px.
    pub spacing: f64,
    /// Σ y of the image.
    pub image_sum: f64,
    /// Σ y² of the image.
    pub image_sum2: f64,
    /// Of the random numbers.
    pub seed: u64,
    /// Of the random numbers, too.
    pub image_number: u32,
    /// Number of the round.
    pub number: u32,
    /// Pixels along a row.
    pub columns: i32,
    /// Rows.
    pub rows: i32,
    /// 1: h is searched, 0: v is.
    pub searches_h: i32,
    /// Duty cycle.
    pub duty: f32,
}

/// A search's state on the device.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Search {
    /// Best gratings so far, h and v.
    pub mean: [QuadraticPhase; 2],
    /// Their cost.
    pub cost: f64,
    /// Σ I, Σ I², Σ I y of each draw, in copies, in units of 2⁻ᵏ that `grating_fit.cu` tells.
    pub sums: [[[u64; DRAWS]; 3]; SUM_COPIES],
    /// Blocks that have added their sums.
    pub blocks_done: u32,
    /// Makes the size a multiple of 8 bytes.
    pub padding: u32,
}

/// Which pixels, and the shape of the polynomials on them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Pass {
    /// Centre of the polynomials' domain, px.
    pub centre: [f64; 2],
    /// Its half extents, px.
    pub half: [f64; 2],
    /// Image width, px.
    pub width: i32,
    /// Image height, px.
    pub height: i32,
    /// First column and row that are looked at.
    pub first: [i32; 2],
    /// How many columns and rows.
    pub count: [i32; 2],
    /// Distance of columns and of rows, px.
    pub stride: i32,
    /// Degree of the phases.
    pub phase_degree: i32,
    /// Degree of gain and offset.
    pub light_degree: i32,
    /// Doublings that narrow the sines.
    pub narrowing: i32,
    /// Pairs of a product and an order along x.
    pub pairs: i32,
    /// Orders of moments along x or y.
    pub orders: i32,
    /// Duty cycle.
    pub duty: f32,
    /// 1/s², s the robust scale of the residuals.
    pub per_scale2: f32,
}
