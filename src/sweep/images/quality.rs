//! Is an image good enough to calibrate from? Contrast, noise, saturation, sharpness and the size of the grid in it.

use crate::GrayImage;
use crate::camera::Camera;
use crate::grating::fit::refine::GratingFit;
use crate::grating::phase_field::PhaseField;
use crate::sweep::images::line_profile::look;
use nalgebra::Vector2;
use std::f64::consts::TAU;

/// What an image of the grid is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageQuality {
    /// Difference between paper and line where they are neighbours, of full scale.
    pub contrast: f64,
    /// Standard deviation of a pixel's noise, of full scale.
    pub noise: f64,
    /// Share of pixels at full scale.
    pub saturated: f64,
    /// Width of a line's edge: contrast over the steepest slope, px.
    pub edge_px: f64,
    /// Distance between neighbouring lines in the image's centre, px.
    pub pitch_px: f64,
}

/// What is wrong with an image.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum QualityError {
    /// Lines hardly differ from the paper.
    #[error(
        "{camera} image: contrast is {:.0} % of full scale, at least {:.0} % are needed: more light, longer exposure, \
         better print", 100.0 * .contrast, 100.0 * MIN_CONTRAST
    )]
    Contrast {
        /// The camera.
        camera: Camera,
        /// Difference between paper and line, of full scale.
        contrast: f64,
    },
    /// Noise hides the lines.
    #[error(
        "{camera} image: pixels are noisy by {:.1} %, contrast is {:.1} % of full scale, at least {MIN_OVER_NOISE} times \
         the noise is needed: more light, less gain", 100.0 * .noise, 100.0 * .contrast
    )]
    Noise {
        /// The camera.
        camera: Camera,
        /// Difference between paper and line, of full scale.
        contrast: f64,
        /// Standard deviation of a pixel, of full scale.
        noise: f64,
    },
    /// Too much light.
    #[error(
        "{camera} image: {:.0} % of the pixels are saturated, at most {:.0} % may be: less light, shorter exposure, no \
         reflections", 100.0 * .share, 100.0 * MAX_SATURATED_SHARE
    )]
    Saturated {
        /// The camera.
        camera: Camera,
        /// Share of pixels at full scale.
        share: f64,
    },
    /// The lines are blurred.
    #[error(
        "{camera} image: the lines' edges are {edge_px:.1} px wide at {pitch_px:.1} px between lines: focus the camera on \
         the sheet"
    )]
    Focus {
        /// The camera.
        camera: Camera,
        /// Width of a line's edge, px.
        edge_px: f64,
        /// Distance between neighbouring lines, px.
        pitch_px: f64,
    },
    /// The lines are too near to each other, or too far apart.
    #[error(
        "{camera} image: lines are {pitch_px:.1} px apart, {MIN_PITCH_PX} px to {most_px:.0} px are possible: is this \
         the grid, at the right distance?"
    )]
    Pitch {
        /// The camera.
        camera: Camera,
        /// Distance between neighbouring lines, px.
        pitch_px: f64,
        /// Largest possible distance, px.
        most_px: f64,
    },
}

/// Five steps of 8 bits, or a third of the range of a 12-bit camera that fills 16 bits from below.
const MIN_CONTRAST: f64 = 0.02;
/// Contrast over the noise of a pixel.
const MIN_OVER_NOISE: f64 = 5.0;
/// Share of the pixels; glare saturates a tenth and leaves enough.
const MAX_SATURATED_SHARE: f64 = 0.3;
/// Width of a line's edge, pitches. Good images have 0.1, and 0.22 can just be calibrated from. A sine, which is what strong
/// blur leaves, has 0.32.
const MAX_EDGE_PITCHES: f64 = 0.25;
/// Pitch in the image's centre, px: the fit needs some pixels on every line.
const MIN_PITCH_PX: f64 = 6.0;
/// At least so many lines across the shorter side.
const MIN_LINES: f64 = 4.0;

impl ImageQuality {
    /// Measures a fitted image.
    pub fn of(image: &GrayImage, fit: &GratingFit) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let pixels = image.as_raw();
        let saturated = pixels.iter().filter(|&&x| x >= 0.999).count() as f64 / pixels.len().max(1) as f64;
        let centre = Vector2::new(0.5 * width as f64, 0.5 * height as f64);
        let turn = |step: Vector2<f64>| (fit.parameters.phases(centre + step) - fit.parameters.phases(centre)) / TAU;
        let (by_u, by_v) = (turn(Vector2::x()), turn(Vector2::y()));
        let lines_per_px2 = (by_u.x * by_v.y - by_u.y * by_v.x).abs();
        let pitch_px = 1.0 / lines_per_px2.sqrt();
        // Where no line shows its whole profile there is nothing to calibrate from.
        let (contrast, noise, edge) =
            look(image, &fit.parameters).map_or((f64::NAN, f64::NAN, f64::NAN), |l| (l.contrast, l.noise, l.edge));
        ImageQuality { contrast, noise, saturated, edge_px: edge * pitch_px, pitch_px }
    }

    /// Everything that is wrong.
    pub fn errors(&self, camera: Camera, image: &GrayImage) -> Vec<QualityError> {
        let ImageQuality { contrast, noise, saturated: share, edge_px, pitch_px } = *self;
        let most_px = f64::from(image.width().min(image.height())) / MIN_LINES;
        let checks = [
            (contrast >= MIN_CONTRAST, QualityError::Contrast { camera, contrast }),
            (contrast >= MIN_OVER_NOISE * noise, QualityError::Noise { camera, contrast, noise }),
            (share <= MAX_SATURATED_SHARE, QualityError::Saturated { camera, share }),
            (edge_px <= MAX_EDGE_PITCHES * pitch_px, QualityError::Focus { camera, edge_px, pitch_px }),
            (pitch_px >= MIN_PITCH_PX && pitch_px <= most_px, QualityError::Pitch { camera, pitch_px, most_px }),
        ];
        checks.into_iter().filter(|(good, _)| !good).map(|(_, error)| error).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grating::fit::refine::{FitOptions, fit_cold};
    use crate::sim::config::SceneConfig;
    use crate::sim::preset::Preset;
    use crate::sim::scene::Scene;
    use nalgebra::Vector3;

    fn seen(config: SceneConfig, height_mm: f64) -> (ImageQuality, Vec<QualityError>) {
        let image = Scene::new(config).unwrap().image(Camera::Left, Vector3::z() * height_mm, 0).to_gray();
        let fit = fit_cold(&image, &FitOptions::default()).unwrap();
        let quality = ImageQuality::of(&image, &fit);
        (quality, quality.errors(Camera::Left, &image))
    }

    /// The small cell of all tests.
    fn half(change: impl Fn(&mut SceneConfig)) -> (ImageQuality, Vec<QualityError>) {
        let mut config = serde_yaml::from_str(include_str!("../../../tests/common/small_cell.yaml")).unwrap();
        change(&mut config);
        seen(config, 0.0)
    }

    fn noise(config: &mut SceneConfig, share: f64) {
        (config.sensor.read_noise, config.sensor.shot_noise) = (share, 0.0);
    }

    #[test]
    fn images_that_can_be_calibrated_from_pass() {
        for (preset, height_mm) in [
            (Preset::Narrow, 0.0),
            (Preset::Noisy, 0.0),
            (Preset::Defocus, 20.0),
            (Preset::Glare, 0.0),
            (Preset::Laser, 0.0),
        ] {
            let (quality, errors) = seen(preset.config(), height_mm);
            assert_eq!(errors, [], "{preset:?}: {quality:?}");
        }
        let dim = half(|config| (config.light.paper, config.light.ink) = (0.1, 0.02));
        assert_eq!(dim.1, [], "{:?}", dim.0);
    }

    #[test]
    fn focus_is_judged_alike_whatever_noise_light_and_glare() {
        type Change = fn(&mut SceneConfig);
        let disturbed: [(&str, Change); 4] = [
            ("nothing", |_| {}),
            ("noise", |config| noise(config, 0.04)),
            ("fall-off", |config| config.light.fall_off = 0.8),
            ("glare", |config| (config.light.glare, config.light.gradient) = (1.2, [0.3, -0.15])),
        ];
        for (what, disturb) in disturbed {
            let edge = |blur_px: f64| {
                half(|config| {
                    config.sensor.blur_px = blur_px;
                    disturb(config);
                })
            };
            for (blur_px, wanted) in [(2.0, true), (5.0, false)] {
                let (quality, errors) = edge(blur_px);
                let is_sharp = !errors.iter().any(|error| matches!(error, QualityError::Focus { .. }));
                assert_eq!(is_sharp, wanted, "{what}, blur {blur_px} px: {quality:?}");
            }
        }
    }

    #[test]
    fn each_fault_is_named_alone() {
        let faint = half(|config| {
            // Light that falls off by more than that is no contrast.
            (config.light.paper, config.light.ink, config.light.fall_off) = (0.2, 0.182, 0.15);
            noise(config, 0.0005);
        });
        assert!(matches!(faint.1[..], [QualityError::Contrast { .. }]), "{faint:?}");
        let noisy = half(|config| {
            (config.light.paper, config.light.ink, config.light.fall_off) = (0.4, 0.2, 0.0);
            noise(config, 0.05);
        });
        assert!(matches!(noisy.1[..], [QualityError::Noise { .. }]), "{noisy:?}");
        let bright = half(|config| (config.light.paper, config.light.fall_off) = (2.0, 0.0));
        assert!(matches!(bright.1[..], [QualityError::Saturated { .. }]), "{bright:?}");
    }
}
