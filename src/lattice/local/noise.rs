//! How noisy the pixels of an image are, told by the image itself.

use super::window::CLIPPED;
use crate::grating::backend::Pixels;
use crate::statistics::{falls_short, spread};
use std::f64::consts::{PI, TAU};

/// Least noise of a pixel: 8 bits round to ± half a step, 1/255/√12.
const MIN_NOISE: f64 = 1.1e-3;

/// Variance of a pixel of brightness I: dark + shot · I.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise {
    pub(super) dark: f64,
    pub(super) shot: f64,
}

/// A line's core, and where neither line is felt; distance from the line's centre, rad.
const CORE_RAD: f32 = 0.25;
const PAPER_RAD: f32 = 2.3;
/// 1.5 · 2⁵²: f64 of this size are whole numbers.
const TO_WHOLE: f64 = 6_755_399_441_055_744.0;

impl Noise {
    /// From fourth differences along u where little but noise changes along u: on bare paper, and on the core of lines that
    /// run along u. Where these run otherwise, the noise of paper holds for ink too. Clipped pixels have none.
    pub(super) fn of(pixels: &mut dyn Pixels) -> Self {
        let [width, height] = [pixels.image().width() as usize, pixels.image().height() as usize];
        let from_line = |phase: f32| {
            let turns = (f64::from(phase) - 1.5 * PI) / TAU;
            // Without a call: to the nearest whole number, and back.
            let whole = (turns + TO_WHOLE) - TO_WHOLE;
            ((turns - whole) * TAU).abs() as f32
        };
        // [ink, paper]: fourth differences, and the brightness there.
        let mut bends: [Vec<f64>; 2] = Default::default();
        let mut sums = [0.0; 2];
        for v in (0..height).step_by(3) {
            let (image, [phase_h, phase_v]) = pixels.phases_along(v);
            for u in (2..width.saturating_sub(2)).step_by(3) {
                if from_line(phase_v[u]) < PAPER_RAD {
                    continue;
                }
                let (here, next) = (from_line(phase_h[u]), from_line(phase_h[u + 1]));
                let class = match here {
                    _ if here > PAPER_RAD => 1,
                    _ if here < CORE_RAD && (next - here).abs() < 0.02 => 0,
                    _ => continue,
                };
                let Some(&[a, b, c, d, e]) = image[u - 2..].first_chunk() else { continue };
                if [a, b, c, d, e].iter().any(|level| *level >= CLIPPED) {
                    continue;
                }
                bends[class].push(f64::from(a - 4.0 * b + 6.0 * c - 4.0 * d + e));
                sums[class] += f64::from(c);
            }
        }
        // The fourth difference of white noise has √70 its σ.
        let variance = |bends: &Vec<f64>| spread(bends.iter().copied()).powi(2) / 70.0;
        let counts = bends.each_ref().map(|bends| bends.len());
        let [ink, paper] = bends.each_ref().map(variance).map(|v| v.max(MIN_NOISE * MIN_NOISE));
        let levels = [sums[0] / counts[0].max(1) as f64, sums[1] / counts[1].max(1) as f64];
        let flat = Noise { dark: paper, shot: 0.0 };
        if counts[0] < 100 || falls_short(levels[1] - levels[0], 0.02) {
            return flat;
        }
        let shot = ((paper - ink) / (levels[1] - levels[0])).clamp(0.0, paper / levels[1]);
        Noise { dark: paper - shot * levels[1], shot }
    }

    /// That of a level y = (I − offset) / gain.
    pub(super) fn of_level(self, gain: f64, offset: f64) -> Self {
        Noise { dark: (self.dark + self.shot * offset).max(0.0) / (gain * gain), shot: self.shot / gain }
    }
}
