//! Each intersection measured in its own surroundings, around the fitted phases.
//!
//! The global fit says where every line is to within a fraction of the pitch; the image says where exactly. For line h
//! through the intersection, with ψ = phase − (3π/2 + 2πn), y the image freed of gain and offset, x = ψ_h/s across the
//! line, b = ψ_v/l along it, J = |∂(phase_h, phase_v)/∂(u, v)| and the sums over |x|, |b| < 1:
//! ```text
//! S(c) = Σ J q(x − c/s) W(b) y,    q(x) = x (1 − 3x²) (1 − x²)²,    W(b) = (1 − b²)²
//! ```
//! q is odd, so that S vanishes where the window's centre c is the centre of a symmetric line, whatever its profile;
//! ∫ x q = 0, so that a gradient of light (glare, a shadow's edge) does not count; and q ends with slope 0. Newton's step
//! needs no model of the line either: dS/dc = −Σ J q'(x) W y / s. Likewise v with the roles exchanged. Neither window
//! reaches a neighbouring line; near the image's border they shrink until they fit.
//!
//! White noise of standard deviation σ in y gives c the variance σ² Σ(JqW)² / (dS/dc)². What else disturbs a line (ragged
//! ink, dust) shows in T = Σ J q(x) V(b) y with V(b) = W(b) (1 − 12.16 b² + 20.22 b⁴): ∫ V = ∫ V b² = 0 over
//! 0.13 < |b| < 1, where the other line does not cover this one, so that neither an offset nor a slope nor a bend counts. T's spread over the image scales all variances; where T is far beyond it the
//! intersection is dropped.

use crate::GrayImage;
use crate::grating::chebyshev;
use crate::grating::model::has_avx2;
use crate::grating::normal_equations::GratingParameters;
use crate::lattice::intersections::{Intersection, LineNumbers, PhaseField, in_image};
use crate::statistics::median;
use nalgebra::{Matrix2, Vector2};
use std::collections::{HashMap, VecDeque};
use std::f64::consts::{PI, TAU};

/// A line this far from the fit may be its neighbour, rad.
const MAX_OFFSET_RAD: f64 = 2.0;
/// The measured offsets of neighbouring intersections differ by less, rad.
const MAX_BREAK_RAD: f64 = 0.6;
/// Newton steps shorter than this need no further one, rad: the next error is of third order.
const STEP_LIMIT_RAD: f64 = 0.03;
const MAX_STEPS: usize = 5;
/// Standard deviation that stays when all noise is averaged out: pixel response, rounding, px.
const FLOOR_PX: f64 = 0.001;
/// A line this many times less even than most is disturbed by something.
const OUTLIER: f64 = 6.0;
/// Fewer intersections don't tell how uneven lines are.
const MIN_FOR_SCALE: usize = 24;
/// Lines' strengths change from one intersection to the next by this much at least, as a fraction.
const LEAST_CHANGE: f64 = 0.01;
/// Brightness from which a pixel may be clipped, and the share of such pixels in a window that makes lines lopsided.
const CLIPPED: f32 = 0.995;
const MOST_CLIPPED: f64 = 0.02;
/// Least noise of a pixel: 8 bits round to ± half a step, 1/255/√12.
const LEAST_NOISE: f64 = 1.1e-3;

/// Half-sizes of a window: along the line in units of 2π, across it in units of π. The largest that fits is used.
const WINDOWS: [[f64; 2]; 5] = [[1.0, 1.0], [0.75, 1.0], [0.5, 1.0], [0.5, 0.8], [0.5, 0.6]];

/// One of the two lines through an intersection, measured.
#[derive(Clone, Copy)]
struct LineOffset {
    /// Line in the image minus line of the fit, rad of its phase.
    offset_rad: f64,
    variance_rad2: f64,
    /// Depth times width of the line.
    strength: f64,
    /// T in standard deviations of white noise.
    unevenness: f64,
}

struct Measured {
    lines: LineNumbers,
    /// Where the fit has it.
    fitted_px: Vector2<f64>,
    /// (∂(phase_h, phase_v)/∂(u, v))⁻¹ where it was found.
    inverse: Matrix2<f64>,
    /// Of h and v.
    offsets: [LineOffset; 2],
}

/// All intersections whose surroundings are in the image, measured. Those that disagree with their neighbours, or are
/// covered by something, are dropped.
pub fn measure(image: &GrayImage, fit: &GratingParameters) -> Vec<Intersection> {
    let (width, height) = image.dimensions();
    let maps = Maps::new(image, fit);
    let noise = Noise::of(image, &maps);
    let mut found: Vec<Measured> = in_image(fit, width, height)
        .into_iter()
        .filter_map(|(lines, pixel)| maps.measure(image, fit, lines, pixel, noise))
        .collect();
    for axis in 0..2 {
        let mut strengths: Vec<f64> = found.iter().map(|m| m.offsets[axis].strength).collect();
        let Some(median) = median(&mut strengths) else { return Vec::new() };
        found.retain(|m| m.offsets[axis].strength > 0.4 * median);
    }
    let mut found = connected(found, Vector2::new(0.5 * f64::from(width), 0.5 * f64::from(height)));
    for axis in 0..2 {
        agree(&mut found, axis);
    }
    found.iter().map(Measured::intersection).collect()
}

impl Measured {
    fn intersection(&self) -> Intersection {
        let [h, v] = self.offsets;
        let spread = Matrix2::from_diagonal(&Vector2::new(h.variance_rad2, v.variance_rad2));
        Intersection {
            lines: self.lines,
            pixel: self.fitted_px + self.inverse * Vector2::new(h.offset_rad, v.offset_rad),
            covariance_px2: self.inverse * spread * self.inverse.transpose()
                + Matrix2::identity() * (FLOOR_PX * FLOOR_PX),
        }
    }
}

/// The part of `found` that hangs together with the intersection nearest to `centre`: offsets change little from one
/// intersection to the next. Beyond a break the fit may have slipped to another line.
fn connected(found: Vec<Measured>, centre: Vector2<f64>) -> Vec<Measured> {
    let index: HashMap<LineNumbers, usize> = found.iter().enumerate().map(|(i, m)| (m.lines, i)).collect();
    let distance = |i: &usize| (found[*i].fitted_px - centre).norm();
    let Some(first) = (0..found.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))) else { return found };
    let mut reached = vec![false; found.len()];
    reached[first] = true;
    let mut queue = VecDeque::from([first]);
    while let Some(i) = queue.pop_front() {
        for (h, v) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
            let Some(&next) = index.get(&found[i].lines.shifted(h, v)) else { continue };
            let change = |axis: usize| (found[i].offsets[axis].offset_rad - found[next].offsets[axis].offset_rad).abs();
            if !reached[next] && change(0) < MAX_BREAK_RAD && change(1) < MAX_BREAK_RAD {
                reached[next] = true;
                queue.push_back(next);
            }
        }
    }
    found.into_iter().zip(reached).filter_map(|(measured, reached)| reached.then_some(measured)).collect()
}

/// Scales the variances of the offsets from lines `axis` to how uneven these lines are, and drops what is far less even, or
/// far stronger or weaker than its neighbours on the same line.
fn agree(found: &mut Vec<Measured>, axis: usize) {
    let mut sizes: Vec<f64> = found.iter().map(|m| m.offsets[axis].unevenness.abs()).collect();
    if sizes.len() < MIN_FOR_SCALE {
        return;
    }
    // |normal| has its median at 0.6745 σ.
    let scale = median(&mut sizes).unwrap_or(0.0) / 0.6745;
    // So close to 1 it is 1.
    let scale = if scale < 1.2 { 1.0 } else { scale };
    let strengths: HashMap<LineNumbers, f64> = found.iter().map(|m| (m.lines, m.offsets[axis].strength)).collect();
    let against_neighbours = |m: &Measured| {
        let along = |n: i32| if axis == 0 { m.lines.shifted(0, n) } else { m.lines.shifted(n, 0) };
        let mut near: Vec<f64> = [-2, -1, 1, 2].iter().filter_map(|n| strengths.get(&along(*n)).copied()).collect();
        let change = median(&mut near).map_or(0.0, |median| (m.offsets[axis].strength / median).ln());
        // At the end of a line all neighbours lie on one side, where light and focus differ.
        if near.len() >= 3 { change } else { 0.4 * change }
    };
    let changes: Vec<f64> = found.iter().map(against_neighbours).collect();
    let usual = median(&mut changes.iter().map(|c| c.abs()).collect::<Vec<_>>()).unwrap_or(0.0) / 0.6745;
    let mut changes = changes.into_iter();
    found.retain(|m| {
        let change = changes.next().unwrap_or(0.0);
        m.offsets[axis].unevenness.abs() < OUTLIER * scale && change.abs() < OUTLIER * usual.max(LEAST_CHANGE)
    });
    for measured in found {
        measured.offsets[axis].variance_rad2 *= scale * scale;
    }
}

/// Variance of a pixel of brightness I: dark + shot · I.
#[derive(Clone, Copy, Debug)]
struct Noise {
    dark: f64,
    shot: f64,
}

/// A line's core, and where neither line is felt; distance from the line's centre, rad.
const CORE_RAD: f32 = 0.25;
const PAPER_RAD: f32 = 2.3;

impl Noise {
    /// From second differences along u where nothing but noise changes along u: on bare paper, and on the core of lines
    /// that run along u. Where these run otherwise, the noise of paper holds for ink too.
    fn of(image: &GrayImage, maps: &Maps) -> Self {
        let from_line = |phase: f32| {
            let turns = (f64::from(phase) - 1.5 * PI) / TAU;
            ((turns - turns.round()) * TAU).abs() as f32
        };
        // [ink, paper]: second differences, and the brightness there.
        let mut bends: [Vec<f64>; 2] = Default::default();
        let mut sums = [0.0; 2];
        for v in (0..maps.height).step_by(3) {
            for u in (1..maps.width - 1).step_by(3) {
                let at = v * maps.width + u;
                if from_line(maps.phase[1][at]) < PAPER_RAD {
                    continue;
                }
                let (here, next) = (from_line(maps.phase[0][at]), from_line(maps.phase[0][at + 1]));
                let class = match here {
                    _ if here > PAPER_RAD => 1,
                    _ if here < CORE_RAD && (next - here).abs() < 0.02 => 0,
                    _ => continue,
                };
                let [a, b, c] = [at - 1, at, at + 1].map(|i| f64::from(image.as_raw()[i]));
                bends[class].push((a - 2.0 * b + c).abs());
                sums[class] += b;
            }
        }
        // |normal| has its median at 0.6745 σ; the second difference of white noise has √6 its σ.
        let variance = |bends: &mut Vec<f64>| (median(bends).unwrap_or(0.0) / 0.6745).powi(2) / 6.0;
        let counts = bends.each_ref().map(|bends| bends.len());
        let [ink, paper] = bends.each_mut().map(variance).map(|v| v.max(LEAST_NOISE * LEAST_NOISE));
        let levels = [sums[0] / counts[0].max(1) as f64, sums[1] / counts[1].max(1) as f64];
        let flat = Noise { dark: paper, shot: 0.0 };
        if counts[0] < 100 || !(levels[1] - levels[0] > 0.02) {
            return flat;
        }
        let shot = ((paper - ink) / (levels[1] - levels[0])).clamp(0.0, paper / levels[1]);
        Noise { dark: paper - shot * levels[1], shot }
    }
}

/// What the windows need of every pixel.
struct Maps {
    width: usize,
    height: usize,
    /// phase_h and phase_v.
    phase: [Vec<f32>; 2],
    /// Image freed of gain and offset.
    level: Vec<f32>,
}

impl Maps {
    fn new(image: &GrayImage, fit: &GratingParameters) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let empty = || vec![0.0_f32; width * height];
        let mut maps = Maps { width, height, phase: [empty(), empty()], level: empty() };
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
            let [phase_h, phase_v] = &mut self.phase;
            for (function, values) in [
                (&fit.phase_h, &mut phase_h[range.clone()]),
                (&fit.phase_v, &mut phase_v[range.clone()]),
                (&fit.gain, &mut gain[..]),
                (&fit.offset, &mut offset[..]),
            ] {
                function.along_row(v as f64, &mut row[..=function.degree]);
                chebyshev::evaluate_row(&row[..=function.degree], tables, 0, values);
            }
            let (level, pixels) = (&mut self.level[range.clone()], &image.as_raw()[range]);
            for (((level, pixel), gain), offset) in level.iter_mut().zip(pixels).zip(&gain).zip(&offset) {
                *level = (pixel - offset) / gain.max(1e-6);
            }
        }
    }

    /// Share of the window's pixels that are as bright as can be, looked at every few pixels.
    fn clipped(&self, image: &GrayImage, window: &Window) -> f64 {
        let (mut clipped, mut all) = (0.0, 0.0);
        for v in (window.rows[0]..window.rows[1]).step_by(3) {
            for pixel in image.as_raw()[v * self.width..][window.columns[0]..window.columns[1]].iter().step_by(3) {
                all += 1.0;
                clipped += f64::from(u8::from(*pixel >= CLIPPED));
            }
        }
        clipped / f64::max(all, 1.0)
    }

    /// The intersection of `lines`, measured from where the fit has it. `None` where the image does not show it.
    fn measure(
        &self,
        image: &GrayImage,
        fit: &GratingParameters,
        lines: LineNumbers,
        fitted_px: Vector2<f64>,
        noise: Noise,
    ) -> Option<Measured> {
        let mut offset = Vector2::zeros();
        let (gain, base) = (fit.gain.value(fitted_px).max(1e-6), fit.offset.value(fitted_px));
        // Of a level y = (I − offset) / gain: dark + shot · y.
        let noise = Noise { dark: (noise.dark + noise.shot * base).max(0.0) / (gain * gain), shot: noise.shot / gain };
        let mut pixel = fitted_px;
        for _ in 0..MAX_STEPS {
            let (_, jacobian) = fit.phases_and_jacobian(pixel);
            let inverse = jacobian.try_inverse()?;
            let window = self.window(fit, pixel, lines.phases() + offset, jacobian, inverse)?;
            let sums = self.sums(&window);
            let mean = sums[1] / sums[0];
            let line = |axis: usize| {
                let [odd, odd_level, even, even_level, square, square_level, uneven, uneven_level, uneven_square] =
                    *sums[2 + PER_LINE * axis..].first_chunk::<PER_LINE>()?;
                let slope = (even_level - mean * even) * f64::from(window.per_across[axis]);
                let variance = (noise.dark * square + noise.shot * square_level).max(1e-12);
                // Dark lines: the even sum is negative.
                (slope < 0.0).then(|| LineOffset {
                    offset_rad: (odd_level - mean * odd) / slope,
                    variance_rad2: variance / (slope * slope),
                    strength: -slope * f64::from(window.per_along[axis]) / f64::from(window.per_across[axis]).powi(2),
                    unevenness: (uneven_level - mean * uneven) / (variance * uneven_square / square).sqrt(),
                })
            };
            let [h, v] = [line(0)?, line(1)?];
            let step = Vector2::new(h.offset_rad, v.offset_rad);
            // Far from the line's centre Newton's step is a direction only.
            offset += step.map(|x| x.clamp(-0.5, 0.5));
            // Written so that NaN ends it.
            if !(offset.amax() < MAX_OFFSET_RAD) {
                return None;
            }
            if step.amax() < STEP_LIMIT_RAD {
                if self.clipped(image, &window) > MOST_CLIPPED {
                    return None;
                }
                let offsets = [LineOffset { offset_rad: offset.x, ..h }, LineOffset { offset_rad: offset.y, ..v }];
                // Newton on the phases: the fit is not linear over a large offset.
                let (phases, jacobian) = fit.phases_and_jacobian(pixel);
                let inverse = jacobian.try_inverse()?;
                let found = pixel + inverse * (lines.phases() + offset - phases);
                let fitted_px = found - inverse * offset;
                return Some(Measured { lines, fitted_px, inverse, offsets });
            }
            let (phases, jacobian) = fit.phases_and_jacobian(pixel);
            pixel += jacobian.try_inverse()? * (lines.phases() + offset - phases);
        }
        None
    }

    /// The largest window around `pixel`, whose phases are `phases`, that lies in the image.
    fn window(
        &self,
        fit: &GratingParameters,
        pixel: Vector2<f64>,
        phases: Vector2<f64>,
        jacobian: Matrix2<f64>,
        inverse: Matrix2<f64>,
    ) -> Option<Window> {
        let size = Vector2::new(self.width as f64 - 1.0, self.height as f64 - 1.0);
        let room = pixel.inf(&(size - pixel));
        // A window around h reaches far along v, and the other way round.
        let reach = |[along, across]: [f64; 2]| {
            let (along, across) = (along * TAU, across * PI);
            let h = Vector2::new(across, along);
            let v = Vector2::new(along, across);
            (inverse.abs() * h).sup(&(inverse.abs() * v)) * 1.03
        };
        let scales = WINDOWS.into_iter().find(|scales| {
            let reach = reach(*scales);
            reach.x <= room.x && reach.y <= room.y
        })?;
        let reach = reach(scales);
        let (low, high) = (pixel - reach, pixel + reach);
        // J relative to its value here, linear over the window.
        let determinant = jacobian.determinant();
        let slope = |step: Vector2<f64>| {
            let ahead = fit.phases_and_jacobian(pixel + step).1.determinant();
            let behind = fit.phases_and_jacobian(pixel - step).1.determinant();
            (ahead - behind) / (2.0 * step.norm() * determinant)
        };
        let (per_along, per_across) = ((1.0 / (scales[0] * TAU)) as f32, (1.0 / (scales[1] * PI)) as f32);
        Some(Window {
            columns: [low.x.ceil() as usize, high.x.floor() as usize + 1],
            rows: [low.y.ceil() as usize, high.y.floor() as usize + 1],
            pixel,
            area: determinant.abs(),
            area_slope: Vector2::new(slope(Vector2::new(8.0, 0.0)), slope(Vector2::new(0.0, 8.0))),
            phases: [phases.x as f32, phases.y as f32],
            per_along: [per_along; 2],
            per_across: [per_across; 2],
        })
    }

    /// Σ w, Σ w y with w = J W W, then for h and for v: Σ JqW, Σ JqW y, Σ Jq'W, Σ Jq'W y, Σ (JqW)²,
    /// Σ (JqW)² y, Σ JqV, Σ JqV y, Σ (JqV)².
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
                let (phase_h, phase_v, level) = (slice(&self.phase[0]), slice(&self.phase[1]), slice(&self.level));
                let area = (window.area * (row_area + window.area_slope.x * (u as f64 - window.pixel.x))) as f32;
                let area_step = (window.area * window.area_slope.x) as f32;
                for lane in 0..LANES {
                    let area = if lane < n { area + area_step * lane as f32 } else { 0.0 };
                    let psi = [phase_h[lane] - window.phases[0], phase_v[lane] - window.phases[1]];
                    let across = [0, 1].map(|axis| psi[axis] * window.per_across[axis]);
                    // Along line h it is the phase of v that changes.
                    let along = [0, 1].map(|axis| psi[1 - axis] * window.per_along[axis]);
                    let bells = along.map(bell);
                    let y = level[lane];
                    let w = bells[0] * bells[1] * area;
                    lanes[0][lane] += w;
                    lanes[1][lane] += w * y;
                    for axis in 0..2 {
                        let (odd, even) = odd_and_slope(across[axis]);
                        let weight = bells[axis] * area;
                        let (odd, even) = (odd * weight, even * weight);
                        let uneven = odd * ripple(along[axis]);
                        let sums = &mut lanes[2 + PER_LINE * axis..2 + PER_LINE * (axis + 1)];
                        sums[0][lane] += odd;
                        sums[1][lane] += odd * y;
                        sums[2][lane] += even;
                        sums[3][lane] += even * y;
                        sums[4][lane] += odd * odd;
                        sums[5][lane] += odd * odd * y;
                        sums[6][lane] += uneven;
                        sums[7][lane] += uneven * y;
                        sums[8][lane] += uneven * uneven;
                    }
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

/// W(b) = (1 − b²)², 0 outside.
#[inline(always)]
fn bell(b: f32) -> f32 {
    let inside = (1.0 - b * b).max(0.0);
    inside * inside
}

/// V(b) / W(b).
#[inline(always)]
fn ripple(b: f32) -> f32 {
    let b2 = b * b;
    1.0 - 12.16 * b2 + 20.22 * b2 * b2
}

/// q(x) = x (1 − 3x²) (1 − x²)² and its slope, 0 outside.
#[inline(always)]
fn odd_and_slope(x: f32) -> (f32, f32) {
    let x2 = x * x;
    let inside = (1.0 - x2).max(0.0);
    (x * (1.0 - 3.0 * x2) * inside * inside, inside * (1.0 - 14.0 * x2 + 21.0 * x2 * x2))
}

const PER_LINE: usize = 9;
const SUMS: usize = 2 + 2 * PER_LINE;
const LANES: usize = 8;

struct Window {
    columns: [usize; 2],
    rows: [usize; 2],
    pixel: Vector2<f64>,
    /// J at `pixel`, rad²/px².
    area: f64,
    /// ∇J / J, 1/px.
    area_slope: Vector2<f64>,
    phases: [f32; 2],
    /// 1/l and 1/s of h and v, 1/rad.
    per_along: [f32; 2],
    per_across: [f32; 2],
}
