//! Named scenes.

use crate::sim::config::{OriginMark, SceneConfig};

/// A named scene to start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[derive(strum::Display, strum::EnumMessage, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Preset {
    /// The standard cell: 51°, k1 = −0.18, k2 = 0.06, perfect print, 1 % noise.
    #[default]
    Standard,
    /// A mild lens that Brown's model holds to the last digit: k1 = −0.05, k2 = 0.01.
    Mild,
    /// Strong distortion: k1 = −0.35, k2 = 0.15, and four times the tangential part.
    Strong,
    /// A long lens (15°) 80 mm away; the cameras stand further apart, so that their axes still cross at about 19°.
    Narrow,
    /// 2448×2048, 16 bits.
    Highres,
    /// Three times the noise: 3 % of full scale.
    Noisy,
    /// Blur grows by 0.15 px a millimetre of height.
    Defocus,
    /// The lamp mirrors in the paper and saturates it over 10 % of the image; uneven light.
    Glare,
    /// What a laser printer does: 1 % scale error, 20 µm warp, 5 µm jitter, speckled paper; sheet and axis tilted by 0.15°.
    Laser,
    /// Cameras turned by 180° and 90°, an origin mark.
    Turned,
}

impl Preset {
    /// The scene of that name.
    pub fn config(self) -> SceneConfig {
        let mut config = SceneConfig::default();
        match self {
            Preset::Standard => {}
            Preset::Mild => {
                config.lens.k1 = -0.05;
                config.lens.k2 = 0.01;
                config.lens.freeform_px = 0.0;
            }
            Preset::Strong => {
                config.lens.k1 = -0.35;
                config.lens.k2 = 0.15;
                config.lens.p1 *= 4.0;
                config.lens.p2 *= 4.0;
            }
            Preset::Narrow => {
                config.lens.field_deg = 15.0;
                config.lens.k1 = -0.3;
                config.lens.k2 = 0.2;
                config.rig.height_mm = 80.0;
                config.rig.baseline_mm = 30.0;
                config.rig.toe_in_deg = 9.5;
            }
            Preset::Highres => {
                config.rig.width = 2448;
                config.rig.height = 2048;
                config.sensor.bit_depth = 16;
                config.sensor.blur_px = 1.3;
            }
            Preset::Noisy => {
                config.sensor.shot_noise *= 3.0;
                config.sensor.read_noise *= 3.0;
            }
            Preset::Defocus => {
                config.sensor.defocus_px_per_mm = 0.15;
            }
            Preset::Glare => {
                config.light.glare = 1.2;
                config.light.glare_radius = 0.075;
                // Off the origin, which a person would not choose behind glare.
                config.light.glare_at = [0.75, 0.35];
                config.light.gradient = [0.3, -0.15];
            }
            Preset::Laser => {
                config.grid.print.scale = [0.010, 0.004];
                config.grid.print.warp_mm = 0.02;
                config.grid.print.jitter_mm = 0.005;
                config.grid.print.texture = 0.01;
                config.grid.tilt_deg = [0.1, -0.11];
            }
            Preset::Turned => {
                config.cameras.left.turn_deg = 180.0;
                config.cameras.right.turn_deg = 90.0;
                config.grid.mark = OriginMark::Pattern;
            }
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::Camera;
    use crate::sim::scene::Scene;
    use nalgebra::Vector3;

    /// Share of the pixels of an image without noise for which `is` holds, given their counts in two scenes.
    fn share(scenes: [SceneConfig; 2], is: impl Fn(u16, u16) -> bool) -> f64 {
        let [a, b] = scenes.map(|mut config| {
            (config.sensor.shot_noise, config.sensor.read_noise) = (0.0, 0.0);
            // Paper only.
            config.grid.line_mm = 0.0;
            Scene::new(config).unwrap().image(Camera::Left, Vector3::zeros(), 0).counts
        });
        a.iter().zip(&b).filter(|(a, b)| is(**a, **b)).count() as f64 / a.len() as f64
    }

    #[test]
    fn glare_saturates_a_tenth_of_the_image() {
        let mut without = Preset::Glare.config();
        without.light.glare = 0.0;
        let saturated = share([Preset::Glare.config(), without], |with, without| with == 255 && without < 255);
        assert!((0.09..0.12).contains(&saturated), "{saturated}");
    }

    #[test]
    fn every_preset_is_a_scene_whose_origin_both_cameras_see() {
        for preset in <Preset as strum::VariantArray>::VARIANTS {
            let scene = Scene::new(preset.config()).unwrap();
            assert!(scene.origin_px().is_ok(), "{preset:?}");
        }
    }
}
