//! From light to counts: shot and read noise, gamma, saturation, quantisation.

use crate::GrayImage;
use crate::folder::image_file::{Counts, RawImage};
use crate::sim::config::SensorConfig;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use rand_distr::StandardNormal;

/// An image as the sensor gives it: grey counts of 8 or 16 bits, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct SensorImage {
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
    /// 8 or 16.
    pub bit_depth: u8,
    /// Row-major.
    pub counts: Vec<u16>,
}

impl SensorImage {
    /// The largest count.
    pub fn full_scale(&self) -> u16 {
        if self.bit_depth == 8 { u16::from(u8::MAX) } else { u16::MAX }
    }

    /// Brightness in 0 … 1.
    pub fn to_gray(&self) -> GrayImage {
        self.raw(&self.as_stored()).to_gray()
    }

    /// Bytes of the image rows, little-endian for 16 bits.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self.bit_depth {
            8 => self.counts.iter().map(|&count| count as u8).collect(),
            _ => self.counts.iter().flat_map(|count| count.to_le_bytes()).collect(),
        }
    }

    /// Writes a PNG of the same bit depth.
    ///
    /// # Errors
    /// Those of the file system and the encoder.
    pub fn save_png(&self, path: &std::path::Path) -> Result<(), image::ImageError> {
        Ok(std::fs::write(path, self.raw(&self.as_stored()).to_png()?)?)
    }

    /// The counts at their bit depth.
    fn as_stored(&self) -> Counts {
        if self.bit_depth == 8 { Counts::U8(self.to_bytes()) } else { Counts::U16(self.counts.clone()) }
    }

    fn raw<'a>(&self, counts: &'a Counts) -> RawImage<'a> {
        RawImage { width: self.width, height: self.height, counts }
    }
}

/// Turns one row of light (1 is full scale) into counts. The same `stream` gives the same noise.
pub fn expose(config: &SensorConfig, light: &[f64], stream: u64, counts: &mut [u16]) {
    let full_scale = if config.bit_depth == 8 { f64::from(u8::MAX) } else { f64::from(u16::MAX) };
    let mut rng = SmallRng::seed_from_u64(stream);
    let read_variance = config.read_noise * config.read_noise;
    let shot_variance = config.shot_noise * config.shot_noise;
    let per_gamma = 1.0 / config.gamma;
    for (count, &light) in counts.iter_mut().zip(light) {
        let sigma = (read_variance + shot_variance * light.max(0.0)).sqrt();
        let mut value = (light + sigma * rng.sample::<f64, _>(StandardNormal)).clamp(0.0, 1.0);
        if config.gamma != 1.0 {
            value = value.powf(per_gamma);
        }
        *count = (value * full_scale + 0.5) as u16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_stated_size() {
        let config = SensorConfig { shot_noise: 0.02, read_noise: 0.01, bit_depth: 16, ..SensorConfig::default() };
        let light = vec![0.25; 40_000];
        let mut counts = vec![0; light.len()];
        expose(&config, &light, 5, &mut counts);
        let values: Vec<f64> = counts.iter().map(|&c| f64::from(c) / 65_535.0).collect();
        let mean = values.iter().sum::<f64>() / 40_000.0;
        let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 40_000.0;
        assert!((mean - 0.25).abs() < 4e-4);
        let expected = 0.01_f64 * 0.01 + 0.02 * 0.02 * 0.25;
        assert!((variance / expected - 1.0).abs() < 0.04, "{variance} instead of {expected}");
    }
}
