//! Named scenes.

use crate::sim::config::{OriginMark, SceneConfig};

/// A named scene to start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// The standard cell: k1 = −0.18, k2 = 0.06, perfect print, 1 % noise.
    #[default]
    Standard,
    /// No lens distortion.
    Mild,
    /// Strong distortion: k1 = −0.35, k2 = 0.15.
    Strong,
    /// A long lens (24°) further away.
    Narrow,
    /// 2560×1440, 16 bits.
    Highres,
    /// Four times the noise, half the contrast.
    Noisy,
    /// Blur grows by 0.15 px a millimetre of height.
    Defocus,
    /// The lamp mirrors in the paper, uneven light.
    Glare,
    /// What a laser printer does: 1 % scale error, warp, jitter, speckled paper; sheet and axis tilted by 0.15°.
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
                config.lens.k1 = 0.0;
                config.lens.k2 = 0.0;
                config.lens.p1 = 0.0;
                config.lens.p2 = 0.0;
                config.lens.freeform_px = 0.0;
            }
            Preset::Strong => {
                config.lens.k1 = -0.35;
                config.lens.k2 = 0.15;
            }
            Preset::Narrow => {
                config.lens.field_deg = 24.0;
                config.lens.k1 = -0.3;
                config.lens.k2 = 0.2;
                config.rig.height_mm = 70.0;
                config.rig.toe_in_deg = 4.9;
            }
            Preset::Highres => {
                config.rig.width = 2560;
                config.rig.height = 1440;
                config.sensor.bit_depth = 16;
                config.sensor.blur_px = 1.3;
            }
            Preset::Noisy => {
                config.sensor.shot_noise *= 4.0;
                config.sensor.read_noise *= 4.0;
                config.light.paper = 0.5;
                config.light.ink = 0.16;
            }
            Preset::Defocus => {
                config.sensor.defocus_px_per_mm = 0.15;
            }
            Preset::Glare => {
                config.light.glare = 0.9;
                config.light.gradient = [0.3, -0.15];
            }
            Preset::Laser => {
                config.grid.print.scale = [0.010, 0.004];
                config.grid.print.warp_mm = 0.02;
                config.grid.print.jitter_mm = 0.002;
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
