//! What host and device both know of. Twin of `kernels/layout.h`; `tests/kernels` holds them together.

use crate::grating::published::quadratic::QuadraticPhase;
use bytemuck::{Pod, Zeroable};

/// Draws of a round; two for each lane of a warp.
pub const DRAWS: usize = 64;
pub const SEARCH_WARPS: usize = 4;
pub const SEARCH_BLOCKS: usize = 4;
pub const SUM_COPIES: usize = 8;
pub const TURN_TILE: usize = 32;
pub const TURN_ROWS: usize = 8;
pub const MAX_PHASE_DEGREE: usize = 12;
pub const MAX_LIGHT_DEGREE: usize = 6;
pub const MAX_ORDERS: usize = 25;
pub const PASS_THREADS: usize = 192;
pub const SQUARES: usize = 15;
pub const PRODUCTS: usize = 24;
pub const MAX_PAIRS: usize = 276;
pub const MOMENT_THREADS: usize = 256;
pub const LEVEL_THREADS: usize = 256;
pub const WINDOW_THREADS: usize = 128;

/// One batch of draws of one set.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Round {
    pub sigma: [f64; 5],
    pub centre: [f64; 2],
    pub start: [f64; 2],
    pub spacing: f64,
    pub image_sum: f64,
    pub image_sum2: f64,
    pub seed: u64,
    pub image_number: u32,
    pub number: u32,
    pub columns: i32,
    pub rows: i32,
    pub searches_h: i32,
    pub duty: f32,
}

/// A search's state on the device.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Search {
    pub mean: [QuadraticPhase; 2],
    pub cost: f64,
    pub sums: [[[u64; DRAWS]; 3]; SUM_COPIES],
    pub blocks_done: u32,
    pub padding: u32,
}

/// Which pixels, and the shape of the polynomials on them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Pass {
    pub centre: [f64; 2],
    pub half: [f64; 2],
    pub width: i32,
    pub height: i32,
    pub first: [i32; 2],
    pub count: [i32; 2],
    pub stride: i32,
    pub phase_degree: i32,
    pub light_degree: i32,
    pub narrowing: i32,
    pub pairs: i32,
    pub orders: i32,
    pub duty: f32,
    pub per_scale2: f32,
}
