//! Everything on a GPU: host side of `kernels/grating_fit.cu`.
//!
//! | file | holds |
//! | --- | --- |
//! | `kernels/grating_fit.cu` | the kernels |
//! | [`layout`], `kernels/layout.h` | structures and sizes that both sides know |
//! | [`device`] | what a device must be able to do |
//! | [`compiler`] | the kernels compiled at run time, and kept |
//! | [`driver`] | a real one: driver and compiler found at run time |
//!
//! What is below asks for no GPU but a [`Device`]: tests put one there that runs the same kernels on the CPU.

pub mod compiler;
pub mod device;
pub mod driver;
pub mod layout;

use crate::GrayImage;
use crate::grating::backend::cuda::device::{Argument, Device, Kernel, Launch, Queue};
use crate::grating::backend::cuda::layout::{
    DRAWS, LEVEL_THREADS, MAX_LIGHT_DEGREE, MAX_ORDERS, MAX_PHASE_DEGREE, MOMENT_THREADS, PASS_THREADS, Pass,
    SEARCH_BLOCKS, SEARCH_WARPS, SQUARES, Search, TURN_ROWS, TURN_TILE, WINDOW_THREADS,
};
use crate::grating::backend::{Backend, BackendError, Image, Pixels};
use crate::grating::chebyshev;
use crate::grating::model::ORIGINAL_DUTY;
use crate::grating::parameters::{FIELDS, GratingParameters};
use crate::grating::pixel_sums::moments::{OFFSET_SQUARE, PixelSums};
use crate::grating::pixel_sums::normal_equations::{NormalEquations, Region};
use crate::grating::pixel_sums::window::{self, Window, WindowSums};
use crate::grating::published::quadratic::{QuadraticGratings, QuadraticPhase};
use crate::grating::published::search::{SearchPlan, SearchRegion};
use crate::grating::simd::Plain;
use bytemuck::{Zeroable, bytes_of, cast_slice, cast_slice_mut};

/// The backend on one device.
pub struct Cuda<D: Device> {
    device: D,
}

impl<D: Device> Cuda<D> {
    /// A backend that computes on `device`.
    pub fn new(device: D) -> Self {
        Cuda { device }
    }

    /// What it computes on.
    pub fn device(&self) -> &D {
        &self.device
    }
}

impl<D: Device> Backend for Cuda<D> {
    fn name(&self) -> String {
        self.device.name()
    }

    fn load<'a>(&self, image: Image<'a>) -> Result<Box<dyn Pixels + 'a>, BackendError> {
        let queue = self.device.queue()?;
        let pixels = uploaded(&queue, cast_slice(image.as_raw()))?;
        Ok(Box::new(CudaPixels { image, queue, pixels, maps: None, rows: RowPhases::default() }))
    }

    fn search(&self, plan: &SearchPlan) -> Result<(QuadraticGratings, f64), BackendError> {
        let queue = self.device.queue()?;
        let rounds = rounds(plan);
        if rounds.is_empty() {
            return Ok((plan.start, 1.0));
        }
        let mut search = Search::zeroed();
        search.mean = [plan.start.h, plan.start.v];
        search.cost = 1.0;
        let image = uploaded(&queue, cast_slice(plan.image.as_raw()))?;
        let on_device = uploaded(&queue, cast_slice(&rounds))?;
        let state = uploaded(&queue, bytes_of(&search))?;
        let steps = queue.allocate(rounds.len() * DRAWS * size_of::<QuadraticPhase>())?;
        let turned = queue.allocate(size_of_val(&plan.image.as_raw()[..]))?;
        let (width, height) = (plan.image.width() as i32, plan.image.height() as i32);
        queue.launch(
            Launch { kernel: Kernel::SearchSteps, grid: [rounds.len() as u32, 1], threads: DRAWS as u32 },
            &[Argument::Buffer(&on_device), Argument::Buffer(&steps)],
        )?;
        let tiles = [width, height].map(|pixels| pixels.unsigned_abs().div_ceil(TURN_TILE as u32));
        queue.launch(
            Launch { kernel: Kernel::Transpose, grid: tiles, threads: (TURN_TILE * TURN_ROWS) as u32 },
            &[
                Argument::Buffer(&image),
                Argument::Value(bytes_of(&width)),
                Argument::Value(bytes_of(&height)),
                Argument::Buffer(&turned),
            ],
        )?;
        let blocks = self.device.blocks(SEARCH_BLOCKS) as u32;
        for round in &rounds {
            let (image, pitch) = if round.searches_h == 1 { (&image, width) } else { (&turned, height) };
            queue.launch(
                Launch { kernel: Kernel::SearchRound, grid: [blocks, 1], threads: 32 * SEARCH_WARPS as u32 },
                &[
                    Argument::Value(bytes_of(round)),
                    Argument::Buffer(&steps),
                    Argument::Buffer(image),
                    Argument::Value(bytes_of(&pitch)),
                    Argument::Buffer(&state),
                ],
            )?;
        }
        queue.download(&state, bytemuck::bytes_of_mut(&mut search))?;
        let [h, v] = search.mean;
        Ok((QuadraticGratings { h, v }, search.cost))
    }
}

/// The rounds of `plan` as the device wants them.
fn rounds(plan: &SearchPlan) -> Vec<layout::Round> {
    // A stage's rounds look at the same pixels, but for their order.
    let mut sums: Option<(f64, [f64; 2])> = None;
    let mut to_device = |(number, round): (usize, &crate::grating::published::search::Round)| {
        let region = plan.region(round);
        let [image_sum, image_sum2] = match sums {
            Some((share, sums)) if share == round.share => sums,
            _ => image_sums(plan, round.searches_h, &region),
        };
        sums = Some((round.share, [image_sum, image_sum2]));
        layout::Round {
            sigma: plan.sigma(round),
            centre: plan.centre(round),
            start: region.start.map(|n| n as f64),
            spacing: plan.stride as f64,
            image_sum,
            image_sum2,
            seed: plan.seed,
            image_number: plan.image_number,
            number: number as u32,
            columns: region.columns as i32,
            rows: region.rows as i32,
            searches_h: i32::from(round.searches_h),
            duty: ORIGINAL_DUTY,
        }
    };
    plan.rounds.iter().enumerate().map(&mut to_device).collect()
}

/// Σ y and Σ y² over a round's pixels.
fn image_sums(plan: &SearchPlan, searches_h: bool, region: &SearchRegion) -> [f64; 2] {
    let along = if searches_h { [0, 1] } else { [1, 0] };
    let [columns, rows] = if searches_h { [region.columns, region.rows] } else { [region.rows, region.columns] };
    let width = plan.image.width() as usize;
    let mut sums = [0.0; 2];
    for row in 0..rows {
        let v = region.start[along[1]] + row * plan.stride;
        let pixels = plan.image.as_raw()[v * width + region.start[along[0]]..].iter().step_by(plan.stride);
        for y in pixels.take(columns).map(|y| f64::from(*y)) {
            sums = [sums[0] + y, sums[1] + y * y];
        }
    }
    sums
}

fn uploaded<Q: Queue>(queue: &Q, bytes: &[u8]) -> Result<Q::Buffer, BackendError> {
    let mut buffer = queue.allocate(bytes.len())?;
    queue.upload(bytes, &mut buffer)?;
    Ok(buffer)
}

/// An image on a device.
struct CudaPixels<'a, Q: Queue> {
    image: Image<'a>,
    queue: Q,
    pixels: Q::Buffer,
    /// Phases and levels of the fit that was prepared last, and its [`Pass`].
    maps: Option<(Q::Buffer, Pass)>,
    rows: RowPhases,
}

impl<Q: Queue> CudaPixels<'_, Q> {
    fn pass(&self, region: Region, at: &GratingParameters, scale: f64) -> Result<Pass, BackendError> {
        let (phase_degree, light_degree) = (at.phase_h.degree, at.gain.degree);
        let fits = phase_degree <= MAX_PHASE_DEGREE && light_degree <= MAX_LIGHT_DEGREE.min(phase_degree);
        if !fits || at.phase_v.degree != phase_degree || at.offset.degree != light_degree {
            let cause = format!(
                "the GPU kernels know phases up to degree {MAX_PHASE_DEGREE}, light up to degree {MAX_LIGHT_DEGREE} and that \
                 of the phases; {phase_degree} and {light_degree} were asked for"
            );
            return Err(self.queue.failed("preparing a pass", cause));
        }
        let Region { columns, rows, stride } = region;
        let count = |[first, end]: [usize; 2]| end.saturating_sub(first).div_ceil(stride) as i32;
        let domain = at.phase_h.domain;
        Ok(Pass {
            centre: domain.centre,
            half: domain.half,
            width: self.image.width() as i32,
            height: self.image.height() as i32,
            first: [columns[0] as i32, rows[0] as i32],
            count: [count(columns), count(rows)],
            stride: stride as i32,
            phase_degree: phase_degree as i32,
            light_degree: light_degree as i32,
            narrowing: at.narrowing as i32,
            pairs: 0,
            orders: 2 * phase_degree as i32 + 1,
            duty: at.duty as f32,
            per_scale2: (1.0 / (scale * scale)) as f32,
        })
    }

    fn coefficients(&self, at: &GratingParameters) -> Result<Q::Buffer, BackendError> {
        let functions = [&at.phase_h, &at.phase_v, &at.gain, &at.offset];
        let coefficients: Vec<f64> = functions.iter().flat_map(|f| f.coefficients.iter().copied()).collect();
        uploaded(&self.queue, cast_slice(&coefficients))
    }
}

impl<Q: Queue> Pixels for CudaPixels<'_, Q> {
    fn image(&self) -> &GrayImage {
        &self.image
    }

    fn normal_equations(
        &mut self,
        region: Region,
        at: &GratingParameters,
        scale: f64,
    ) -> Result<NormalEquations, BackendError> {
        let mut pass = self.pass(region, at, scale)?;
        let mut sums = PixelSums::new(at.degrees());
        let pairs = pairs(&sums);
        pass.pairs = pairs.len() as i32;
        let (rows, queue) = (pass.count[1] as usize, &self.queue);
        if rows == 0 || pass.count[0] == 0 {
            return Ok(sums.equations(at, scale));
        }
        let coefficients = self.coefficients(at)?;
        let pair_list = uploaded(queue, cast_slice(&pairs))?;
        let row_sums = queue.allocate(rows * pairs.len() * size_of::<f64>())?;
        let along_y = queue.allocate(rows * MAX_ORDERS * size_of::<f64>())?;
        let moments = queue.allocate(pairs.len() * MAX_ORDERS * size_of::<f64>())?;
        queue.launch(
            Launch { kernel: Kernel::NormalRows, grid: [rows as u32, 1], threads: PASS_THREADS as u32 },
            &[
                Argument::Value(bytes_of(&pass)),
                Argument::Buffer(&self.pixels),
                Argument::Buffer(&coefficients),
                Argument::Buffer(&pair_list),
                Argument::Buffer(&row_sums),
                Argument::Buffer(&along_y),
            ],
        )?;
        queue.launch(
            Launch { kernel: Kernel::NormalMoments, grid: [pairs.len() as u32, 1], threads: MOMENT_THREADS as u32 },
            &[
                Argument::Value(bytes_of(&pass)),
                Argument::Buffer(&row_sums),
                Argument::Buffer(&along_y),
                Argument::Buffer(&moments),
            ],
        )?;
        let mut found = vec![[0.0_f64; MAX_ORDERS]; pairs.len()];
        queue.download(&moments, cast_slice_mut(&mut found))?;
        for (&[product, k], along_y) in pairs.iter().zip(&found) {
            let (product, k) = (product as usize, k as usize);
            let moments = match product {
                0..SQUARES => &mut sums.squares[product],
                _ if product < SQUARES + FIELDS => &mut sums.sides[product - SQUARES],
                _ => {
                    let sum = [&mut sums.residual2, &mut sums.signal, &mut sums.signal2, &mut sums.lost]
                        .into_iter()
                        .nth(product - SQUARES - FIELDS);
                    sum.into_iter().for_each(|sum| *sum = along_y[0]);
                    continue;
                }
            };
            moments.set_column(k, along_y);
        }
        sums.weight = sums.squares[OFFSET_SQUARE].at(0, 0);
        sums.pixels = rows * pass.count[0] as usize;
        Ok(sums.equations(at, scale))
    }

    fn remove_illumination(&mut self, fit: &GratingParameters) -> Result<(), BackendError> {
        let (width, height) = self.image.dimensions();
        let whole = Region { columns: [0, width as usize], rows: [0, height as usize], stride: 1 };
        let pass = self.pass(whole, fit, 1.0)?;
        let coefficients = self.coefficients(fit)?;
        let maps = self.queue.allocate(3 * self.image.as_raw().len() * size_of::<f32>())?;
        self.queue.launch(
            Launch {
                kernel: Kernel::LevelMaps,
                grid: [width.div_ceil(LEVEL_THREADS as u32), height],
                threads: LEVEL_THREADS as u32,
            },
            &[
                Argument::Value(bytes_of(&pass)),
                Argument::Buffer(&self.pixels),
                Argument::Buffer(&coefficients),
                Argument::Buffer(&maps),
            ],
        )?;
        self.maps = Some((maps, pass));
        self.rows = RowPhases::of(&self.image, fit);
        Ok(())
    }

    fn phases_along(&mut self, v: usize) -> (&[f32], [&[f32]; 2]) {
        let width = self.image.width() as usize;
        (&self.image.as_raw()[v * width..(v + 1) * width], self.rows.along(v))
    }

    fn window_sums(&mut self, windows: &[Window]) -> Result<Vec<WindowSums>, BackendError> {
        let Some((maps, pass)) = &self.maps else {
            return Err(self.queue.failed("summing over windows", "no fit was prepared".into()));
        };
        let mut sums = vec![WindowSums::default(); windows.len()];
        if windows.is_empty() {
            return Ok(sums);
        }
        let queue = &self.queue;
        let list = uploaded(queue, cast_slice(windows))?;
        let totals = queue.allocate(size_of_val(&sums[..]))?;
        queue.launch(
            Launch { kernel: Kernel::WindowSums, grid: [windows.len() as u32, 1], threads: WINDOW_THREADS as u32 },
            &[
                Argument::Value(bytes_of(pass)),
                Argument::Buffer(maps),
                Argument::Buffer(&list),
                Argument::Buffer(&totals),
            ],
        )?;
        queue.download(&totals, cast_slice_mut(&mut sums))?;
        Ok(sums)
    }
}

/// Every product of fields with every order along x that its moments have.
fn pairs(sums: &PixelSums) -> Vec<[i32; 2]> {
    let moments = sums.squares.iter().chain(&sums.sides).map(|moments| moments.order);
    let plain = [0; layout::PRODUCTS - SQUARES - FIELDS];
    let orders = moments.chain(plain).enumerate();
    orders.flat_map(|(product, order)| (0..=order).map(move |k| [product as i32, k as i32])).collect()
}

/// The phases of single image rows, worked out where they are asked for: few are.
#[derive(Default)]
struct RowPhases {
    fit: Option<GratingParameters>,
    tables: Vec<Vec<f32>>,
    values: [Vec<f32>; 2],
}

impl RowPhases {
    fn of(image: &GrayImage, fit: &GratingParameters) -> Self {
        let columns: Vec<usize> = (0..image.width() as usize).collect();
        let tables = chebyshev::row_tables(&fit.phase_h.domain, &columns, fit.phase_h.degree);
        RowPhases { fit: Some(fit.clone()), tables, values: [vec![0.0; columns.len()], vec![0.0; columns.len()]] }
    }

    fn along(&mut self, v: usize) -> [&[f32]; 2] {
        if let Some(fit) = &self.fit {
            for (function, values) in [&fit.phase_h, &fit.phase_v].into_iter().zip(&mut self.values) {
                window::fill_row::<Plain>(function, &self.tables, v, values);
            }
        }
        self.values.each_ref().map(Vec::as_slice)
    }
}
