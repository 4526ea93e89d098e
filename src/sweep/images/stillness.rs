//! Has the image come to rest? The shift between two images of the same place, whatever they show.
//!
//! ```text
//! second(x) = gain · first(x) − ∇first(x) · shift + offset     least squares over gain, offset and shift (u, v)
//! ```
//! First order in the shift: right to a few percent below a pixel, and far from zero above. Gain and offset take a change
//! of light out.

use crate::GrayImage;
use nalgebra::{Matrix4, Vector2, Vector4};

/// Every n-th pixel along u and v is enough: the noise of the shift is far below a hundredth of a pixel.
const STRIDE: usize = 2;
/// Mean squared slope below which an image shows nothing, (1 of full scale / px)².
const MIN_SLOPE2: f64 = 1e-7;

/// How far the image moved from `first` to `second`, px.
///
/// `None` when their sizes differ, or when there is nothing to see.
pub fn shift_px(first: &GrayImage, second: &GrayImage) -> Option<Vector2<f64>> {
    if first.dimensions() != second.dimensions() {
        return None;
    }
    let (width, height) = (first.width() as usize, first.height() as usize);
    let (a, b) = (first.as_raw(), second.as_raw());
    let mut normal = Matrix4::<f64>::zeros();
    let mut right = Vector4::<f64>::zeros();
    let mut count = 0.0;
    for v in (1..height.saturating_sub(1)).step_by(STRIDE) {
        for u in (1..width.saturating_sub(1)).step_by(STRIDE) {
            let i = v * width + u;
            let by_u = 0.5 * f64::from(a[i + 1] - a[i - 1]);
            let by_v = 0.5 * f64::from(a[i + width] - a[i - width]);
            let row = Vector4::new(-by_u, -by_v, f64::from(a[i]), 1.0);
            normal += row * row.transpose();
            right += row * f64::from(b[i]);
            count += 1.0;
        }
    }
    let seen = (0..2).all(|i| normal[(i, i)] > MIN_SLOPE2 * count) && count > 0.0;
    let solved = normal.cholesky().filter(|_| seen)?.solve(&right);
    // A gain of zero: the second image has nothing to do with the first.
    let gain = solved[2];
    (gain > 0.05).then(|| Vector2::new(solved[0] / gain, solved[1] / gain)).filter(|shift| shift.norm().is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(shift: [f64; 2], gain: f64) -> GrayImage {
        GrayImage::from_fn(160, 120, |u, v| {
            let (x, y) = (f64::from(u) - shift[0], f64::from(v) - shift[1]);
            let noise = f64::from((u * 7919 + v * 104_729) % 97) / 97.0 - 0.5;
            image::Luma([(gain * (0.5 + 0.2 * (0.3 * x).sin() + 0.15 * (0.27 * y).cos()) + 0.005 * noise) as f32])
        })
    }

    #[test]
    fn small_shifts_are_measured_whatever_the_light() {
        for (shift, gain) in [([0.0, 0.0], 1.0), ([0.12, -0.05], 1.0), ([-0.4, 0.3], 0.6)] {
            let found = shift_px(&lines([0.0; 2], 1.0), &lines(shift, gain)).unwrap();
            assert!((found - Vector2::from(shift)).norm() < 0.03, "{shift:?}: {found}");
        }
    }

    #[test]
    fn empty_and_other_pictures_tell_nothing() {
        let black = GrayImage::new(160, 120);
        assert!(shift_px(&black, &black).is_none());
        assert!(shift_px(&lines([0.0; 2], 1.0), &GrayImage::new(80, 120)).is_none());
        assert!(shift_px(&lines([0.0; 2], 1.0), &black).is_none());
        assert!(shift_px(&GrayImage::new(0, 0), &GrayImage::new(0, 0)).is_none());
    }
}
