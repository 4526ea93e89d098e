//! The messages that a calibration needs, from their bytes.

use crate::bag::cdr::{Cdr, CdrError};
use crate::folder::image_file::Counts;
use crate::pose::tool_pose::StampedPose;
use crate::pose::transforms::StampedTransform;
use crate::setting::Setting;
use nalgebra::Quaternion;

/// Why a message can't be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MessageError {
    /// The bytes are no message of the type.
    #[error(transparent)]
    Cdr(#[from] CdrError),
    /// The image's encoding can't be read.
    #[error(
        "encoding '{encoding}' can't be read from a bag: record mono8, mono16, rgb8, bgr8, rgba8 or bgra8; image_proc turns \
         Bayer patterns into them"
    )]
    Encoding {
        /// Its encoding.
        encoding: String,
    },
    /// The image has fewer bytes than its size needs.
    #[error("{width}×{height} px of '{encoding}' in rows of {step} bytes need {needed} bytes, the message has {found}")]
    Size {
        /// Width, px.
        width: u32,
        /// Height, px.
        height: u32,
        /// Encoding of the pixels.
        encoding: String,
        /// Bytes from one row to the next.
        step: usize,
        /// Bytes that are needed.
        needed: usize,
        /// Bytes that the message has.
        found: usize,
    },
    /// Its numbers are no pose.
    #[error(
        "its numbers are no pose: position ({x}, {y}, {z}) m, a quaternion of length {length}: leave that part out of {span}, \
         and let the robot's driver publish poses only when it knows them", span = Setting::TimeSpan
    )]
    Pose {
        /// Position along x, m.
        x: f64,
        /// Position along y, m.
        y: f64,
        /// Position along z, m.
        z: f64,
        /// Norm of the quaternion.
        length: f64,
    },
}

/// sensor_msgs/Image, its pixels borrowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Image<'a> {
    /// When it was taken, ns.
    pub stamp_ns: i64,
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
    /// How pixels are stored, as sensor_msgs names it.
    pub encoding: &'a str,
    /// Order of the bytes of 16-bit pixels.
    pub is_bigendian: bool,
    /// Bytes from one row to the next.
    pub step: u32,
    /// The pixels, row by row.
    pub data: &'a [u8],
}

/// Stamp and frame.
fn header<'a>(cdr: &mut Cdr<'a>) -> Result<(i64, &'a str), CdrError> {
    let (seconds, nanoseconds) = (cdr.i32()?, cdr.u32()?);
    Ok((i64::from(seconds) * 1_000_000_000 + i64::from(nanoseconds), cdr.text()?))
}

/// A position in m and a quaternion x, y, z, w.
fn pose(cdr: &mut Cdr, stamp_ns: i64) -> Result<StampedPose, MessageError> {
    let mut numbers = [0.0; 7];
    for number in &mut numbers {
        *number = cdr.f64()?;
    }
    let [x, y, z, qx, qy, qz, qw] = numbers;
    StampedPose::from_parts(stamp_ns, [x, y, z], [qx, qy, qz, qw]).ok_or_else(|| {
        let length = Quaternion::new(qw, qx, qy, qz).norm();
        MessageError::Pose { x, y, z, length }
    })
}

/// geometry_msgs/PoseStamped.
///
/// # Errors
/// [`MessageError`], as of all below.
pub fn pose_stamped(bytes: &[u8]) -> Result<StampedPose, MessageError> {
    let mut cdr = Cdr::new(bytes)?;
    let (stamp_ns, _) = header(&mut cdr)?;
    pose(&mut cdr, stamp_ns)
}

/// tf2_msgs/TFMessage.
pub fn transforms(bytes: &[u8]) -> Result<Vec<StampedTransform>, MessageError> {
    let mut cdr = Cdr::new(bytes)?;
    let count = cdr.u32()?;
    // Not reserved: a damaged count may be huge, the bytes end it.
    let mut transforms = Vec::new();
    for _ in 0..count {
        let (stamp_ns, parent) = header(&mut cdr)?;
        let child = cdr.text()?;
        let transform = pose(&mut cdr, stamp_ns)?;
        transforms.push(StampedTransform { parent: parent.into(), child: child.into(), transform });
    }
    Ok(transforms)
}

/// sensor_msgs/Image.
pub fn image(bytes: &[u8]) -> Result<Image<'_>, MessageError> {
    let mut cdr = Cdr::new(bytes)?;
    let (stamp_ns, _) = header(&mut cdr)?;
    let (height, width) = (cdr.u32()?, cdr.u32()?);
    let encoding = cdr.text()?;
    let (is_bigendian, step) = (cdr.u8()? != 0, cdr.u32()?);
    Ok(Image { stamp_ns, width, height, encoding, is_bigendian, step, data: cdr.bytes()? })
}

impl Image<'_> {
    /// Colours become their luminance, to the same count as OpenCV's.
    ///
    /// # Errors
    /// [`MessageError::Encoding`] or [`MessageError::Size`].
    pub fn gray(&self) -> Result<Counts, MessageError> {
        // Bytes a pixel, and which of them are red, green and blue.
        let (bytes_per_pixel, colours) = match self.encoding {
            "mono8" | "8UC1" => (1, None),
            "mono16" | "16UC1" => (2, None),
            "rgb8" => (3, Some([0, 1, 2])),
            "bgr8" | "8UC3" => (3, Some([2, 1, 0])),
            "rgba8" => (4, Some([0, 1, 2])),
            "bgra8" | "8UC4" => (4, Some([2, 1, 0])),
            other => return Err(MessageError::Encoding { encoding: other.into() }),
        };
        let (width, height) = (self.width, self.height);
        let row = (width as usize).saturating_mul(bytes_per_pixel);
        let step = (self.step as usize).max(row);
        let needed = (height as usize).saturating_sub(1).saturating_mul(step).saturating_add(row);
        if width == 0 || height == 0 || self.data.len() < needed {
            let (encoding, found) = (self.encoding.to_string(), self.data.len());
            return Err(MessageError::Size { width, height, encoding, step, needed, found });
        }
        let pixels = self.data.chunks(step).take(height as usize).flat_map(|line| line[..row].chunks(bytes_per_pixel));
        Ok(match (bytes_per_pixel, colours) {
            (2, _) => {
                let whole = if self.is_bigendian { u16::from_be_bytes } else { u16::from_le_bytes };
                Counts::U16(pixels.map(|pixel| whole([pixel[0], pixel[1]])).collect())
            }
            (_, Some([r, g, b])) => Counts::U8(pixels.map(|pixel| luminance([pixel[r], pixel[g], pixel[b]])).collect()),
            _ => Counts::U8(pixels.map(|pixel| pixel[0]).collect()),
        })
    }
}

/// ITU-R BT.601 in OpenCV's fixed point.
fn luminance(rgb: [u8; 3]) -> u8 {
    let [r, g, b] = rgb.map(u32::from);
    ((9798 * r + 19_235 * g + 3735 * b + (1 << 14)) >> 15) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(encoding: &'a str, step: u32, data: &'a [u8]) -> Image<'a> {
        Image { stamp_ns: 0, width: 2, height: 2, encoding, is_bigendian: false, step, data }
    }

    #[test]
    fn padding_is_dropped_and_sixteen_bits_are_read_either_way() {
        assert_eq!(of("mono8", 3, &[1, 2, 99, 3, 4]).gray(), Ok(Counts::U8(vec![1, 2, 3, 4])));
        let mut big = of("mono16", 4, &[1, 0, 2, 0, 3, 0, 4, 0]);
        assert_eq!(big.gray(), Ok(Counts::U16(vec![1, 2, 3, 4])));
        big.is_bigendian = true;
        assert_eq!(big.gray(), Ok(Counts::U16(vec![256, 512, 768, 1024])));
    }

    /// The values that the node's tests know from OpenCV.
    #[test]
    fn colours_become_their_luminance() {
        let data = [255, 0, 0].repeat(4);
        assert_eq!(of("rgb8", 6, &data).gray(), Ok(Counts::U8(vec![76; 4])));
        assert_eq!(of("bgr8", 6, &data).gray(), Ok(Counts::U8(vec![29; 4])));
        assert_eq!(of("rgba8", 8, &[255; 16]).gray(), Ok(Counts::U8(vec![255; 4])));
    }

    #[test]
    fn short_data_and_unknown_encodings_are_named() {
        let short = of("mono8", 2, &[1, 2, 3]).gray().unwrap_err().to_string();
        assert!(short.contains("need 4 bytes, the message has 3"), "{short}");
        let unknown = of("bayer_rggb8", 2, &[0; 4]).gray().unwrap_err().to_string();
        assert!(unknown.contains("bayer_rggb8") && unknown.contains("image_proc"), "{unknown}");
        let huge = Image { width: u32::MAX, height: u32::MAX, ..of("mono16", u32::MAX, &[0; 4]) };
        assert!(matches!(huge.gray(), Err(MessageError::Size { .. })));
    }
}
