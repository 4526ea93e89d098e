//! JᵀJ and Jᵀr of cost (4) for the default method.
//!
//! ```text
//! r(u,v) = Img − (G · I(phase_h, phase_v, duty) + O)
//! ```
//! with I of Eq. (3) on narrowed sines s(phase) ([`crate::grating::model`]), and phases, gain G and offset O polynomials [`crate::grating::chebyshev::Chebyshev2`]. Every column of J is a *field* times a
//! basis function,
//! ```text
//! field        h: G ∂I/∂p_h s'(phase_h)   v: G ∂I/∂p_v s'(phase_v)   gain: I   offset: 1   duty: G (∂I/∂p_h + ∂I/∂p_v)
//! basis        T_i(x) T_j(y)                                                             duty: 1
//! ```
//! and a product of two basis functions is again a sum of four: T_i T_k = (T_{i+k} + T_{|i−k|}) / 2. So JᵀJ follows
//! exactly from the moments Σ field_a field_b T_k(x) T_l(y), about 150 multiplications per pixel instead of thousands.

use crate::GrayImage;
use crate::grating::chebyshev;
use crate::grating::model::{brightness_and_slopes, narrowed, sin_cos};
use crate::grating::parameters::{FIELDS, GratingParameters, MAX_NARROWING};
use crate::grating::pixel_sums::moments::{OFFSET_SQUARE, PixelSums, RowSums, SQUARES};
use crate::grating::simd::{Instructions, LANES, Lanes, compiled_for};
use nalgebra::{DMatrix, DVector};

/// Which pixels are looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Columns and rows, end exclusive.
    pub columns: [usize; 2],
    /// First row, and the one after the last.
    pub rows: [usize; 2],
    /// Every n-th of both.
    pub stride: usize,
}

impl Region {
    /// The part of a `width` × `height` image within `share` (0 … 1) of its half extents around the centre.
    pub fn centred(width: usize, height: usize, share: [f64; 2], stride: usize) -> Self {
        let span = |size: usize, share: f64| {
            let cut = (0.5 * size as f64 * (1.0 - share.clamp(0.0, 1.0))) as usize;
            [cut, size - cut]
        };
        Region { columns: span(width, share[0]), rows: span(height, share[1]), stride }
    }
}

/// Result of one pass over the pixels.
#[derive(Clone, Debug)]
pub struct NormalEquations {
    /// JᵀWJ, parameters in the order of [`GratingParameters::add`].
    pub jtj: DMatrix<f64>,
    /// JᵀWr.
    pub jtr: DVector<f64>,
    /// Robust cost: Σ ρ(r) with ρ(r) = s² ln(1 + r²/s²), s the robust scale.
    pub cost: f64,
    /// Weighted RMS residual, brightness.
    pub rms: f64,
    /// RMS of Eq. (3)'s contrast term G·I about its weighted mean, brightness; what the gratings explain.
    pub signal_rms: f64,
    /// Pixels looked at.
    pub pixels: usize,
}

/// Columns handled at a time: tables and products then stay in the first-level cache.
const CHUNK: usize = 128;
const BLOCKS: usize = CHUNK / LANES;
/// A value for each pixel of a chunk.
pub(crate) type Chunk = [[f32; LANES]; BLOCKS];

/// One pass: residuals, Jacobian, moments, normal equations. `scale`: robust scale of the residuals, brightness.
pub fn accumulate(image: &GrayImage, region: Region, at: &GratingParameters, scale: f64) -> NormalEquations {
    accumulate_with(Instructions::best(), image, region, at, scale)
}

fn accumulate_with(
    set: Instructions,
    image: &GrayImage,
    region: Region,
    at: &GratingParameters,
    scale: f64,
) -> NormalEquations {
    compiled_for!(
        set,
        (image: &GrayImage = image, region: Region = region, at: &GratingParameters = at, scale: f64 = scale) -> NormalEquations {
            match at.narrowing {
                0 => accumulate_narrowed::<0, Vector>(image, region, at, scale),
                1 => accumulate_narrowed::<1, Vector>(image, region, at, scale),
                2 => accumulate_narrowed::<2, Vector>(image, region, at, scale),
                _ => accumulate_narrowed::<MAX_NARROWING, Vector>(image, region, at, scale),
            }
        }
    )
}

/// Brightness from which a pixel is clipped.
const SATURATED: f32 = 0.999;

/// What the pixels of a chunk give.
struct ChunkSums {
    /// Products of two fields times the robust weight, in the order (0, 0), (0, 1) … (4, 4), then of a field and the
    /// residual.
    products: [Chunk; SQUARES + FIELDS],
    /// 1 + r²/s²
    ratios: Chunk,
    /// Σ w r², Σ w s, Σ w s², s the contrast term G·I.
    residual2: f32,
    signal: f32,
    signal2: f32,
}

impl ChunkSums {
    const ZERO: Chunk = [[0.0; LANES]; BLOCKS];

    fn new() -> Self {
        let products = [Self::ZERO; SQUARES + FIELDS];
        ChunkSums { products, ratios: Self::ZERO, residual2: 0.0, signal: 0.0, signal2: 0.0 }
    }

    /// From brightness and the values of phase_h, phase_v, gain and offset, for the first `blocks` blocks.
    #[inline(always)]
    fn fill<const M: usize, V: Lanes>(
        &mut self,
        blocks: usize,
        brightness: &Chunk,
        values: &[Chunk; 4],
        duty: f32,
        per_scale2: f32,
    ) {
        let (zero, one, saturated) = (V::of(0.0), V::of(1.0), V::of(SATURATED));
        let (mut residual2, mut signal1, mut signal2) = (zero, zero, zero);
        for b in 0..blocks.min(BLOCKS) {
            let (sin_h, cos_h) = sin_cos(V::load(&values[0][b]));
            let (sin_v, cos_v) = sin_cos(V::load(&values[1][b]));
            let (sin_h, slope_h) = narrowed::<M, V>(sin_h, cos_h);
            let (sin_v, slope_v) = narrowed::<M, V>(sin_v, cos_v);
            let (model, by_h, by_v) = brightness_and_slopes(sin_h, sin_v, duty);
            let (gain, pixel) = (V::load(&values[2][b]), V::load(&brightness[b]));
            let signal = gain * model;
            // Saturated pixels say nothing, nor do they count in the cost: steps that lower it elsewhere would be refused.
            let seen = pixel.is_below(saturated);
            let r = seen * (pixel - (signal + V::load(&values[3][b])));
            let ratio = (r * r).times_plus(V::of(per_scale2), one);
            ratio.store(&mut self.ratios[b]);
            // Cauchy's.
            let weight = seen / ratio;
            let weighted = weight * signal;
            residual2 = (weight * r).times_plus(r, residual2);
            signal1 = signal1 + weighted;
            signal2 = weighted.times_plus(signal, signal2);
            let fields = [gain * by_h * slope_h, gain * by_v * slope_v, model, one, gain * (by_h + by_v)];
            let mut square = 0;
            for a in 0..FIELDS {
                let weighted = weight * fields[a];
                (weighted * r).store(&mut self.products[SQUARES + a][b]);
                for field in &fields[a..] {
                    (weighted * *field).store(&mut self.products[square][b]);
                    square += 1;
                }
            }
        }
        (self.residual2, self.signal, self.signal2) = (residual2.sum(), signal1.sum(), signal2.sum());
    }

    /// Σ ln(1 + r²/s²)
    #[inline(always)]
    fn lost(&self, blocks: usize) -> f64 {
        // As the logarithm of products, which the range of f64 allows for BLOCKS factors.
        let mut products = [1.0_f64; LANES];
        for ratios in &self.ratios[..blocks.min(BLOCKS)] {
            for lane in 0..LANES {
                products[lane] *= f64::from(ratios[lane]);
            }
        }
        products.iter().map(|product| product.ln()).sum()
    }
}

#[inline(always)]
fn accumulate_narrowed<const M: usize, V: Lanes>(
    image: &GrayImage,
    region: Region,
    at: &GratingParameters,
    scale: f64,
) -> NormalEquations {
    let degrees = at.degrees();
    let highest = 2 * degrees.iter().copied().max().unwrap_or(0);
    let domain = at.phase_h.domain;
    let mut columns: Vec<usize> = (region.columns[0]..region.columns[1]).step_by(region.stride).collect();
    let count = columns.len();
    // The last block is filled up with pixels that count as saturated.
    columns.resize(count.next_multiple_of(LANES), region.columns[0]);
    let tables = chebyshev::row_tables(&domain, &columns, highest);
    let mut along = vec![0.0; highest + 1];
    let mut sums = PixelSums::new(degrees);
    let mut row_sums = RowSums::new(&sums);

    let mut coefficients = [[0.0_f64; 16]; 4];
    let mut chunk = ChunkSums::new();
    let mut values = [ChunkSums::ZERO; 4];
    let mut brightness = ChunkSums::ZERO;
    let width = image.width() as usize;
    let per_scale2 = (1.0 / (scale * scale)) as f32;
    let functions = [&at.phase_h, &at.phase_v, &at.gain, &at.offset];
    for v in (region.rows[0]..region.rows[1]).step_by(region.stride) {
        chebyshev::values_at(domain.normalise(1, v as f64), &mut along);
        for (function, row) in functions.iter().zip(&mut coefficients) {
            function.along_row(v as f64, &mut row[..=function.degree]);
        }
        let row = &image.as_raw()[v * width..(v + 1) * width];
        for start in (0..columns.len()).step_by(CHUNK) {
            let n = CHUNK.min(columns.len() - start);
            let blocks = n / LANES;
            let seen = n.min(count - start);
            for (pixel, &u) in brightness.as_flattened_mut().iter_mut().zip(&columns[start..start + n]) {
                *pixel = row[u];
            }
            brightness.as_flattened_mut()[seen..n].fill(SATURATED);
            for f in 0..4 {
                let values = &mut values[f].as_flattened_mut()[..n];
                chebyshev::evaluate_row::<V>(&coefficients[f][..=degrees[f]], &tables, start, values);
            }
            chunk.fill::<M, V>(blocks, &brightness, &values, at.duty as f32, per_scale2);
            sums.lost += chunk.lost(blocks);
            sums.pixels += seen;
            sums.residual2 += f64::from(chunk.residual2);
            sums.signal += f64::from(chunk.signal);
            sums.signal2 += f64::from(chunk.signal2);
            row_sums.add::<V>(&chunk.products, &tables, start, blocks);
        }
        row_sums.flush(&mut sums, &along);
    }
    // Offset times offset, which is 1, times the weight.
    sums.weight = sums.squares[OFFSET_SQUARE].at(0, 0);
    sums.equations(at, scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grating::chebyshev::Chebyshev2;
    use crate::grating::chebyshev::Domain;
    use nalgebra::Vector2;

    fn parameters(domain: Domain) -> GratingParameters {
        let centre = Vector2::from(domain.centre);
        let wave = |x: f64, y: f64, degree: usize, seed: usize| {
            let mut f = Chebyshev2::linear(domain, centre, 0.4, Vector2::new(x, y)).with_degree(degree);
            for (k, c) in f.coefficients.iter_mut().enumerate().skip(3) {
                *c += 0.1 * (((k + seed) * 31 % 13) as f64 / 13.0 - 0.5);
            }
            f
        };
        GratingParameters {
            phase_h: wave(0.01, 0.3, 3, 1),
            phase_v: wave(0.28, -0.02, 3, 5),
            gain: wave(1e-4, 2e-4, 2, 3).with_degree(2),
            offset: wave(-1e-4, 1e-4, 2, 9),
            duty: 0.97,
            narrowing: 2,
        }
    }

    fn model(at: &GratingParameters, pixel: Vector2<f64>) -> f64 {
        let narrow = |phase: f64| 1.0 - 2.0 * (0.5 * (1.0 - phase.sin())).powi(1 << at.narrowing);
        let (p, q) = (narrow(at.phase_h.value(pixel)) + at.duty, narrow(at.phase_v.value(pixel)) + at.duty);
        let brightness = 16.0 * p * q / (2.0 + 16.0 * p * p + 16.0 * q * q).sqrt();
        at.gain.value(pixel) * brightness + at.offset.value(pixel)
    }

    /// Brute force: numeric Jacobian of the model, pixel by pixel.
    #[test]
    fn moments_give_the_normal_equations_of_a_numeric_jacobian() {
        let (width, height) = (60, 41);
        let at = parameters(Domain::of_image(width, height));
        let image = GrayImage::from_fn(width, height, |u, v| {
            let pixel = Vector2::new(f64::from(u), f64::from(v));
            image::Luma([model(&at, pixel) as f32 * 0.05 + 0.02 * ((u * 7 + v * 3) % 5) as f32])
        });
        let region = Region { columns: [3, 60], rows: [2, 41], stride: 2 };
        let scale = 3.0;
        let n = at.len();
        let (mut jtj, mut jtr) = (DMatrix::zeros(n, n), DVector::zeros(n));
        for v in (2..41).step_by(2) {
            for u in (3..60).step_by(2) {
                let pixel = Vector2::new(f64::from(u), f64::from(v));
                let row = DVector::from_fn(n, |k, _| {
                    let mut step = DVector::zeros(n);
                    step[k] = 1e-5;
                    let (mut low, mut high) = (at.clone(), at.clone());
                    high.add(&step);
                    low.add(&-step);
                    (model(&high, pixel) - model(&low, pixel)) / 2e-5
                });
                let r = f64::from(image.get_pixel(u, v).0[0]) - model(&at, pixel);
                let weight = 1.0 / (1.0 + r * r / (scale * scale));
                jtj += weight * &row * row.transpose();
                jtr += weight * r * row;
            }
        }
        for set in Instructions::available() {
            let fast = accumulate_with(set, &image, region, &at, scale);
            assert!((&fast.jtj - &jtj).amax() < 2e-5 * jtj.amax(), "{set}");
            assert!((&fast.jtr - &jtr).amax() < 2e-5 * jtr.amax(), "{set}");
        }
    }

    /// Neither steps nor their acceptance depend on what the model says where the sensor saw nothing but light.
    #[test]
    fn saturated_pixels_count_nowhere() {
        let at = parameters(Domain::of_image(60, 41));
        let with = |glare: f32| {
            let image = GrayImage::from_fn(60, 41, |u, v| {
                image::Luma([if u > 40 { glare } else { 0.1 * ((u * 7 + v * 3) % 5) as f32 }])
            });
            accumulate(&image, Region::centred(60, 41, [1.0, 1.0], 1), &at, 0.3)
        };
        let (bright, brighter) = (with(1.0), with(3.0));
        assert_eq!((bright.cost, bright.rms, &bright.jtr), (brighter.cost, brighter.rms, &brighter.jtr));
    }

    /// The portable and the vectorised build of the same code.
    #[test]
    fn every_instruction_set_gives_the_same() {
        let at = parameters(Domain::of_image(300, 40));
        let image = GrayImage::from_fn(300, 40, |u, v| image::Luma([((u * v) % 17) as f32 / 17.0]));
        let region = Region::centred(300, 40, [1.0, 1.0], 1);
        let plain = accumulate_with(Instructions::Baseline, &image, region, &at, 0.3);
        for set in Instructions::beyond_baseline() {
            let fast = accumulate_with(set, &image, region, &at, 0.3);
            assert!((&fast.jtj - &plain.jtj).amax() < 1e-5 * plain.jtj.amax(), "{set}");
            assert!((fast.cost / plain.cost - 1.0).abs() < 1e-5, "{set}");
        }
    }
}
