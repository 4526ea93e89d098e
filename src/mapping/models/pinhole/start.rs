//! The camera that a projection is most like: where the search for a pinhole begins.

use crate::mapping::models::central::Central;
use crate::mapping::models::pinhole::Pinhole;
use crate::mapping::models::pinhole::fit::{ASPECT_SIGMA, AXIS_SIGMA};
use nalgebra::{Matrix3, Vector2, Vector3};

/// Focal lengths that are tried: from this share of the image's width …
const FIRST_FOCAL_WIDTHS: f64 = 0.2;
/// … each this much longer than the one before: the fit converges from twice as far off …
const FOCAL_FACTOR: f64 = 1.05;
/// … and so many of them: to 66 widths.
const FOCAL_STEPS: i32 = 120;

impl Pinhole {
    /// The camera without distortion whose image is most like that of P. Of all focal lengths that explain it, the one
    /// whose frame is the least oblique is taken; see [`super::fit`].
    pub(super) fn from_projection(linear: &Central) -> Option<Self> {
        let half = Vector2::from(linear.pixel_half);
        let (to_unit, centre) = (linear.volume.half_mm(), linear.volume.centre_mm());
        // P for millimetres and for pixels from the image's middle.
        let scale = |row: usize| if row < 2 { half[row] } else { 1.0 };
        let mut columns = [0, 1, 2].map(|j| Vector3::from_fn(|i, _| linear.projection[i][j] * scale(i) / to_unit[j]));
        let mut last = Vector3::from_fn(|i, _| linear.projection[i][3] * scale(i));
        columns.iter().zip(centre.iter()).for_each(|(column, at)| last -= column * *at);
        // The middle of the points lies in front.
        let depth = last.z + columns.iter().zip(centre.iter()).map(|(column, at)| column.z * at).sum::<f64>();
        columns.iter_mut().for_each(|column| *column *= depth.signum());
        last *= depth.signum();
        // Columns of R G up to a common factor, were f the focal length.
        let straightened = |f: f64, h: &Vector3<f64>| Vector3::new(h.x / f, h.y / f, h.z);
        let oblique = |f: f64| {
            let [x, y, z] = [0, 1, 2].map(|j| straightened(f, &columns[j]));
            let unit = (0.5 * (x.norm_squared() + y.norm_squared())).sqrt();
            let [x, y, z] = [x, y, z].map(|column| column / unit);
            let plane = (x.dot(&y).powi(2) + (x.norm() - y.norm()).powi(2)) / (ASPECT_SIGMA * ASPECT_SIGMA);
            let axis = x.dot(&z).powi(2) + y.dot(&z).powi(2) + (z.norm() - 1.0).powi(2);
            plane + axis / (AXIS_SIGMA * AXIS_SIGMA)
        };
        let width = f64::from(linear.image_size()[0]);
        let focal = |step: i32| FIRST_FOCAL_WIDTHS * width * FOCAL_FACTOR.powi(step);
        let f = focal((0..FOCAL_STEPS).min_by(|a, b| oblique(focal(*a)).total_cmp(&oblique(focal(*b))))?);
        let [x, y, z] = [0, 1, 2].map(|j| straightened(f, &columns[j]));
        let unit = (0.5 * (x.norm_squared() + y.norm_squared())).sqrt();
        let [x, y, z] = [x, y, z].map(|column| column / unit);
        // The nearest rotation: both lines' directions give way alike.
        let (sum, difference) = ((x + y).try_normalize(1e-9)?, (x - y).try_normalize(1e-9)?);
        let across = (difference - sum * sum.dot(&difference)).try_normalize(1e-9)?;
        let [x, y] = [(sum + across) * 0.5_f64.sqrt(), (sum - across) * 0.5_f64.sqrt()];
        let rotation = Matrix3::from_columns(&[x, y, x.cross(&y)]);
        let back = rotation.transpose();
        Some(Pinhole {
            image_size: linear.image_size(),
            focal_px: [f, f],
            principal_point_px: linear.pixel_centre,
            distortion: Vec::new(),
            rotation: std::array::from_fn(|i| rotation.row(i).transpose().into()),
            translation_mm: (back * straightened(f, &last) / unit).into(),
            axis: (back * z).into(),
        })
    }
}
