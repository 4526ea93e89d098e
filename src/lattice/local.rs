//! Each intersection measured in its own surroundings: lock-in around the fitted carrier.
//!
//! The global fit says where every phase is; what it cannot know (a lens beyond its polynomial, an uneven print) shows as
//! a small phase ε between the fit and the image. In the window |ψ_h|, |ψ_v| ≤ 2π around the intersection, ψ = phase −
//! (3π/2 + 2πn), with y the image freed of gain and offset and J = |∂(phase_h, phase_v)/∂(u, v)|:
//! ```text
//! z_h = Σ w J (y − ȳ) exp(−i ψ_h),   w = cos²(ψ_h/4) cos²(ψ_v/4),   ε_h = −arg(−z_h),   likewise v
//! ```
//! y dips at lines: y ≈ B − A cos(ψ − ε). In phase space the Hann window w of two periods has zeros at every whole
//! frequency but 0, so the mean, the harmonics, and the other grating drop out. The intersection is where the fitted
//! phases are ε. Noise of standard deviation σ in y gives ε the variance σ² Σ(wJ)² / (2 |z|²).

use crate::GrayImage;
use crate::grating::chebyshev;
use crate::grating::model::{has_avx2, sin_cos};
use crate::grating::normal_equations::GratingParameters;
use crate::lattice::intersections::{Intersection, LineNumbers, PhaseField, in_image};
use crate::statistics::median;
use nalgebra::{Matrix2, Vector2};
use std::f64::consts::TAU;

/// A phase this far from the fit is not the same line, rad.
const MAX_OFFSET_RAD: f64 = 0.7;
/// Standard deviation that stays when all noise is averaged out: what uneven ink and light do to a line, px.
const FLOOR_PX: f64 = 0.005;
/// Standard deviation of an intersection that can't be measured because its window leaves the image, px.
const UNMEASURED_PX: f64 = 0.2;

/// All intersections of the image: measured, or where the window leaves the image as the fit has them, with a larger
/// covariance. Those that disagree with the fit are dropped.
pub fn measure(image: &GrayImage, fit: &GratingParameters) -> Vec<Intersection> {
    let (width, height) = image.dimensions();
    let maps = Maps::new(image, fit);
    let noise = noise(image);
    let mut found: Vec<(Intersection, f64)> = Vec::new();
    for (lines, pixel) in in_image(fit, width, height) {
        if let Some(measured) = maps.lock_in(fit, lines, pixel, noise) {
            found.push(measured);
        }
    }
    // An intersection much weaker than its fellows is covered by something.
    let mut strengths: Vec<f64> = found.iter().map(|(_, strength)| *strength).filter(|s| s.is_finite()).collect();
    let Some(median) = median(&mut strengths) else { return Vec::new() };
    found.retain(|(_, strength)| *strength > 0.4 * median);
    found.into_iter().map(|(intersection, _)| intersection).collect()
}

/// Standard deviation of the pixel noise, from the median of second differences along rows: edges hardly count.
fn noise(image: &GrayImage) -> f64 {
    let width = image.width() as usize;
    let mut bends: Vec<f64> = image
        .as_raw()
        .chunks_exact(width)
        .step_by(7)
        .flat_map(|row| row.windows(3).step_by(3).map(|w| f64::from((w[0] - 2.0 * w[1] + w[2]).abs())))
        .collect();
    // |normal| has its median at 0.6745 σ; the second difference of white noise has √6 its σ.
    median(&mut bends).unwrap_or(0.0) / (0.6745 * 6.0_f64.sqrt())
}

/// What the windows need of every pixel.
struct Maps {
    width: usize,
    height: usize,
    /// phase and sin, cos of half of it, for h and v.
    phase: [Vec<f32>; 2],
    sin: [Vec<f32>; 2],
    cos: [Vec<f32>; 2],
    /// Image freed of gain and offset.
    level: Vec<f32>,
}

impl Maps {
    fn new(image: &GrayImage, fit: &GratingParameters) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let empty = || [vec![0.0_f32; width * height], vec![0.0_f32; width * height]];
        let mut maps =
            Maps { width, height, phase: empty(), sin: empty(), cos: empty(), level: vec![0.0; width * height] };
        let highest = fit.phase_h.degree.max(fit.gain.degree);
        let columns: Vec<usize> = (0..width).collect();
        let tables = chebyshev::row_tables(&fit.phase_h.domain, &columns, highest);
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            // SAFETY: the features that the function is compiled for were just found.
            unsafe { maps.fill_avx2(image, fit, &tables) };
            return maps;
        }
        maps.fill(image, fit, &tables);
        maps
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn fill_avx2(&mut self, image: &GrayImage, fit: &GratingParameters, tables: &[Vec<f32>]) {
        self.fill(image, fit, tables);
    }

    #[inline(always)]
    fn fill(&mut self, image: &GrayImage, fit: &GratingParameters, tables: &[Vec<f32>]) {
        let width = self.width;
        let mut row = [0.0_f64; 16];
        let (mut gain, mut offset) = (vec![0.0_f32; width], vec![0.0_f32; width]);
        for v in 0..self.height {
            let range = v * width..(v + 1) * width;
            for (k, function) in [&fit.phase_h, &fit.phase_v].into_iter().enumerate() {
                let phase = &mut self.phase[k][range.clone()];
                function.along_row(v as f64, &mut row[..=function.degree]);
                chebyshev::evaluate_row(&row[..=function.degree], tables, 0, phase);
                let (sin, cos) = (&mut self.sin[k][range.clone()], &mut self.cos[k][range.clone()]);
                for ((phase, sin), cos) in phase.iter().zip(sin).zip(cos) {
                    (*sin, *cos) = sin_cos(0.5 * phase);
                }
            }
            for (function, values) in [(&fit.gain, &mut gain), (&fit.offset, &mut offset)] {
                function.along_row(v as f64, &mut row[..=function.degree]);
                chebyshev::evaluate_row(&row[..=function.degree], tables, 0, values);
            }
            let (level, pixels) = (&mut self.level[range.clone()], &image.as_raw()[range]);
            for (((level, pixel), gain), offset) in level.iter_mut().zip(pixels).zip(&gain).zip(&offset) {
                *level = (pixel - offset) / gain.max(1e-6);
            }
        }
    }

    /// The intersection measured, and its contrast; infinite contrast where it could not be measured.
    fn lock_in(
        &self,
        fit: &GratingParameters,
        lines: LineNumbers,
        pixel: Vector2<f64>,
        noise: f64,
    ) -> Option<(Intersection, f64)> {
        let (_, jacobian) = fit.phases_and_jacobian(pixel);
        let inverse = jacobian.try_inverse()?;
        let reach =
            Vector2::new(TAU * (inverse.m11.abs() + inverse.m12.abs()), TAU * (inverse.m21.abs() + inverse.m22.abs()))
                * 1.08;
        let (low, high) = (pixel - reach, pixel + reach);
        if low.x < 0.0 || low.y < 0.0 || high.x > self.width as f64 - 1.0 || high.y > self.height as f64 - 1.0 {
            let covariance_px2 = Matrix2::identity() * (UNMEASURED_PX * UNMEASURED_PX);
            return Some((Intersection { lines, pixel, covariance_px2 }, f64::INFINITY));
        }
        // J relative to its value here, linear over the window.
        let determinant = jacobian.determinant();
        let slope = |step: Vector2<f64>| {
            let ahead = fit.phases_and_jacobian(pixel + step).1.determinant();
            let behind = fit.phases_and_jacobian(pixel - step).1.determinant();
            (ahead - behind) / (2.0 * step.norm() * determinant)
        };
        let window = Window {
            columns: [low.x.ceil() as usize, high.x.floor() as usize + 1],
            rows: [low.y.ceil() as usize, high.y.floor() as usize + 1],
            pixel,
            area_slope: Vector2::new(slope(Vector2::new(8.0, 0.0)), slope(Vector2::new(0.0, 8.0))),
            phases: lines.phases(),
        };
        let sums = self.sums(&window);
        let [weight, weight2, level, ..] = sums;
        let mean = level / weight;
        let offset = |cos_level: f64, sin_level: f64, cos: f64, sin: f64| {
            let (re, im) = (cos_level - mean * cos, -(sin_level - mean * sin));
            // −arg(−z)
            (-(-im).atan2(-re), (re * re + im * im).sqrt())
        };
        let (epsilon_h, strength_h) = offset(sums[3], sums[4], sums[5], sums[6]);
        let (epsilon_v, strength_v) = offset(sums[7], sums[8], sums[9], sums[10]);
        if !(epsilon_h.abs() < MAX_OFFSET_RAD && epsilon_v.abs() < MAX_OFFSET_RAD) {
            return None;
        }
        let noise = noise / fit.gain.value(pixel).max(1e-6);
        let variance = |strength: f64| noise * noise * weight2 / (2.0 * strength * strength);
        let spread = Matrix2::from_diagonal(&Vector2::new(variance(strength_h), variance(strength_v)));
        let covariance_px2 = inverse * spread * inverse.transpose() + Matrix2::identity() * (FLOOR_PX * FLOOR_PX);
        let pixel = pixel + inverse * Vector2::new(epsilon_h, epsilon_v);
        Some((Intersection { lines, pixel, covariance_px2 }, strength_h.min(strength_v) / weight))
    }

    /// Σ wJ, Σ (wJ)², Σ wJ y, then for h and for v: Σ wJ y cos ψ, Σ wJ y sin ψ, Σ wJ cos ψ, Σ wJ sin ψ.
    fn sums(&self, window: &Window) -> [f64; SUMS] {
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            // SAFETY: the features that the function is compiled for were just found.
            return unsafe { self.sums_avx2(window) };
        }
        self.sums_any(window)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn sums_avx2(&self, window: &Window) -> [f64; SUMS] {
        self.sums_any(window)
    }

    #[inline(always)]
    fn sums_any(&self, window: &Window) -> [f64; SUMS] {
        let centre = [window.phases.x as f32, window.phases.y as f32];
        let half = [sin_cos((0.5 * window.phases.x) as f32), sin_cos((0.5 * window.phases.y) as f32)];
        let mut totals = [0.0_f64; SUMS];
        for v in window.rows[0]..window.rows[1] {
            let mut lanes = [[0.0_f32; LANES]; SUMS];
            let row_area = 1.0 + window.area_slope.y * (v as f64 - window.pixel.y);
            let mut u = window.columns[0];
            while u < window.columns[1] {
                let n = LANES.min(window.columns[1] - u);
                let start = v * self.width + u;
                // The last few columns of a row are done one by one in the first lanes.
                let slice = |map: &[f32]| -> [f32; LANES] {
                    let mut values = [0.0; LANES];
                    values[..n].copy_from_slice(&map[start..start + n]);
                    values
                };
                let (phase_h, phase_v) = (slice(&self.phase[0]), slice(&self.phase[1]));
                let (sin_h, cos_h) = (slice(&self.sin[0]), slice(&self.cos[0]));
                let (sin_v, cos_v) = (slice(&self.sin[1]), slice(&self.cos[1]));
                let level = slice(&self.level);
                let area = (row_area + window.area_slope.x * (u as f64 - window.pixel.x)) as f32;
                let area_step = window.area_slope.x as f32;
                for lane in 0..LANES {
                    let inside = (lane < n)
                        & ((phase_h[lane] - centre[0]).abs() < TAU as f32)
                        & ((phase_v[lane] - centre[1]).abs() < TAU as f32);
                    let half_cos_h = cos_h[lane] * half[0].1 + sin_h[lane] * half[0].0;
                    let half_sin_h = sin_h[lane] * half[0].1 - cos_h[lane] * half[0].0;
                    let half_cos_v = cos_v[lane] * half[1].1 + sin_v[lane] * half[1].0;
                    let half_sin_v = sin_v[lane] * half[1].1 - cos_v[lane] * half[1].0;
                    let hann = (1.0 + half_cos_h) * (1.0 + half_cos_v) * (area + area_step * lane as f32);
                    let w = if inside { 0.25 * hann } else { 0.0 };
                    let wy = w * level[lane];
                    let (c_h, s_h) = (1.0 - 2.0 * half_sin_h * half_sin_h, 2.0 * half_sin_h * half_cos_h);
                    let (c_v, s_v) = (1.0 - 2.0 * half_sin_v * half_sin_v, 2.0 * half_sin_v * half_cos_v);
                    lanes[0][lane] += w;
                    lanes[1][lane] += w * w;
                    lanes[2][lane] += wy;
                    lanes[3][lane] += wy * c_h;
                    lanes[4][lane] += wy * s_h;
                    lanes[5][lane] += w * c_h;
                    lanes[6][lane] += w * s_h;
                    lanes[7][lane] += wy * c_v;
                    lanes[8][lane] += wy * s_v;
                    lanes[9][lane] += w * c_v;
                    lanes[10][lane] += w * s_v;
                }
                u += n;
            }
            for (total, lanes) in totals.iter_mut().zip(&lanes) {
                *total += f64::from(lanes.iter().sum::<f32>());
            }
        }
        totals
    }
}

const SUMS: usize = 11;
const LANES: usize = 8;

struct Window {
    columns: [usize; 2],
    rows: [usize; 2],
    pixel: Vector2<f64>,
    /// ∇J / J, 1/px.
    area_slope: Vector2<f64>,
    phases: Vector2<f64>,
}
