//! Every parameter of a scene, with its unit, default and bounds.
//!
//! Serialised as YAML (`scene.yaml`); every field may be left out and then has its default.

use crate::camera::Stereo;
use crate::parameters::accept;
use crate::sim::error::SceneError;
use crate::sim::sheet::mark::pattern_tells;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A whole scene. `SceneConfig::default()` is the standard cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SceneConfig {
    /// The two cameras, as far as they are alike.
    pub rig: RigConfig,
    /// The lenses.
    pub lens: LensConfig,
    /// In what each camera differs from the symmetric arrangement of the rig.
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RigConfig {
    /// Width of the images (px).
    #[schemars(range(min = 16, max = 8192))]
    pub width: u32,
    /// Height of the images (px).
    #[schemars(range(min = 16, max = 8192))]
    pub height: u32,
    /// Distance between the two optical centres (mm).
    #[schemars(range(min = 0.0, max = 1e4))]
    pub baseline_mm: f64,
    /// Height of the optical centres above the grid at h = 0 (mm).
    #[schemars(range(min = 0.1, max = 1e4))]
    pub height_mm: f64,
    /// Rotation of each camera inwards, about the robot's y axis (°).
    #[schemars(range(min = -60.0, max = 60.0))]
    pub toe_in_deg: f64,
    /// Rotation of the left camera about its optical axis; the right one is rotated by as much the other way (°).
    #[schemars(range(min = -180.0, max = 180.0))]
    pub roll_deg: f64,
}

impl Default for RigConfig {
    fn default() -> Self {
        RigConfig { width: 1280, height: 720, baseline_mm: 12.0, height_mm: 30.0, toe_in_deg: 11.0, roll_deg: 1.5 }
    }
}

/// The lens of both cameras: Brown's model, plus a smooth part that no Brown model holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LensConfig {
    /// Horizontal field of view of the undistorted lens (°).
    #[schemars(range(min = 5.0, max = 120.0))]
    pub field_deg: f64,
    /// First radial coefficient of Brown's model, of r² = x² + y² with x, y the tangents of the field angles (1).
    #[schemars(range(min = -10.0, max = 10.0))]
    pub k1: f64,
    /// Second radial coefficient of Brown's model, of r² = x² + y² with x, y the tangents of the field angles (1).
    #[schemars(range(min = -10.0, max = 10.0))]
    pub k2: f64,
    /// Third radial coefficient of Brown's model, of r² = x² + y² with x, y the tangents of the field angles (1).
    #[schemars(range(min = -10.0, max = 10.0))]
    pub k3: f64,
    /// First tangential coefficient of Brown's model (1).
    #[schemars(range(min = -10.0, max = 10.0))]
    pub p1: f64,
    /// Second tangential coefficient of Brown's model (1).
    #[schemars(range(min = -10.0, max = 10.0))]
    pub p2: f64,
    /// Amplitude of the smooth part that no Brown model holds, in u and in v (px).
    #[schemars(range(min = 0.0, max = 20.0))]
    pub freeform_px: f64,
}

impl Default for LensConfig {
    fn default() -> Self {
        LensConfig { field_deg: 51.0, k1: -0.18, k2: 0.06, k3: 0.0, p1: 0.0006, p2: -0.0004, freeform_px: 0.5 }
    }
}

/// Both cameras' own settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CamerasConfig {
    /// The left camera.
    pub left: CameraConfig,
    /// The right camera.
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

/// In what one camera differs from the rig.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CameraConfig {
    /// Displacement of the optical centre along the robot's axes (mm).
    #[schemars(inner(range(min = -1e4, max = 1e4)))]
    pub shift_mm: [f64; 3],
    /// Further rotation about the optical axis; 90 and 180 are possible (°).
    #[schemars(range(min = -360.0, max = 360.0))]
    pub turn_deg: f64,
    /// Rotation about the robot's x axis (°).
    #[schemars(range(min = -60.0, max = 60.0))]
    pub tilt_deg: f64,
    /// Principal point minus image centre (px).
    #[schemars(inner(range(min = -2000.0, max = 2000.0)))]
    pub centre_px: [f64; 2],
    /// Phase of the smooth lens part; two lenses with different phases are not twins (rad).
    #[schemars(range(min = -100.0, max = 100.0))]
    pub freeform_phase_rad: f64,
}

/// What is printed on the sheet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Target {
    /// Lines of ink in both directions.
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GridConfig {
    /// Distance between neighbouring lines as designed (mm).
    #[schemars(range(min = 0.05, max = 100.0))]
    pub pitch_mm: f64,
    /// Width of a line, less than 0.95 pitches (mm).
    #[schemars(range(min = 0.0, max = 95.0))]
    pub line_mm: f64,
    /// Rotation of the grid about the robot's z axis (°).
    #[schemars(range(min = -180.0, max = 180.0))]
    pub rotation_deg: f64,
    /// Origin intersection from the point under the middle between the cameras, along the robot's x and y (mm).
    #[schemars(inner(range(min = -1e3, max = 1e3)))]
    pub offset_mm: [f64; 2],
    /// Deviation of the angle between the two sets of lines from 90° (°).
    #[schemars(range(min = -10.0, max = 10.0))]
    pub skew_deg: f64,
    /// Tilt of the sheet against the robot's x–y plane, about x and about y; the robot's z axis then is not the grid's normal (°).
    #[schemars(inner(range(min = -30.0, max = 30.0)))]
    pub tilt_deg: [f64; 2],
    /// Width and length of the printed area, centred on the origin intersection, 1 … 4000 pitches (mm).
    #[schemars(inner(range(min = 0.05, max = 4e5)))]
    pub size_mm: [f64; 2],
    /// What is printed.
    pub target: Target,
    /// What marks the origin.
    pub mark: OriginMark,
    /// Errors of the printer.
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

/// What marks the origin intersection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum OriginMark {
    /// Nothing.
    #[default]
    None,
    /// The cell between lines 0 and 1 of both sets is filled with ink.
    Cell,
    /// A dot of ink.
    Dot {
        /// Its centre in paper coordinates, mm.
        centre_mm: [f64; 2],
        /// Its diameter, mm.
        diameter_mm: f64,
    },
    /// Dots half a pitch wide in cells around it tell origin, axes and pitch, a whole number of hundredths of a millimetre up
    /// to 20.47.
    Pattern,
}

/// What the printer did wrong. All zero: a perfect print.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PrintErrors {
    /// Relative error of the pitch along s and along t; 0.01: lines 1 % too far apart (1).
    #[schemars(inner(range(min = -0.2, max = 0.2)))]
    pub scale: [f64; 2],
    /// Amplitude of a smooth warp, at most 0.45 pitches (mm).
    #[schemars(range(min = 0.0, max = 45.0))]
    pub warp_mm: f64,
    /// Length scale of that warp (mm).
    #[schemars(range(min = 5.0, max = 1e5))]
    pub warp_length_mm: f64,
    /// Standard deviation of each line's displacement, at most 0.1 pitches; the two lines of the origin intersection stay (mm).
    #[schemars(range(min = 0.0, max = 10.0))]
    pub jitter_mm: f64,
    /// Relative standard deviation of the paper's brightness: fibres, specks, toner (1).
    #[schemars(range(min = 0.0, max = 0.2))]
    pub texture: f64,
}

impl Default for PrintErrors {
    fn default() -> Self {
        PrintErrors { scale: [0.0, 0.0], warp_mm: 0.0, warp_length_mm: 60.0, jitter_mm: 0.0, texture: 0.0 }
    }
}

/// Brightness of paper, ink and lamp; 1 is the sensor's full scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LightConfig {
    /// Brightness of bare paper in the image centre (1).
    #[schemars(range(min = 0.0, max = 4.0))]
    pub paper: f64,
    /// Brightness of ink in the image centre, at most that of the paper (1).
    #[schemars(range(min = 0.0, max = 4.0))]
    pub ink: f64,
    /// Loss of light from the image centre to its corners (1).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub fall_off: f64,
    /// Relative change of light over the image's width and height (1).
    #[schemars(inner(range(min = -1.0, max = 1.0)))]
    pub gradient: [f64; 2],
    /// Peak brightness that the lamp's reflection adds; 0: none. It stays at its pixel as the tool moves (1).
    #[schemars(range(min = 0.0, max = 10.0))]
    pub glare: f64,
    /// Place of the reflection, in image widths and heights (1).
    #[schemars(inner(range(min = -1.0, max = 2.0)))]
    pub glare_at: [f64; 2],
    /// Standard deviation of the reflection, in image widths (1).
    #[schemars(range(min = 1e-3, max = 10.0))]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SensorConfig {
    /// Standard deviation of the Gaussian blur in focus, besides the pixel's own area (px).
    #[schemars(range(min = 0.0, max = 50.0))]
    pub blur_px: f64,
    /// Growth of the blur away from the height of best focus; adds in squares (px/mm).
    #[schemars(range(min = 0.0, max = 10.0))]
    pub defocus_px_per_mm: f64,
    /// Height h of best focus (mm).
    #[schemars(range(min = -1e3, max = 1e3))]
    pub focus_height_mm: f64,
    /// Standard deviation of the shot noise at full scale, growing with the root of the signal, as a share of full scale (1).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub shot_noise: f64,
    /// Standard deviation of the read noise, as a share of full scale (1).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub read_noise: f64,
    /// Exponent of the sensor: output = light^(1/gamma); 1: a linear camera (1).
    #[schemars(range(min = 0.2, max = 5.0))]
    pub gamma: f64,
    /// Bits of a pixel.
    #[schemars(extend("enum" = [8, 16]))]
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
    /// Checks every bound: those of single fields, as the fields say, and those that depend on other fields.
    ///
    /// # Errors
    /// [`SceneError`] with the first field that breaks its bound, its value and the bound.
    pub fn validate(&self) -> Result<(), SceneError> {
        accept::validate(self)?;
        let SceneConfig { grid, light, .. } = self;
        let (pitch_mm, print) = (grid.pitch_mm, &grid.print);
        within("grid.line_mm", grid.line_mm, 0.0, 0.95 * pitch_mm)?;
        for size_mm in grid.size_mm {
            within("grid.size_mm", size_mm, pitch_mm, 4000.0 * pitch_mm)?;
        }
        if let OriginMark::Dot { centre_mm, diameter_mm } = grid.mark {
            within("grid.mark.centre_mm", centre_mm[0].abs().max(centre_mm[1].abs()), 0.0, 1e3)?;
            within("grid.mark.diameter_mm", diameter_mm, 0.01, 1e3)?;
        }
        if grid.mark == OriginMark::Pattern && !pattern_tells(pitch_mm) {
            return Err(SceneError::Parameter {
                name: "grid.pitch_mm".into(),
                value: pitch_mm,
                bound: "whole hundredths up to 20.47, for grid.mark pattern".into(),
            });
        }
        if let Target::Chessboard { side_mm, squares } = grid.target {
            within("grid.target.side_mm", side_mm, 0.05, 100.0)?;
            for count in squares {
                within("grid.target.squares", count.into(), 2.0, 200.0)?;
            }
        }
        within("grid.print.warp_mm", print.warp_mm, 0.0, 0.45 * pitch_mm)?;
        within("grid.print.jitter_mm", print.jitter_mm, 0.0, 0.1 * pitch_mm)?;
        within("light.ink", light.ink, 0.0, light.paper)
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
