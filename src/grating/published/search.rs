//! Stochastic search on cost (4): the plan, and how it is followed on the CPU.
//!
//! Parameter vectors are drawn from a normal distribution with a diagonal covariance, and its mean moves to the best
//! draw, again and again. The h and v sets take turns: one grating stands still while many candidates of the other are
//! tried. Gain and offset are solved in closed form inside the cost: with y the image and I of Eq. (3),
//! ```text
//! cost = min_{g,o} Σ (g I + o − y)² = Σ(y−ȳ)² − (Σ(I−Ī)(y−ȳ))² / Σ(I−Ī)²
//! ```
//! so that only I, I² and I·y have to be summed. Draws come from counters ([`super::draws`]): a seed gives the same search on
//! every device, up to the rounding of these sums.

use crate::GrayImage;
use crate::grating::model::{ORIGINAL_DUTY, sin_cos};
use crate::grating::published::draws::{Counter, normal};
use crate::grating::published::quadratic::{QuadraticGratings, QuadraticPhase};

/// Draws of a round, the mean itself among them: as many as a GPU's warp does at once.
pub const DRAWS: usize = 64;

/// One batch of draws of one set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Round {
    /// Which set is searched.
    pub searches_h: bool,
    /// Share of the image around its centre that is looked at.
    pub share: f64,
    /// What each parameter's standard deviation does to the phase at the region's edge, rad.
    pub edge_rad: f64,
}

/// A search on one image.
#[derive(Clone, Debug)]
pub struct SearchPlan<'a> {
    /// The image, evened out.
    pub image: &'a GrayImage,
    /// Every n-th pixel along u and v.
    pub stride: usize,
    /// Where the search begins.
    pub start: QuadraticGratings,
    /// What is searched, round by round.
    pub rounds: Vec<Round>,
    /// Of the random numbers, with the image's number.
    pub seed: u64,
    /// Of the random numbers, too.
    pub image_number: u32,
}

/// The pixels of one round, rows along the lines that are searched (transposed for v).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchRegion {
    /// Pixels along a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// Pixel (x, y) of the first column and row: (u, v) for h, (v, u) for v.
    pub start: [usize; 2],
}

/// One image as a search of one set sees it: rows run along the lines that are searched (transposed for v).
#[derive(Clone, Debug)]
pub struct Problem {
    /// Pixels along a row, and rows.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// Row-major image, any gain and offset.
    pub image: Vec<f32>,
    /// Row-major 4·p of the grating that stands still, Q in [`crate::grating::model`].
    pub standing: Vec<f32>,
    /// Pixel coordinates of the first column and row, and their spacing, in the untransposed image's px.
    pub start: [f64; 2],
    /// Distance of the pixels, px.
    pub spacing: f64,
    /// Duty cycle, 0.97 in the original.
    pub duty: f32,
}

/// Σ I, Σ I², Σ I y over the pixels of a problem.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// Σ I
    pub model: f64,
    /// Σ I²
    pub model2: f64,
    /// Σ I y
    pub model_image: f64,
}

/// Follows `plan`, with `sums` to add up the pixels.
pub fn follow(plan: &SearchPlan, sums: impl Fn(&Problem, &[QuadraticPhase]) -> Vec<Sums>) -> (QuadraticGratings, f64) {
    let (mut mean, mut cost) = (plan.start, 1.0);
    for (number, round) in plan.rounds.iter().enumerate() {
        let problem = plan.problem(round, &mean);
        let at = if round.searches_h { mean.h } else { mean.v };
        let candidates = plan.candidates(number, at);
        let image = image_sums(&problem);
        let costs = sums(&problem, &candidates);
        let costs = costs.into_iter().map(|sums| relative_cost(sums, image, problem.image.len()));
        let best = candidates.into_iter().zip(costs).min_by(|a, b| a.1.total_cmp(&b.1));
        let Some((best, best_cost)) = best else { continue };
        *(if round.searches_h { &mut mean.h } else { &mut mean.v }) = best;
        cost = best_cost;
    }
    (mean, cost)
}

impl SearchPlan<'_> {
    /// The pixels that a round looks at.
    pub fn region(&self, round: &Round) -> SearchRegion {
        let size = [self.image.width() as usize, self.image.height() as usize];
        let cut = size.map(|n| (0.5 * n as f64 * (1.0 - round.share)) as usize);
        let count = [0, 1].map(|i| (size[i] - 2 * cut[i]).div_ceil(self.stride));
        // x runs along the searched lines: u for h, v for v.
        let (along, across) = if round.searches_h { (0, 1) } else { (1, 0) };
        SearchRegion { columns: count[along], rows: count[across], start: [cut[along], cut[across]] }
    }

    /// The image's centre in the searched set's (x, y), px.
    pub fn centre(&self, round: &Round) -> [f64; 2] {
        let centre = [0.5 * f64::from(self.image.width()), 0.5 * f64::from(self.image.height())];
        if round.searches_h { centre } else { [centre[1], centre[0]] }
    }

    /// Standard deviations of xy, yy, x, y and the constant: each alone moves the phase as far at the edge of the region.
    pub fn sigma(&self, round: &Round) -> [f64; 5] {
        let [ex, ey] = self.centre(round).map(|c| c * round.share);
        [1000.0 / (ex * ey), 1000.0 / (ey * ey), 1.0 / ex, 1.0 / ey, 1.0].map(|s| s * round.edge_rad)
    }

    /// The draws of round `number` around `at`, which is the first of them.
    pub fn candidates(&self, number: usize, at: QuadraticPhase) -> Vec<QuadraticPhase> {
        let round = &self.rounds[number];
        let (sigma, [cx, cy]) = (self.sigma(round), self.centre(round));
        let drawn = |draw: usize| {
            let counter = |parameter: usize| Counter {
                image: self.image_number,
                round: number as u32,
                draw: draw as u32,
                parameter: parameter as u32,
            };
            at.stepped(std::array::from_fn(|k| sigma[k] * normal(self.seed, counter(k))), cx, cy)
        };
        std::iter::once(at).chain((1..DRAWS).map(drawn)).collect()
    }

    /// The image as a search of one set sees it.
    pub fn problem(&self, round: &Round, mean: &QuadraticGratings) -> Problem {
        let SearchRegion { columns, rows, start } = self.region(round);
        let (along, across) = if round.searches_h { (0, 1) } else { (1, 0) };
        let width = self.image.width() as usize;
        let mut image = Vec::with_capacity(columns * rows);
        let mut standing = Vec::with_capacity(columns * rows);
        for row in 0..rows {
            for column in 0..columns {
                let mut pixel = [0; 2];
                pixel[along] = start[0] + column * self.stride;
                pixel[across] = start[1] + row * self.stride;
                image.push(self.image.as_raw()[pixel[1] * width + pixel[0]]);
                let (u, v) = (pixel[0] as f64, pixel[1] as f64);
                let phase = if round.searches_h { mean.v.at(v, u) } else { mean.h.at(u, v) };
                standing.push(4.0 * (sin_cos(phase as f32).0 + ORIGINAL_DUTY));
            }
        }
        Problem {
            columns,
            rows,
            image,
            standing,
            start: start.map(|n| n as f64),
            spacing: self.stride as f64,
            duty: ORIGINAL_DUTY,
        }
    }
}

/// Σ y and Σ y².
pub fn image_sums(problem: &Problem) -> [f64; 2] {
    problem.image.iter().fold([0.0, 0.0], |[s, s2], &y| [s + f64::from(y), s2 + f64::from(y) * f64::from(y)])
}

/// Cost (4) over the image's own variance: 0 explains everything, 1 nothing.
pub fn relative_cost(sums: Sums, image: [f64; 2], pixels: usize) -> f64 {
    let n = pixels as f64;
    let model_variance = sums.model2 - sums.model * sums.model / n;
    let image_variance = image[1] - image[0] * image[0] / n;
    let covariance = sums.model_image - sums.model * image[0] / n;
    if model_variance <= 0.0 || image_variance <= 0.0 || covariance <= 0.0 {
        return 1.0;
    }
    1.0 - covariance * covariance / (model_variance * image_variance)
}

/// Eq. (3) as one writes it first, one draw after another: what the fast ones are measured against.
pub fn plain_sums(problem: &Problem, candidate: &QuadraticPhase) -> [f32; 3] {
    let mut sums = [0.0; 3];
    for row in 0..problem.rows {
        for column in 0..problem.columns {
            let i = row * problem.columns + column;
            let [x, y] = [column, row].map(|n| n as f64 * problem.spacing);
            let phase = candidate.at(problem.start[0] + x, problem.start[1] + y) as f32;
            let (p, q) = (4.0 * (phase.sin() + problem.duty), problem.standing[i]);
            let model = p * q / (2.0 + p * p + q * q).sqrt();
            sums[0] += model;
            sums[1] += model * model;
            sums[2] += model * problem.image[i];
        }
    }
    sums
}
