//! The equations as printed, in f64, pixel by pixel.

use grating_calibration::GrayImage;
use grating_calibration::grating::chebyshev::{exponents, values_at};
use grating_calibration::grating::parameters::GratingParameters;
use grating_calibration::grating::pixel_sums::normal_equations::{NormalEquations, Region};
use grating_calibration::grating::published::quadratic::QuadraticPhase;
use grating_calibration::grating::published::search::{Problem, Sums};
use nalgebra::{DMatrix, DVector, Vector2};

pub fn sums(problem: &Problem, candidates: &[QuadraticPhase]) -> Vec<Sums> {
    let of = |candidate: &QuadraticPhase| {
        let mut sums = Sums::default();
        for (i, (q, y)) in problem.standing.iter().zip(&problem.image).enumerate() {
            let (column, row) = (i % problem.columns, i / problem.columns);
            let x = |n: usize, axis: usize| problem.start[axis] + problem.spacing * n as f64;
            let p = 4.0 * (candidate.at(x(column, 0), x(row, 1)).sin() + f64::from(problem.duty));
            let (q, y) = (f64::from(*q), f64::from(*y));
            let model = p * q / (2.0 + p * p + q * q).sqrt();
            sums.model += model;
            sums.model2 += model * model;
            sums.model_image += model * y;
        }
        sums
    };
    candidates.iter().map(of).collect()
}

pub fn normal_equations(image: &GrayImage, region: Region, at: &GratingParameters, scale: f64) -> NormalEquations {
    let n = at.len();
    let (mut jtj, mut jtr) = (DMatrix::zeros(n, n), DVector::zeros(n));
    let (mut cost, mut weights, mut squares, mut signals, mut signals2, mut pixels) = (0.0, 0.0, 0.0, 0.0, 0.0, 0);
    let narrow = |phase: f64| {
        let power = f64::from(1_u32 << at.narrowing);
        let dip = 0.5 * (1.0 - phase.sin());
        (1.0 - 2.0 * dip.powf(power), power * dip.powf(power - 1.0) * phase.cos())
    };
    for v in (region.rows[0]..region.rows[1]).step_by(region.stride) {
        for u in (region.columns[0]..region.columns[1]).step_by(region.stride) {
            pixels += 1;
            let y = image.get_pixel(u as u32, v as u32).0[0];
            if y >= 0.999 {
                continue;
            }
            let pixel = Vector2::new(u as f64, v as f64);
            let (line_h, slope_h) = narrow(at.phase_h.value(pixel));
            let (line_v, slope_v) = narrow(at.phase_v.value(pixel));
            let (p, q) = (line_h + at.duty, line_v + at.duty);
            let root = (2.0 + 16.0 * p * p + 16.0 * q * q).sqrt();
            let model = 16.0 * p * q / root;
            let by_p = 16.0 * q / root - 16.0 * p * q * 16.0 * p / root.powi(3);
            let by_q = 16.0 * p / root - 16.0 * p * q * 16.0 * q / root.powi(3);
            let gain = at.gain.value(pixel);
            let r = f64::from(y) - gain * model - at.offset.value(pixel);
            let fields = [gain * by_p * slope_h, gain * by_q * slope_v, model, 1.0];
            let mut row = Vec::with_capacity(n);
            for (field, function) in fields.into_iter().zip([&at.phase_h, &at.phase_v, &at.gain, &at.offset]) {
                let (mut x, mut y) = ([0.0; 13], [0.0; 13]);
                values_at(function.domain.normalise(0, pixel.x), &mut x[..=function.degree]);
                values_at(function.domain.normalise(1, pixel.y), &mut y[..=function.degree]);
                row.extend(exponents(function.degree).map(|(i, j)| field * x[i] * y[j]));
            }
            row.push(gain * (by_p + by_q));
            let row = DVector::from_vec(row);
            let ratio = r * r / (scale * scale);
            let weight = 1.0 / (1.0 + ratio);
            jtj.ger(weight, &row, &row, 1.0);
            jtr += weight * r * row;
            cost += scale * scale * ratio.ln_1p();
            weights += weight;
            squares += weight * r * r;
            signals += weight * gain * model;
            signals2 += weight * gain * gain * model * model;
        }
    }
    let weights = f64::max(weights, 1e-300);
    let mean = signals / weights;
    NormalEquations {
        jtj,
        jtr,
        cost,
        rms: (squares / weights).sqrt(),
        signal_rms: (signals2 / weights - mean * mean).max(0.0).sqrt(),
        pixels,
    }
}
