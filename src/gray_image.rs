//! Brightness images, from counts.

/// A grey image, row-major, brightness in 0 … 1 of the sensor's full scale.
pub type GrayImage = image::ImageBuffer<image::Luma<f32>, Vec<f32>>;

/// A [`GrayImage`] from 8-bit counts; `None` unless there are `width` · `height` of them.
pub fn gray_from_u8(width: u32, height: u32, counts: &[u8]) -> Option<GrayImage> {
    let scale = 1.0 / f32::from(u8::MAX);
    GrayImage::from_raw(width, height, counts.iter().map(|&count| f32::from(count) * scale).collect())
        .filter(|_| counts.len() == width as usize * height as usize)
}

/// A [`GrayImage`] from 16-bit counts; `None` unless there are `width` · `height` of them.
pub fn gray_from_u16(width: u32, height: u32, counts: &[u16]) -> Option<GrayImage> {
    let scale = 1.0 / f32::from(u16::MAX);
    GrayImage::from_raw(width, height, counts.iter().map(|&count| f32::from(count) * scale).collect())
        .filter(|_| counts.len() == width as usize * height as usize)
}
