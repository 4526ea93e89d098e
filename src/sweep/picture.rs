//! Is a picture good enough to calibrate from? Contrast, saturation, sharpness and the size of the grid in it.

use crate::GrayImage;
use crate::camera::Camera;
use crate::grating::refine::GratingFit;
use crate::lattice::intersections::PhaseField;
use nalgebra::Vector2;
use std::f64::consts::TAU;

/// What a picture of the grid is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Picture {
    /// Difference of bright and dark (5th and 95th percentile), of full scale.
    pub contrast: f64,
    /// Share of pixels at full scale.
    pub saturated: f64,
    /// Width of a line's edge: contrast over the steepest slopes, px.
    pub edge_px: f64,
    /// Distance between neighbouring lines in the image's centre, px.
    pub pitch_px: f64,
}

/// What is wrong with a picture.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum PictureError {
    #[error(
        "{camera} image: contrast is {:.0} % of full scale, at least {:.0} % are needed: more light, longer exposure, \
         better print", 100.0 * .contrast, 100.0 * LEAST_CONTRAST
    )]
    Contrast { camera: Camera, contrast: f64 },
    #[error(
        "{camera} image: {:.0} % of the pixels are saturated, at most {:.0} % may be: less light, shorter exposure, no \
         reflections", 100.0 * .share, 100.0 * MOST_SATURATED
    )]
    Saturated { camera: Camera, share: f64 },
    #[error(
        "{camera} image: the lines' edges are {edge_px:.1} px wide at {pitch_px:.1} px between lines: focus the camera on \
         the sheet"
    )]
    Focus { camera: Camera, edge_px: f64, pitch_px: f64 },
    #[error(
        "{camera} image: lines are {pitch_px:.1} px apart, {LEAST_PITCH_PX} px to {most_px:.0} px are possible: is this \
         the grid, at the right distance?"
    )]
    Pitch { camera: Camera, pitch_px: f64, most_px: f64 },
}

const LEAST_CONTRAST: f64 = 0.04;
const MOST_SATURATED: f64 = 0.3;
/// Edges of two crossing sines, which is a grid beyond recognition, are 0.3 of the period wide, and noise makes them look
/// narrower; lines of a good picture have 0.1.
const WIDEST_EDGE: f64 = 0.25;
const LEAST_PITCH_PX: f64 = 6.0;
/// At least so many lines across the shorter side.
const LEAST_LINES: f64 = 4.0;

impl Picture {
    pub fn of(image: &GrayImage, fit: &GratingFit) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let pixels = image.as_raw();
        let mut levels: Vec<f32> = pixels.iter().step_by(7).copied().collect();
        let level = percentiles(&mut levels, [0.05, 0.95]);
        let contrast = f64::from(level[1] - level[0]);
        let saturated = pixels.iter().filter(|&&x| x >= 0.999).count() as f64 / pixels.len().max(1) as f64;
        let mut slopes = Vec::new();
        for v in (1..height.saturating_sub(1)).step_by(3) {
            for u in (1..width.saturating_sub(1)).step_by(2) {
                let i = v * width + u;
                let (by_u, by_v) = (pixels[i + 1] - pixels[i - 1], pixels[i + width] - pixels[i - width]);
                slopes.push(0.5 * by_u.hypot(by_v));
            }
        }
        let steepest = f64::from(percentiles(&mut slopes, [0.0, 0.99])[1]);
        let centre = Vector2::new(0.5 * width as f64, 0.5 * height as f64);
        let turn = |step: Vector2<f64>| (fit.parameters.phases(centre + step) - fit.parameters.phases(centre)) / TAU;
        let (by_u, by_v) = (turn(Vector2::x()), turn(Vector2::y()));
        let lines_per_px2 = (by_u.x * by_v.y - by_u.y * by_v.x).abs();
        Picture { contrast, saturated, edge_px: contrast / steepest, pitch_px: 1.0 / lines_per_px2.sqrt() }
    }

    /// Everything that is wrong.
    pub fn errors(&self, camera: Camera, image: &GrayImage) -> Vec<PictureError> {
        let Picture { contrast, saturated: share, edge_px, pitch_px } = *self;
        let most_px = f64::from(image.width().min(image.height())) / LEAST_LINES;
        // Written so that NaN is an error.
        let checks = [
            (contrast >= LEAST_CONTRAST, PictureError::Contrast { camera, contrast }),
            (share <= MOST_SATURATED, PictureError::Saturated { camera, share }),
            (edge_px <= WIDEST_EDGE * pitch_px, PictureError::Focus { camera, edge_px, pitch_px }),
            (pitch_px >= LEAST_PITCH_PX && pitch_px <= most_px, PictureError::Pitch { camera, pitch_px, most_px }),
        ];
        checks.into_iter().filter(|(good, _)| !good).map(|(_, error)| error).collect()
    }
}

/// Values below which the given shares lie; zeros when there are none.
fn percentiles(values: &mut [f32], shares: [f64; 2]) -> [f32; 2] {
    values.sort_unstable_by(f32::total_cmp);
    let last = values.len().saturating_sub(1) as f64;
    shares.map(|share| values.get((share * last) as usize).copied().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grating::refine::{FitOptions, fit_cold};
    use crate::sim::{Scene, SceneConfig};
    use nalgebra::Vector3;

    fn judged(change: impl Fn(&mut SceneConfig)) -> Vec<PictureError> {
        let mut config = SceneConfig::default();
        (config.rig.width, config.rig.height) = (640, 360);
        change(&mut config);
        let picture = Scene::new(config).unwrap().picture(Camera::Left, Vector3::zeros(), 0);
        let image = crate::gray_from_u8(picture.width, picture.height, &picture.to_bytes()).unwrap();
        let fit = fit_cold(&image, &FitOptions::default()).unwrap();
        Picture::of(&image, &fit).errors(Camera::Left, &image)
    }

    #[test]
    fn a_good_picture_passes_and_each_fault_is_named() {
        assert_eq!(judged(|_| {}), []);
        let blurred = judged(|config| config.sensor.blur_px = 7.0);
        assert!(matches!(blurred[..], [PictureError::Focus { .. }]), "{blurred:?}");
        let faint = judged(|config| {
            // Even light: what falls off towards the corners counts as contrast.
            (config.light.paper, config.light.ink, config.light.fall_off) = (0.2, 0.18, 0.0);
            (config.sensor.read_noise, config.sensor.shot_noise) = (0.0005, 0.0005);
        });
        assert!(matches!(faint[..], [PictureError::Contrast { .. }]), "{faint:?}");
        let bright = judged(|config| (config.light.paper, config.light.fall_off) = (2.0, 0.0));
        assert!(matches!(bright[..], [PictureError::Saturated { .. }]), "{bright:?}");
    }
}
