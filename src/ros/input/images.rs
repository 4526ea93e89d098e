//! sensor_msgs/Image → brightness; OpenCV for colour and Bayer patterns.

use crate::GrayImage;
use crate::folder::image_file::{Counts, RawImage};
use crate::ros::nanoseconds;
use crate::sweep::images::pairing::Stamped;
use crate::sweep::images::still_pair::CameraImage;
use opencv::core::{Mat, MatTraitConst, MatTraitConstManual};
use opencv::imgproc;
use r2r::sensor_msgs::msg::Image;
use std::sync::Arc;

/// A grey image with its stamp.
#[derive(Clone, Debug, PartialEq)]
pub struct StampedImage {
    /// When it was exposed, as the camera's driver says.
    pub stamp_ns: i64,
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
    /// CRC-32 of the message's data, to know it again.
    pub crc: u32,
    /// Brightness, row by row.
    pub counts: Counts,
}

impl Stamped for Arc<StampedImage> {
    fn stamp_ns(&self) -> i64 {
        self.stamp_ns
    }
}

impl CameraImage for Arc<StampedImage> {
    fn checksum(&self) -> u32 {
        self.crc
    }

    fn to_gray(&self) -> GrayImage {
        StampedImage::to_gray(self)
    }
}

/// Why a message is no image.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ImageError {
    /// The encoding is not known.
    #[error(
        "encoding '{encoding}' is not supported: publish mono8, mono16, rgb8, bgr8, rgba8, bgra8 or a bayer_* of 8 bits"
    )]
    Encoding {
        /// The encoding.
        encoding: String,
    },
    /// The data are too short, or there are no pixels.
    #[error(
        "{width}×{height} px of {bytes_per_pixel} bytes in rows of {step} bytes need {needed} bytes, the message has {found}: \
         does the camera's driver set width, height, step and encoding of what it sends?"
    )]
    Size {
        /// Width, px.
        width: u32,
        /// Height, px.
        height: u32,
        /// Of the encoding.
        bytes_per_pixel: usize,
        /// Bytes of a row.
        step: usize,
        /// Bytes that the image needs.
        needed: usize,
        /// Bytes of the message.
        found: usize,
    },
    /// The colours could not be converted.
    #[error("OpenCV: {message}")]
    OpenCv {
        /// OpenCV's own.
        message: String,
    },
}

/// How an encoding is stored, and OpenCV's code that makes it grey.
enum Layout {
    Mono8,
    Mono16,
    Colour { channels: i32, code: i32 },
}

fn layout(encoding: &str) -> Option<Layout> {
    let colour = |channels, code| Some(Layout::Colour { channels, code });
    // OpenCV names Bayer patterns by the second row, ROS by the first.
    match encoding {
        "mono8" | "8UC1" => Some(Layout::Mono8),
        "mono16" | "16UC1" => Some(Layout::Mono16),
        "rgb8" => colour(3, imgproc::COLOR_RGB2GRAY),
        "bgr8" | "8UC3" => colour(3, imgproc::COLOR_BGR2GRAY),
        "rgba8" => colour(4, imgproc::COLOR_RGBA2GRAY),
        "bgra8" | "8UC4" => colour(4, imgproc::COLOR_BGRA2GRAY),
        "bayer_rggb8" => colour(1, imgproc::COLOR_BayerBG2GRAY),
        "bayer_bggr8" => colour(1, imgproc::COLOR_BayerRG2GRAY),
        "bayer_gbrg8" => colour(1, imgproc::COLOR_BayerGR2GRAY),
        "bayer_grbg8" => colour(1, imgproc::COLOR_BayerGB2GRAY),
        _ => None,
    }
}

impl StampedImage {
    /// The brightness in a message.
    ///
    /// # Errors
    /// [`ImageError`] when the encoding is unknown or the data too short.
    pub fn from_message(message: Image) -> Result<Self, ImageError> {
        let unknown = || ImageError::Encoding { encoding: message.encoding.clone() };
        let layout = layout(&message.encoding).ok_or_else(unknown)?;
        let bytes_per_pixel = match layout {
            Layout::Mono8 => 1,
            Layout::Mono16 => 2,
            Layout::Colour { channels, .. } => channels as usize,
        };
        let (width, height) = (message.width, message.height);
        let row = (width as usize).saturating_mul(bytes_per_pixel);
        let step = (message.step as usize).max(row);
        let needed = (height as usize).saturating_sub(1).saturating_mul(step).saturating_add(row);
        if width == 0 || height == 0 || message.data.len() < needed {
            let found = message.data.len();
            return Err(ImageError::Size { width, height, bytes_per_pixel, step, needed, found });
        }
        let stamp_ns = nanoseconds(&message.header.stamp);
        let crc = crc32fast::hash(&message.data);
        let bytes = if step == row && message.data.len() == needed {
            message.data
        } else {
            message.data.chunks(step).take(height as usize).flat_map(|line| &line[..row]).copied().collect()
        };
        let counts = match layout {
            Layout::Mono8 => Counts::U8(bytes),
            Layout::Mono16 => {
                let whole = if message.is_bigendian != 0 { u16::from_be_bytes } else { u16::from_le_bytes };
                Counts::U16(bytes.chunks_exact(2).map(|pair| whole([pair[0], pair[1]])).collect())
            }
            Layout::Colour { channels, code } => Counts::U8(to_gray(&bytes, height, channels, code)?),
        };
        Ok(StampedImage { stamp_ns, width, height, crc, counts })
    }

    /// Size of the counts.
    pub fn bytes(&self) -> u64 {
        match &self.counts {
            Counts::U8(counts) => counts.len() as u64,
            Counts::U16(counts) => 2 * counts.len() as u64,
        }
    }

    /// Without its stamp.
    pub fn raw(&self) -> RawImage<'_> {
        RawImage { width: self.width, height: self.height, counts: &self.counts }
    }

    /// Brightness in 0 … 1.
    pub fn to_gray(&self) -> GrayImage {
        self.raw().to_gray()
    }
}

fn to_gray(bytes: &[u8], height: u32, channels: i32, code: i32) -> Result<Vec<u8>, ImageError> {
    let failed = |error: opencv::Error| ImageError::OpenCv { message: error.message };
    let flat = Mat::from_slice(bytes).map_err(failed)?;
    let colour = flat.reshape(channels, height as i32).map_err(failed)?;
    let mut gray = Mat::default();
    imgproc::cvt_color_def(&colour, &mut gray, code).map_err(failed)?;
    gray.data_bytes().map(<[u8]>::to_vec).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(encoding: &str, step: u32, data: Vec<u8>) -> Image {
        Image { width: 2, height: 2, encoding: encoding.into(), step, data, ..Image::default() }
    }

    #[test]
    fn padding_is_dropped_and_sixteen_bits_are_read_either_way() {
        let image = StampedImage::from_message(message("mono8", 3, vec![1, 2, 99, 3, 4, 99])).unwrap();
        assert_eq!(image.counts, Counts::U8(vec![1, 2, 3, 4]));
        let mut big = message("mono16", 4, vec![1, 0, 2, 0, 3, 0, 4, 0]);
        big.is_bigendian = 1;
        assert_eq!(StampedImage::from_message(big).unwrap().counts, Counts::U16(vec![256, 512, 768, 1024]));
    }

    #[test]
    fn colours_become_their_luminance() {
        let pixel = [255, 0, 0];
        let rgb = StampedImage::from_message(message("rgb8", 6, pixel.repeat(4))).unwrap();
        // ITU-R BT.601: 0.299 of red.
        assert_eq!(rgb.counts, Counts::U8(vec![76; 4]));
        let bgr = StampedImage::from_message(message("bgr8", 6, pixel.repeat(4))).unwrap();
        assert_eq!(bgr.counts, Counts::U8(vec![29; 4]));
    }

    #[test]
    fn short_data_and_unknown_encodings_are_named() {
        let short = StampedImage::from_message(message("mono8", 2, vec![1, 2, 3])).unwrap_err();
        assert!(short.to_string().contains("need 4 bytes, the message has 3"), "{short}");
        let unknown = StampedImage::from_message(message("yuv422", 4, vec![0; 8])).unwrap_err();
        assert!(unknown.to_string().contains("yuv422"), "{unknown}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever a message claims, what comes of it is no larger than its data, and has one count for every pixel.
        #[test]
        fn any_message_is_an_image_or_refused(
            width in prop_oneof![0..9_u32, any::<u32>()],
            height in prop_oneof![0..9_u32, any::<u32>()],
            step in prop_oneof![0..40_u32, any::<u32>()],
            encoding in prop_oneof![
                prop::sample::select(vec![
                    "mono8", "8UC1", "mono16", "16UC1", "rgb8", "bgr8", "8UC3", "rgba8", "bgra8", "8UC4", "bayer_rggb8",
                    "bayer_bggr8", "bayer_gbrg8", "bayer_grbg8",
                ]).prop_map(String::from),
                "\\PC{0,12}",
            ],
            is_bigendian in any::<u8>(),
            data in prop::collection::vec(any::<u8>(), 0..400),
        ) {
            let bytes = data.len();
            let message = Image { width, height, step, encoding, is_bigendian, data, ..Image::default() };
            if let Ok(image) = StampedImage::from_message(message) {
                let pixels = image.width as usize * image.height as usize;
                prop_assert!(pixels > 0 && pixels <= bytes && image.bytes() as usize <= bytes);
                prop_assert_eq!(image.to_gray().as_raw().len(), pixels);
                prop_assert!(image.to_gray().as_raw().iter().all(|level| (0.0..=1.0).contains(level)));
            }
        }
    }
}
