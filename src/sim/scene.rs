//! A whole scene: renders images and projects points exactly.

use crate::camera::{Camera, Stereo};
use crate::sim::config::SceneConfig;
use crate::sim::error::SceneError;
use crate::sim::optics::sensor::{self, SensorImage};
use crate::sim::optics::view::View;
use crate::sim::sheet::print::Print;
use nalgebra::{Matrix3, Vector2, Vector3};
use rayon::prelude::*;

/// The printed grid, the light and the two cameras. Deterministic: the same config gives the same images.
pub struct Scene {
    config: SceneConfig,
    print: Print,
    views: Stereo<View>,
}

impl Scene {
    /// # Errors
    /// [`SceneError`] when a parameter is out of bounds or the lens folds over.
    pub fn new(config: SceneConfig) -> Result<Self, SceneError> {
        config.validate()?;
        let print = Print::new(&config.grid, config.seed);
        let (rig, lens, cameras) = (&config.rig, &config.lens, config.cameras.as_stereo());
        let views = Stereo {
            left: View::new(rig, lens, cameras.left, -1.0, config.grid.offset_mm)?,
            right: View::new(rig, lens, cameras.right, 1.0, config.grid.offset_mm)?,
        };
        Ok(Scene { config, print, views })
    }

    /// What it was made from.
    pub fn config(&self) -> &SceneConfig {
        &self.config
    }

    /// Pixel of a point in the robot frame of the tool, mm; `None` where the camera does not see it.
    pub fn project(&self, camera: Camera, point_in_robot_mm: Vector3<f64>) -> Option<Vector2<f64>> {
        self.views[camera].project(point_in_robot_mm)
    }

    /// Takes robot axes to the lines frame (see [`crate::sim`]); both have the same origin.
    pub fn lines_from_robot(&self) -> Matrix3<f64> {
        self.print.lines_from_robot()
    }

    /// Where each camera sees the grid's origin at h = 0, px.
    ///
    /// # Errors
    /// [`SceneError::OriginUnseen`].
    pub fn origin_px(&self) -> Result<Stereo<Vector2<f64>>, SceneError> {
        let see = |camera| self.project(camera, Vector3::zeros()).ok_or(SceneError::OriginUnseen { camera });
        Ok(Stereo { left: see(Camera::Left)?, right: see(Camera::Right)? })
    }

    /// The image that `camera` takes when the tool has moved by `displacement_mm` (robot axes) from h = 0.
    /// `exposure` chooses the noise.
    pub fn image(&self, camera: Camera, displacement_mm: Vector3<f64>, exposure: u64) -> SensorImage {
        let (width, height) = (self.config.rig.width as usize, self.config.rig.height as usize);
        let mut counts = vec![0; width * height];
        let side = if camera == Camera::Left { 0x11 } else { 0x22 };
        counts.par_chunks_mut(width).enumerate().for_each(|(v, row)| {
            let mut light = vec![0.0; width];
            self.light_row(camera, displacement_mm, v, &mut light);
            let stream = mix(mix(mix(self.config.seed, side), exposure), v as u64);
            sensor::expose(&self.config.sensor, &light, stream, row);
        });
        SensorImage {
            width: self.config.rig.width,
            height: self.config.rig.height,
            bit_depth: self.config.sensor.bit_depth,
            counts,
        }
    }

    /// Light on one row of pixels, 1 is the sensor's full scale, without noise.
    fn light_row(&self, camera: Camera, displacement_mm: Vector3<f64>, v: usize, light: &mut [f64]) {
        let SceneConfig { rig, light: lamp, sensor, .. } = &self.config;
        let view = &self.views[camera];
        let width = rig.width as usize;
        // The sheet stays, the cameras move.
        let centre = view.centre_mm + displacement_mm;
        let centre_on_paper = self.print.paper(centre);
        let centre_height = self.print.normal.dot(&centre);
        let defocus = sensor.defocus_px_per_mm * (displacement_mm.z - sensor.focus_height_mm);
        // A pixel's own area has the variance of a unit square, 1/12 a side.
        let blur = (sensor.blur_px * sensor.blur_px + defocus * defocus + 1.0 / 12.0).sqrt();
        let (half_width, half_height) = (0.5 * (f64::from(rig.width) - 1.0), 0.5 * (f64::from(rig.height) - 1.0));
        let per_corner2 = 1.0 / (half_width * half_width + half_height * half_height).max(1.0);
        let y = v as f64 - half_height;
        for (u, light) in light.iter_mut().enumerate() {
            let ray = &view.rays[v * width + u];
            let descent = self.print.normal.dot(&ray.direction);
            let x = u as f64 - half_width;
            let (mut ink, mut paper) = (0.0, lamp.paper);
            if descent < -1e-6 {
                let reach = -centre_height / descent;
                let slope = self.print.paper(ray.direction);
                let at = centre_on_paper + slope * reach;
                // d(at)/du = reach · (paper(d_u) − slope · n·d_u / n·d); the footprint's spread along s and t.
                let moved = |per: &Vector3<f64>| {
                    (self.print.paper(*per) - slope * (self.print.normal.dot(per) / descent)) * reach
                };
                let (per_u, per_v) = (moved(&ray.per_u), moved(&ray.per_v));
                let sigma = Vector2::new(
                    blur * (per_u.x * per_u.x + per_v.x * per_v.x).sqrt(),
                    blur * (per_u.y * per_u.y + per_v.y * per_v.y).sqrt(),
                );
                ink = self.print.ink(at, sigma);
                paper *= self.print.brightness(at);
            }
            let shade = (1.0 - lamp.fall_off * (x * x + y * y) * per_corner2)
                * (1.0 + lamp.gradient[0] * x / (2.0 * half_width) + lamp.gradient[1] * y / (2.0 * half_height));
            *light = shade.max(0.0) * (paper + (lamp.ink - paper) * ink);
            if lamp.glare > 0.0 {
                let spread = lamp.glare_radius * f64::from(rig.width);
                let dx = (x + half_width - lamp.glare_at[0] * f64::from(rig.width)) / spread;
                let dy = (y + half_height - lamp.glare_at[1] * f64::from(rig.height)) / spread;
                *light += lamp.glare * (-0.5 * (dx * dx + dy * dy)).exp();
            }
        }
    }
}

/// A good enough hash of two numbers, to give each row of each exposure its own noise.
fn mix(a: u64, b: u64) -> u64 {
    let mut x = a.rotate_left(29) ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> SceneConfig {
        let mut config = SceneConfig::default();
        config.sensor.shot_noise = 0.0;
        config.sensor.read_noise = 0.0;
        config.light.fall_off = 0.0;
        config
    }

    /// Renderer (pixel → paper) and projection (point → pixel) go opposite ways: lines must be where points project.
    #[test]
    fn intersections_are_dark_where_they_project() {
        let scene = Scene::new(quiet()).unwrap();
        let displacement = Vector3::new(0.0, 0.0, 7.0);
        for camera in Camera::BOTH {
            let image = scene.image(camera, displacement, 0);
            let at = |u: f64, v: f64| image.counts[v.round() as usize * 1280 + u.round() as usize];
            for (s, t) in [(0.0, 0.0), (4.4, -3.3), (-5.5, 2.2)] {
                let point = s * scene.print.along_s + t * scene.print.along_t;
                let intersection = scene.project(camera, point - displacement).unwrap();
                let paper = scene.project(camera, point + Vector3::new(0.55, 0.55, 0.0) - displacement).unwrap();
                assert!(at(intersection.x, intersection.y) < 60, "intersection at {intersection}");
                assert!(at(paper.x, paper.y) > 195, "paper at {paper}");
            }
        }
    }

    #[test]
    fn images_are_deterministic_and_exposures_differ_by_noise_only() {
        let mut config = SceneConfig::default();
        config.rig.width = 160;
        config.rig.height = 90;
        let scene = Scene::new(config).unwrap();
        let image = |exposure| scene.image(Camera::Left, Vector3::zeros(), exposure);
        assert_eq!(image(1), image(1));
        let (a, b) = (image(1), image(2));
        let differences = a.counts.iter().zip(&b.counts).map(|(a, b)| f64::from(*a) - f64::from(*b));
        let rms = (differences.map(|d| d * d).sum::<f64>() / a.counts.len() as f64).sqrt() / 255.0;
        // Two independent noises of about 1 %.
        assert!((0.009..0.018).contains(&rms), "{rms}");
    }
}
