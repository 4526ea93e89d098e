//! Images as they are kept in files.

use crate::{GrayImage, gray_from_u8, gray_from_u16};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

/// Grey counts as the camera, or the conversion from colour, gave them.
#[derive(Clone, Debug, PartialEq)]
pub enum Counts {
    /// Of 8 bits.
    U8(Vec<u8>),
    /// Of 16 bits.
    U16(Vec<u16>),
}

/// `width` · `height` counts, row-major.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RawImage<'a> {
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
    /// The pixels, row-major.
    pub counts: &'a Counts,
}

impl RawImage<'_> {
    /// Brightness in 0 … 1; empty when there are too few counts.
    pub fn to_gray(self) -> GrayImage {
        let gray = match self.counts {
            Counts::U8(counts) => gray_from_u8(self.width, self.height, counts),
            Counts::U16(counts) => gray_from_u16(self.width, self.height, counts),
        };
        gray.unwrap_or_default()
    }

    /// A PNG of the same bit depth, quick to write and to read: a sweep's images are read again by every calibration from
    /// their folder. The default filter would make files a fifth smaller and take 2.5 times as long to read.
    ///
    /// # Errors
    /// [`image::ImageError`] when there are too few or too many counts.
    pub fn to_png(self) -> image::ImageResult<Vec<u8>> {
        let mut png = Vec::new();
        let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Up);
        let (width, height) = (self.width, self.height);
        let (bytes, colour) = match self.counts {
            Counts::U8(counts) => (counts.as_slice(), ExtendedColorType::L8),
            Counts::U16(counts) => (bytemuck::cast_slice(counts), ExtendedColorType::L16),
        };
        if bytes.len() as u64 != u64::from(width) * u64::from(height) * u64::from(colour.bits_per_pixel() / 8) {
            let kind = image::error::ParameterErrorKind::DimensionMismatch;
            return Err(image::ImageError::Parameter(image::error::ParameterError::from_kind(kind)));
        }
        encoder.write_image(bytes, width, height, colour)?;
        Ok(png)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pngs_hold_every_count_and_none_too_few() {
        let counts = [Counts::U8((0..=255).collect()), Counts::U16((0..256).map(|n| n * 211 + n / 3).collect())];
        for counts in &counts {
            let raw = RawImage { width: 32, height: 8, counts };
            let read = image::load_from_memory(&raw.to_png().unwrap()).unwrap();
            match counts {
                Counts::U8(counts) => assert_eq!(read.as_luma8().unwrap().as_raw(), counts),
                Counts::U16(counts) => assert_eq!(read.as_luma16().unwrap().as_raw(), counts),
            }
            assert!(RawImage { height: 9, ..raw }.to_png().is_err());
        }
    }
}
