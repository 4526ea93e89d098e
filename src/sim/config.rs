//! Every parameter of a scene, with its unit, default and bounds.
//!
//! Serialised as YAML (`scene.yaml`); every field may be left out and then has its default.

use crate::camera::Stereo;
use crate::sim::error::SceneError;
use crate::sim::sheet::mark::pattern_tells;
use serde::{Deserialize, Serialize};

/// A whole scene. `SceneConfig::default()` is the standard cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SceneConfig {
    /// The two cameras, as far as they are alike.
    pub rig: RigConfig,
    /// The lenses.
    pub lens: LensConfig,
    /// Wherein each camera differs from the rig's symmetric arrangement.
    pub cameras: CamerasConfig,
    /// The printed sheet.
    pub grid: GridConfig,
    /// The lamp.
    pub light: LightConfig,
    /// Focus, noise and quantisation.
    pub sensor: SensorConfig,
    /// Every random number of the scene follows from this one.
    pub seed: u64,
}

/// Where the two cameras are: side by side, looking down and towards each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RigConfig {
    /// Width of the images, px, 16 … 8192.
    pub width: u32,
    /// Height of the images, px, 16 … 8192.
    pub height: u32,
    /// Distance between the two optical centres, mm.
    pub baseline_mm: f64,
    /// Height of the optical centres above the grid at h = 0, mm, > 0.
    pub height_mm: f64,
    /// Each camera is turned inwards by this much about the robot's y axis, degrees.
    pub toe_in_deg: f64,
    /// The left camera is turned by +roll, the right one by −roll about its optical axis, degrees.
    pub roll_deg: f64,
}

impl Default for RigConfig {
    fn default() -> Self {
        RigConfig { width: 1280, height: 720, baseline_mm: 12.0, height_mm: 30.0, toe_in_deg: 11.0, roll_deg: 1.5 }
    }
}

/// The lens of both cameras: Brown's model, plus a smooth part that no Brown model holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LensConfig {
    /// Horizontal field of view of the undistorted lens, degrees, 5 … 120.
    pub field_deg: f64,
    /// Brown's radial coefficients, of r² = x² + y² with x, y the tangents of the field angles.
    pub k1: f64,
    pub k2: f64,
    pub k3: f64,
    /// Brown's tangential coefficients.
    pub p1: f64,
    pub p2: f64,
    /// Amplitude of the smooth part that no Brown model holds, px in u and in v.
    pub freeform_px: f64,
}

impl Default for LensConfig {
    fn default() -> Self {
        LensConfig { field_deg: 51.0, k1: -0.18, k2: 0.06, k3: 0.0, p1: 0.0006, p2: -0.0004, freeform_px: 0.5 }
    }
}

/// Both cameras' own settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CamerasConfig {
    pub left: CameraConfig,
    pub right: CameraConfig,
}

impl Default for CamerasConfig {
    fn default() -> Self {
        CamerasConfig {
            left: CameraConfig { centre_px: [6.3, -4.1], freeform_phase_rad: 0.0, ..CameraConfig::default() },
            right: CameraConfig { centre_px: [-5.2, 3.7], freeform_phase_rad: 1.1, ..CameraConfig::default() },
        }
    }
}

impl CamerasConfig {
    /// The same as a value for each camera.
    pub fn as_stereo(&self) -> Stereo<&CameraConfig> {
        Stereo { left: &self.left, right: &self.right }
    }
}

/// Wherein one camera differs from the rig.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CameraConfig {
    /// Moves the optical centre, mm along the robot's axes.
    pub shift_mm: [f64; 3],
    /// Turns the camera further about its optical axis, degrees; 90 and 180 are allowed.
    pub turn_deg: f64,
    /// Tilts the camera about the robot's x axis, degrees.
    pub tilt_deg: f64,
    /// Principal point minus the image centre, px.
    pub centre_px: [f64; 2],
    /// Shifts the pattern of the smooth lens part, rad, so that the two lenses are not twins.
    pub freeform_phase_rad: f64,
}

/// What is printed on the sheet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Target {
    /// Lines of ink in both directions, `pitch_mm` apart.
    #[default]
    Lines,
    /// Squares of ink and paper in turn, white around them: what other calibrations want to see.
    /// The origin is the inner corner in the middle; printer's errors move the edges as they would move lines.
    Chessboard {
        /// Of a square, mm.
        side_mm: f64,
        /// Number of squares along s and along t, 2 … 200.
        squares: [u32; 2],
    },
}

/// The printed sheet and how it lies on the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GridConfig {
    /// Distance between neighbouring lines as designed, mm.
    pub pitch_mm: f64,
    /// Width of a line, mm, less than the pitch.
    pub line_mm: f64,
    /// The grid is turned by this much about the robot's z axis, degrees.
    pub rotation_deg: f64,
    /// Origin crossing relative to the point under the middle between the cameras, mm along the robot's x and y.
    pub offset_mm: [f64; 2],
    /// Deviation of the angle between the two sets of lines from 90°, degrees.
    pub skew_deg: f64,
    /// Tilt of the sheet against the robot's x–y plane, turning about x and about y, degrees.
    /// The robot's z axis then is not the grid's normal.
    pub tilt_deg: [f64; 2],
    /// Width and length of the printed area, centred on the origin crossing, mm.
    pub size_mm: [f64; 2],
    /// What is printed.
    pub target: Target,
    /// What marks the origin.
    pub mark: OriginMark,
    /// What the printer did wrong.
    pub print: PrintErrors,
}

impl Default for GridConfig {
    fn default() -> Self {
        GridConfig {
            pitch_mm: 1.1,
            line_mm: 0.2,
            rotation_deg: 0.25,
            offset_mm: [0.37, -0.23],
            skew_deg: 0.0,
            tilt_deg: [0.0, 0.0],
            size_mm: [190.0, 270.0],
            target: Target::Lines,
            mark: OriginMark::None,
            print: PrintErrors::default(),
        }
    }
}

/// What marks the origin crossing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum OriginMark {
    #[default]
    None,
    /// The cell between lines 0 and 1 of both sets is filled with ink.
    Cell,
    /// A dot of ink.
    Dot {
        /// Its centre in paper coordinates, mm.
        centre_mm: [f64; 2],
        diameter_mm: f64,
    },
    /// Dots half a pitch wide in cells around it that tell origin, axes and pitch ([`crate::sim::sheet::mark`]); the pitch must be
    /// a whole number of hundredths of a millimetre, up to 20.47.
    Pattern,
}

/// What the printer did wrong. All zero: a perfect print.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrintErrors {
    /// Relative error of the pitch along s and along t; 0.01: lines 1 % too far apart.
    pub scale: [f64; 2],
    /// Amplitude of a smooth warp of the print, mm.
    pub warp_mm: f64,
    /// Length scale of that warp, mm.
    pub warp_length_mm: f64,
    /// Standard deviation of each line's own displacement, mm. The two lines of the origin crossing stay.
    pub jitter_mm: f64,
    /// Standard deviation of the paper's brightness from place to place, as a share of it: fibres, specks, toner.
    pub texture: f64,
}

impl Default for PrintErrors {
    fn default() -> Self {
        PrintErrors { scale: [0.0, 0.0], warp_mm: 0.0, warp_length_mm: 60.0, jitter_mm: 0.0, texture: 0.0 }
    }
}

/// Brightness of paper, ink and lamp; 1 is the sensor's full scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LightConfig {
    /// Brightness of bare paper in the image centre.
    pub paper: f64,
    /// Brightness of ink in the image centre, less than that of the paper.
    pub ink: f64,
    /// Loss of light from the image centre to its corners, 0 … 1.
    pub fall_off: f64,
    /// Change of light over the image's width and height, as a fraction.
    pub gradient: [f64; 2],
    /// Reflection of the lamp: peak brightness added; 0 turns it off. It stays at its pixel as the tool moves.
    pub glare: f64,
    /// Its place in the image as fractions of width and height.
    pub glare_at: [f64; 2],
    /// Its radius (standard deviation) as a fraction of the image's width, > 0.
    pub glare_radius: f64,
}

impl Default for LightConfig {
    fn default() -> Self {
        LightConfig {
            paper: 0.80,
            ink: 0.12,
            fall_off: 0.25,
            gradient: [0.0, 0.0],
            glare: 0.0,
            glare_at: [0.62, 0.4],
            glare_radius: 0.06,
        }
    }
}

/// From light to numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SensorConfig {
    /// Standard deviation of the Gaussian blur in focus, px. The pixel's own area comes on top.
    pub blur_px: f64,
    /// Growth of the blur away from the height of best focus, px/mm; adds in squares.
    pub defocus_px_per_mm: f64,
    /// Height of best focus, mm of h.
    pub focus_height_mm: f64,
    /// Standard deviation of the shot noise at full scale, as a fraction of it; goes with the root of the signal.
    pub shot_noise: f64,
    /// Standard deviation of the read noise, as a fraction of full scale.
    pub read_noise: f64,
    /// Output = light^(1/gamma); 1: a linear camera.
    pub gamma: f64,
    /// 8 or 16.
    pub bit_depth: u8,
}

impl Default for SensorConfig {
    fn default() -> Self {
        SensorConfig {
            blur_px: 0.9,
            defocus_px_per_mm: 0.0,
            focus_height_mm: 0.0,
            shot_noise: 0.008,
            read_noise: 0.006,
            gamma: 1.0,
            bit_depth: 8,
        }
    }
}

impl SceneConfig {
    /// Checks every bound.
    ///
    /// # Errors
    /// [`SceneError::Parameter`] with the first parameter that breaks its bound, its value and the bound.
    pub fn validate(&self) -> Result<(), SceneError> {
        let SceneConfig { rig, lens, grid, light, sensor, .. } = self;
        let print = &grid.print;
        within("rig.width", rig.width.into(), 16.0, 8192.0)?;
        within("rig.height", rig.height.into(), 16.0, 8192.0)?;
        within("rig.baseline_mm", rig.baseline_mm, 0.0, 1e4)?;
        within("rig.height_mm", rig.height_mm, 0.1, 1e4)?;
        within("rig.toe_in_deg", rig.toe_in_deg, -60.0, 60.0)?;
        within("rig.roll_deg", rig.roll_deg, -180.0, 180.0)?;
        within("lens.field_deg", lens.field_deg, 5.0, 120.0)?;
        for (name, value) in [("k1", lens.k1), ("k2", lens.k2), ("k3", lens.k3), ("p1", lens.p1), ("p2", lens.p2)] {
            within(&format!("lens.{name}"), value, -10.0, 10.0)?;
        }
        within("lens.freeform_px", lens.freeform_px, 0.0, 20.0)?;
        for (side, camera) in [("left", &self.cameras.left), ("right", &self.cameras.right)] {
            let name = |field: &str| format!("cameras.{side}.{field}");
            for shift in camera.shift_mm {
                within(&name("shift_mm"), shift, -1e4, 1e4)?;
            }
            within(&name("turn_deg"), camera.turn_deg, -360.0, 360.0)?;
            within(&name("tilt_deg"), camera.tilt_deg, -60.0, 60.0)?;
            for centre in camera.centre_px {
                within(&name("centre_px"), centre, -2000.0, 2000.0)?;
            }
            within(&name("freeform_phase_rad"), camera.freeform_phase_rad, -100.0, 100.0)?;
        }
        within("grid.pitch_mm", grid.pitch_mm, 0.05, 100.0)?;
        within("grid.line_mm", grid.line_mm, 0.0, 0.95 * grid.pitch_mm)?;
        within("grid.rotation_deg", grid.rotation_deg, -180.0, 180.0)?;
        within("grid.skew_deg", grid.skew_deg, -10.0, 10.0)?;
        for index in 0..2 {
            within("grid.offset_mm", grid.offset_mm[index], -1e3, 1e3)?;
            within("grid.tilt_deg", grid.tilt_deg[index], -30.0, 30.0)?;
            within("grid.size_mm", grid.size_mm[index], grid.pitch_mm, 4000.0 * grid.pitch_mm)?;
            within("grid.print.scale", print.scale[index], -0.2, 0.2)?;
            within("light.gradient", light.gradient[index], -1.0, 1.0)?;
            within("light.glare_at", light.glare_at[index], -1.0, 2.0)?;
        }
        if let OriginMark::Dot { centre_mm, diameter_mm } = grid.mark {
            within("grid.mark.centre_mm", centre_mm[0].abs().max(centre_mm[1].abs()), 0.0, 1e3)?;
            within("grid.mark.diameter_mm", diameter_mm, 0.01, 1e3)?;
        }
        if grid.mark == OriginMark::Pattern && !pattern_tells(grid.pitch_mm) {
            return Err(SceneError::Parameter {
                name: "grid.pitch_mm".into(),
                value: grid.pitch_mm,
                bound: "whole hundredths up to 20.47, for grid.mark pattern".into(),
            });
        }
        if let Target::Chessboard { side_mm, squares } = grid.target {
            within("grid.target.side_mm", side_mm, 0.05, 100.0)?;
            for count in squares {
                within("grid.target.squares", count.into(), 2.0, 200.0)?;
            }
        }
        within("grid.print.warp_mm", print.warp_mm, 0.0, 0.45 * grid.pitch_mm)?;
        within("grid.print.warp_length_mm", print.warp_length_mm, 5.0, 1e5)?;
        within("grid.print.jitter_mm", print.jitter_mm, 0.0, 0.1 * grid.pitch_mm)?;
        within("grid.print.texture", print.texture, 0.0, 0.2)?;
        within("light.paper", light.paper, 0.0, 4.0)?;
        within("light.ink", light.ink, 0.0, light.paper)?;
        within("light.fall_off", light.fall_off, 0.0, 1.0)?;
        within("light.glare", light.glare, 0.0, 10.0)?;
        within("light.glare_radius", light.glare_radius, 1e-3, 10.0)?;
        within("sensor.blur_px", sensor.blur_px, 0.0, 50.0)?;
        within("sensor.defocus_px_per_mm", sensor.defocus_px_per_mm, 0.0, 10.0)?;
        within("sensor.focus_height_mm", sensor.focus_height_mm, -1e3, 1e3)?;
        within("sensor.shot_noise", sensor.shot_noise, 0.0, 1.0)?;
        within("sensor.read_noise", sensor.read_noise, 0.0, 1.0)?;
        within("sensor.gamma", sensor.gamma, 0.2, 5.0)?;
        if ![8, 16].contains(&sensor.bit_depth) {
            return Err(SceneError::Parameter {
                name: "sensor.bit_depth".into(),
                value: sensor.bit_depth.into(),
                bound: "8 or 16".into(),
            });
        }
        Ok(())
    }
}

fn within(name: &str, value: f64, low: f64, high: f64) -> Result<(), SceneError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(SceneError::Parameter { name: name.into(), value, bound: format!("{low} … {high}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_survives_yaml_and_an_empty_file_is_the_standard_cell() {
        let mut config = SceneConfig { seed: 7, ..SceneConfig::default() };
        config.grid.mark = OriginMark::Dot { centre_mm: [0.5, 0.4], diameter_mm: 0.5 };
        let yaml = serde_yaml::to_string(&config).unwrap();
        assert_eq!(serde_yaml::from_str::<SceneConfig>(&yaml).unwrap(), config);
        assert_eq!(serde_yaml::from_str::<SceneConfig>("{}").unwrap(), SceneConfig::default());
    }

    #[test]
    fn misspelt_and_impossible_parameters_are_named() {
        let misspelt = serde_yaml::from_str::<SceneConfig>("rig: {hight_mm: 30}").unwrap_err().to_string();
        assert!(misspelt.contains("hight_mm"), "{misspelt}");
        let mut config = SceneConfig::default();
        config.grid.line_mm = 1.2;
        assert!(config.validate().unwrap_err().to_string().contains("grid.line_mm"));
        config.grid.line_mm = f64::NAN;
        assert!(config.validate().is_err());
    }
}
