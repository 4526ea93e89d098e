//! The two grating frequencies at the image centre, from nothing but the image.
//!
//! Fourier transform of a Hann-windowed central square. The grid's spectrum is a lattice of peaks, spanned by the two
//! fundamentals; the shortest strong basis of that lattice is what we want.
//!
//! The phase is the argument of the transform at a fundamental, as in Takeda, Ina and Kobayashi, "Fourier-transform method of
//! fringe-pattern analysis", JOSA 72 (1982). They filter around it and transform back for the phase of every pixel; here the
//! phase at the centre is enough to start from.

use crate::GrayImage;
use crate::grating::chebyshev::{Chebyshev2, Domain};
use crate::statistics::median;
use nalgebra::Vector2;
use rustfft::{FftPlanner, num_complex::Complex};
use std::f64::consts::{PI, TAU};

/// The two gratings near the image centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Carriers {
    /// Image centre, px; where the phases below are given.
    pub centre: Vector2<f64>,
    /// Gradient of phase_h, rad/px; points towards growing v.
    pub gradient_h: Vector2<f64>,
    /// Gradient of phase_v, rad/px; points towards growing u.
    pub gradient_v: Vector2<f64>,
    /// Phases at `centre`, rad.
    pub phase_h: f64,
    /// Phase of v there, rad.
    pub phase_v: f64,
    /// Strength of the weaker of both peaks over the median of the spectrum.
    pub peak_over_floor: f64,
    /// Half the side of the square that was looked at, px.
    pub half_window: f64,
}

impl Carriers {
    /// Linear phases over the image.
    pub fn phases(&self, domain: Domain) -> (Chebyshev2, Chebyshev2) {
        (
            Chebyshev2::linear(domain, self.centre, self.phase_h, self.gradient_h),
            Chebyshev2::linear(domain, self.centre, self.phase_v, self.gradient_v),
        )
    }
}

/// Peaks weaker than this multiple of the spectrum's median are noise.
const MIN_PEAK_OVER_MEDIAN: f64 = 8.0;
/// Fundamentals explain this share at least of what the best pair explains.
const MIN_EXPLAINED_SHARE: f64 = 0.8;
/// Perspective smears peaks: how far from whole multiples of the fundamentals they may be.
const OFF_LATTICE: f64 = 0.12;

/// `None` where no two crossed gratings stand out.
pub fn carriers(image: &GrayImage) -> Option<Carriers> {
    hypotheses(image).into_iter().next()
}

/// What the gratings may be, the most probable first; mostly there is one only.
pub fn hypotheses(image: &GrayImage) -> Vec<Carriers> {
    let shorter = image.width().min(image.height()) as usize;
    if shorter < 32 {
        return Vec::new();
    }
    let side = (1 << shorter.ilog2()).min(1024_usize);
    let corner = [(image.width() as usize - side) / 2, (image.height() as usize - side) / 2];
    let spectrum = Spectrum::of(image, corner, side);
    spectrum.fundamentals().into_iter().map(|pair| carriers_of(image, &spectrum, pair)).collect()
}

/// Both gratings at two frequencies, cycles/px.
fn carriers_of(image: &GrayImage, spectrum: &Spectrum, (first, second): (Vector2<f64>, Vector2<f64>)) -> Carriers {
    // v is the grating that changes along u.
    let (v, h) = if first.x.abs() * second.y.abs() >= first.y.abs() * second.x.abs() {
        (first, second)
    } else {
        (second, first)
    };
    let v = if v.x < 0.0 { -v } else { v };
    let h = if h.y < 0.0 { -h } else { h };
    let centre = Vector2::new(0.5 * (f64::from(image.width()) - 1.0), 0.5 * (f64::from(image.height()) - 1.0));
    // Brightness falls and rises as sin(phase) does: I ≈ … + a sin(phase), so the transform at +f is a e^{i(phase − π/2)}.
    let phase = |f: Vector2<f64>| {
        let (value, _) = spectrum.transform_at(image, f, centre);
        value.arg() + 0.5 * PI
    };
    Carriers {
        centre,
        gradient_h: h * TAU,
        gradient_v: v * TAU,
        phase_h: phase(h),
        phase_v: phase(v),
        peak_over_floor: spectrum.strength(h).min(spectrum.strength(v)) / spectrum.floor,
        half_window: 0.5 * spectrum.side as f64,
    }
}

struct Spectrum {
    side: usize,
    corner: [usize; 2],
    /// |F| at [row · side + column].
    magnitude: Vec<f64>,
    floor: f64,
    mean: f64,
}

impl Spectrum {
    fn of(image: &GrayImage, corner: [usize; 2], side: usize) -> Self {
        let width = image.width() as usize;
        let window: Vec<f64> = (0..side).map(|i| 0.5 - 0.5 * (TAU * (i as f64 + 0.5) / side as f64).cos()).collect();
        let at = |row: usize, column: usize| f64::from(image.as_raw()[(row + corner[1]) * width + column + corner[0]]);
        let (mut sum, mut total) = (0.0, 0.0);
        for row in 0..side {
            for column in 0..side {
                let weight = window[row] * window[column];
                sum += weight * at(row, column);
                total += weight;
            }
        }
        let mean = sum / total;
        let mut data: Vec<Complex<f64>> = (0..side * side)
            .map(|i| {
                let (row, column) = (i / side, i % side);
                Complex::new((at(row, column) - mean) * window[row] * window[column], 0.0)
            })
            .collect();
        let fft = FftPlanner::new().plan_fft_forward(side);
        fft.process(&mut data);
        let mut turned = transpose(&data, side);
        fft.process(&mut turned);
        let magnitude: Vec<f64> = transpose(&turned, side).iter().map(|c| c.norm()).collect();
        let floor = median(&mut magnitude.clone()).unwrap_or(0.0);
        Spectrum { side, corner, magnitude, floor: floor.max(1e-12), mean }
    }

    fn wrapped(&self, column: i64, row: i64) -> f64 {
        let side = self.side as i64;
        self.magnitude[(row.rem_euclid(side) * side + column.rem_euclid(side)) as usize]
    }

    /// Largest magnitude next to frequency `f`, cycles/px.
    fn strength(&self, f: Vector2<f64>) -> f64 {
        let (column, row) = ((f.x * self.side as f64).round() as i64, (f.y * self.side as f64).round() as i64);
        let near = (-1..=1).flat_map(|dr| (-1..=1).map(move |dc| (dc, dr)));
        near.map(|(dc, dr)| self.wrapped(column + dc, row + dr)).fold(0.0, f64::max)
    }

    /// Local maxima that stand out, strongest first, one of each pair ±f; cycles/px with parabolic interpolation.
    fn peaks(&self) -> Vec<(Vector2<f64>, f64)> {
        let half = self.side as i64 / 2;
        let mut peaks = Vec::new();
        for row in 0..half {
            for column in -half + 1..half {
                // Below two cycles in the window is illumination.
                if (row == 0 && column <= 0) || row * row + column * column < 9 {
                    continue;
                }
                let value = self.wrapped(column, row);
                let mut near = (-1..=1).flat_map(|dr| (-1..=1).map(move |dc| (dc, dr)));
                if value < MIN_PEAK_OVER_MEDIAN * self.floor
                    || near.any(|(dc, dr)| self.wrapped(column + dc, row + dr) > value)
                {
                    continue;
                }
                let vertex = |low: f64, high: f64| {
                    let bend = low - 2.0 * value + high;
                    if bend < 0.0 { 0.5 * (low - high) / bend } else { 0.0 }
                };
                let x = column as f64 + vertex(self.wrapped(column - 1, row), self.wrapped(column + 1, row));
                let y = row as f64 + vertex(self.wrapped(column, row - 1), self.wrapped(column, row + 1));
                peaks.push((Vector2::new(x, y) / self.side as f64, value));
            }
        }
        peaks.sort_by(|a, b| b.1.total_cmp(&a.1));
        peaks.truncate(24);
        peaks
    }

    /// The shortest two peaks that, with their sums and multiples, explain about all that stands out. Something else than
    /// lines (an origin mark, dirt) may well have strong low frequencies, but they explain little besides themselves. One
    /// that is a fraction of the lines' frequency explains what that explains. It is weaker, so the strongest two follow
    /// if they are others.
    fn fundamentals(&self) -> Vec<(Vector2<f64>, Vector2<f64>)> {
        let mut peaks = self.peaks();
        let strongest = peaks.first().map_or(0.0, |peak| peak.1);
        peaks.retain(|(_, value)| *value > 0.25 * strongest);
        peaks.sort_by(|a, b| a.0.norm_squared().total_cmp(&b.0.norm_squared()));
        let mut pairs = Vec::new();
        for (n, (first, a)) in peaks.iter().enumerate() {
            for (second, b) in &peaks[n + 1..] {
                if (first.perp(second) / (first.norm() * second.norm())).abs() > 0.5 {
                    pairs.push((explained(&peaks, *first, *second), a + b, (*first, *second)));
                }
            }
        }
        let most = pairs.iter().map(|pair| pair.0).fold(0.0, f64::max);
        pairs.retain(|pair| pair.0 > MIN_EXPLAINED_SHARE * most);
        let length = |(first, second): &(Vector2<f64>, Vector2<f64>)| first.norm_squared() + second.norm_squared();
        let shortest = pairs.iter().min_by(|a, b| length(&a.2).total_cmp(&length(&b.2)));
        let strongest = pairs.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let mut found: Vec<_> = [shortest, strongest].into_iter().flatten().map(|pair| pair.2).collect();
        found.dedup();
        found
    }

    /// Windowed transform at any frequency, phase referred to `centre`.
    fn transform_at(&self, image: &GrayImage, f: Vector2<f64>, centre: Vector2<f64>) -> (Complex<f64>, f64) {
        let width = image.width() as usize;
        let mut sum = Complex::new(0.0, 0.0);
        let mut total = 0.0;
        for row in 0..self.side {
            for column in 0..self.side {
                let (u, v) = (column + self.corner[0], row + self.corner[1]);
                let (x, y) = (u as f64 - centre.x, v as f64 - centre.y);
                // Narrower than the spectrum's window: where the grating is still straight.
                let reach = 0.25 * self.side as f64;
                if x.abs() >= reach || y.abs() >= reach {
                    continue;
                }
                let weight = (0.5 * PI * x / reach).cos().powi(2) * (0.5 * PI * y / reach).cos().powi(2);
                let value = f64::from(image.as_raw()[v * width + u]) - self.mean;
                sum += Complex::from_polar(weight * value, -TAU * (f.x * x + f.y * y));
                total += weight;
            }
        }
        (sum, total)
    }
}

/// Summed strength of the `peaks` that are sums of multiples of `first` and `second`.
fn explained(peaks: &[(Vector2<f64>, f64)], first: Vector2<f64>, second: Vector2<f64>) -> f64 {
    let area = first.perp(&second);
    let on_lattice = |f: &Vector2<f64>| {
        let multiples = [f.perp(&second) / area, first.perp(f) / area];
        multiples.iter().all(|x| (x - x.round()).abs() < OFF_LATTICE)
    };
    peaks.iter().filter(|(f, _)| on_lattice(f)).map(|(_, value)| value).sum()
}

fn transpose(data: &[Complex<f64>], side: usize) -> Vec<Complex<f64>> {
    (0..side * side).map(|i| data[(i % side) * side + i / side]).collect()
}
