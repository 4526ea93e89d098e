//! Whether a calibration that was read can be one.

use crate::mapping::calibration::{Calibration, CameraCalibration};
use crate::mapping::checks::finding;
use crate::statistics::{exceeds, falls_short};
use crate::validation::{ValidationError, finite};

/// Pitches and heights beyond these are in other units, mm.
const MAX_PITCH_MM: f64 = 1e3;
/// A quaternion's length may be off by this: it was rounded.
const QUATERNION_TOLERANCE: f64 = 1e-3;
/// Sides of images, px: smaller ones show no grid, larger ones no camera has.
const IMAGE_SIDE_PX: std::ops::RangeInclusive<u32> = 16..=65_536;
/// Residuals beyond this are no camera's, px.
const MAX_RESIDUAL_PX: f64 = 1e4;

impl Calibration {
    /// Checks every number that answers depend on.
    ///
    /// # Errors
    /// [`ValidationError`] with the first impossible field.
    pub fn validate(&self) -> Result<(), ValidationError> {
        let impossible =
            |field: &str, value: f64| Err(ValidationError::new(field, format!("is {value}, which is impossible")));
        if falls_short(self.pitch_mm, f64::MIN_POSITIVE) || exceeds(self.pitch_mm, MAX_PITCH_MM) {
            return impossible("pitch_mm", self.pitch_mm);
        }
        finite("height_range_mm", &self.height_range_mm)?;
        if self.height_range_mm[0] >= self.height_range_mm[1] {
            return impossible("height_range_mm", self.height_range_mm[0]);
        }
        if let Some(quaternion) = self.tool_rotation {
            let norm = quaternion.iter().map(|x| x * x).sum::<f64>().sqrt();
            if exceeds((norm - 1.0).abs(), QUATERNION_TOLERANCE) {
                return impossible("tool_rotation", norm);
            }
        }
        if let Some(reference_mm) = &self.reference_mm {
            finite("reference_mm", reference_mm)?;
        }
        if self.heights < 2 {
            return impossible("heights", self.heights as f64);
        }
        if self.usable != finding::verdict(&self.findings).0 {
            return Err(ValidationError::new("usable", format!("is {} against the findings of checks", self.usable)));
        }
        self.volume.validate().map_err(|error| error.within("volume"))?;
        if let Some(uncertainty) = &self.uncertainty {
            uncertainty.validate().map_err(|error| error.within("uncertainty"))?;
        }
        self.left.validate().map_err(|error| error.within("left"))?;
        self.right.validate().map_err(|error| error.within("right"))
    }
}

impl CameraCalibration {
    fn validate(&self) -> Result<(), ValidationError> {
        let [width, height] = self.image_size;
        if !IMAGE_SIDE_PX.contains(&width) || !IMAGE_SIDE_PX.contains(&height) {
            return Err(ValidationError::new("image_size", format!("is {width}×{height} px, which is impossible")));
        }
        for (field, value) in [
            ("residual_rms_px", self.residual_rms_px),
            ("cross_validation_rms_px", self.cross_validation_rms_px),
            ("systematic_rms_px", self.systematic_rms_px),
        ] {
            if !(0.0..MAX_RESIDUAL_PX).contains(&value) {
                return Err(ValidationError::new(field, format!("is {value}, which is impossible")));
            }
        }
        for axis in 0..2 {
            let (low, high) = (self.pixel_min[axis], self.pixel_max[axis]);
            let is_range = low < high && low >= -0.5 && high <= f64::from(self.image_size[axis]) - 0.5;
            if !is_range {
                let problem = format!("are {low} … {high} px, which is no range within the image");
                return Err(ValidationError::new("pixel_min, pixel_max", problem));
            }
        }
        self.model.validate().map_err(|error| error.within("model"))?;
        match &self.standard {
            Some(standard) => standard.validate().map_err(|error| error.within("standard")),
            None => Ok(()),
        }
    }
}
