//! How sure the models are of their pixels, over the calibrated volume.
//!
//! What is common to many points (pose errors, the lens' coefficients, pitch and axes) moves the pixels of both cameras
//! together. The 4×4 covariance of (u_left, v_left, u_right, v_right) is therefore kept, at the nodes of a coarse grid
//! over the volume, linear in between. A node that one of the cameras can't see has the covariance of the nearest place
//! towards the volume's axis that both see.

use crate::mapping::dataset::CameraDataset;
use crate::mapping::models::registry::Model;
use crate::mapping::volume::Volume;
use crate::validation::{ValidationError, length};
use nalgebra::{Matrix2, Matrix4, Vector2, Vector3};
use serde::{Deserialize, Serialize};

/// Covariance of both models' pixels on a grid of nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uncertainty {
    /// Upper triangles by rows, of (u_left, v_left, u_right, v_right), px²; z runs fastest, then y, then x.
    pub covariances_px2: Vec<[f64; 10]>,
}

/// Nodes along x, y, z.
pub const NODES: [usize; 3] = [9, 7, 4];

/// Standard deviations grow by this factor for each half-size of the volume that a point lies outside.
const GROWTH: f64 = 9.0;

impl Uncertainty {
    /// From the covariance at any point, `None` where a camera can't see it.
    pub(crate) fn tabulate(
        volume: &Volume,
        covariance_px2: impl Fn(Vector3<f64>) -> Option<Matrix4<f64>>,
    ) -> Option<Self> {
        let mut covariances_px2 = Vec::with_capacity(NODES.iter().product());
        for (i, j, k) in indices() {
            let place = [i, j, k].into_iter().zip(NODES).map(|(n, nodes)| 2.0 * n as f64 / (nodes - 1) as f64 - 1.0);
            let place = Vector3::from_iterator(place);
            let seen = (0..20).find_map(|step| {
                let inwards = 1.0 - 0.05 * f64::from(step);
                let share = Vector3::new(place.x * inwards, place.y * inwards, place.z);
                covariance_px2(volume.centre_mm() + volume.half_mm().component_mul(&share))
            })?;
            covariances_px2.push(upper(&seen));
        }
        Some(Uncertainty { covariances_px2 })
    }

    /// Covariance of the pixels of a point, grown outside the volume.
    pub fn at(&self, volume: &Volume, point_mm: Vector3<f64>) -> Matrix4<f64> {
        let place = volume.normalise(point_mm);
        let mut low = [0; 3];
        let mut share = [0.0; 3];
        for axis in 0..3 {
            let at = (0.5 * (place[axis].clamp(-1.0, 1.0) + 1.0)) * (NODES[axis] - 1) as f64;
            low[axis] = (at as usize).min(NODES[axis] - 2);
            share[axis] = at - low[axis] as f64;
        }
        let mut sum = [0.0; 10];
        for corner in 0..8 {
            let (mut weight, mut index) = (1.0, 0);
            for axis in 0..3 {
                let up = corner >> axis & 1;
                weight *= if up == 1 { share[axis] } else { 1.0 - share[axis] };
                index = index * NODES[axis] + low[axis] + up;
            }
            if let Some(node) = self.covariances_px2.get(index) {
                sum.iter_mut().zip(node).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        let outside = place.abs().map(|x| (x - 1.0).max(0.0)).max();
        full(&sum) * (1.0 + GROWTH * outside).powi(2)
    }

    /// The part of one camera, 0 left or 1 right.
    pub fn camera(covariance_px2: &Matrix4<f64>, camera: usize) -> Matrix2<f64> {
        covariance_px2.fixed_view::<2, 2>(2 * camera, 2 * camera).into_owned()
    }

    /// Checks numbers that were read from a file.
    ///
    /// # Errors
    /// [`ValidationError`] where there are not as many nodes as there must be, or one holds no covariance.
    pub fn validate(&self) -> Result<(), ValidationError> {
        length("covariances_px2", self.covariances_px2.len(), NODES.iter().product())?;
        let impossible = |c: &&[f64; 10]| full(c).cholesky().is_none() || !c.iter().all(|x| x.is_finite());
        match self.covariances_px2.iter().find(impossible) {
            Some(c) => Err(ValidationError::new("covariances_px2", format!("holds {c:?}, which is no covariance"))),
            None => Ok(()),
        }
    }
}

/// Cells across, down and along the heights whose residuals are averaged.
const CELLS: [usize; 3] = [12, 8, 4];

/// What residuals of the same image region and heights have in common: RMS of their mean per axis beyond what noise alone
/// leaves in a mean, px.
pub(crate) fn systematic_rms_px(model: &Model, data: &CameraDataset) -> f64 {
    #[derive(Clone, Default)]
    struct Cell {
        weight: f64,
        weight_squared: f64,
        sum: Vector2<f64>,
        squares: f64,
    }
    let volume = Volume::around(data.correspondences.iter().map(|p| p.point_in_tool_mm));
    let mut cells = vec![Cell::default(); CELLS.iter().product()];
    for point in &data.correspondences {
        let residual = point.pixel - model.pixel_and_jacobian(point.point_in_tool_mm).0;
        let share = [
            point.pixel.x / f64::from(data.image_size[0]),
            point.pixel.y / f64::from(data.image_size[1]),
            0.5 * (volume.normalise(point.point_in_tool_mm).z + 1.0),
        ];
        let index = share
            .iter()
            .zip(CELLS)
            .fold(0, |index, (share, cells)| index * cells + ((share * cells as f64).max(0.0) as usize).min(cells - 1));
        let (cell, weight) = (&mut cells[index], point.weight());
        cell.weight += weight;
        cell.weight_squared += weight * weight;
        cell.sum += weight * residual;
        cell.squares += weight * residual.norm_squared();
    }
    let (mut sum, mut count) = (0.0, 0.0);
    for cell in &cells {
        // Of independent residuals, as many as count.
        let effective = cell.weight * cell.weight / cell.weight_squared.max(1e-300);
        if effective < 8.0 {
            continue;
        }
        let mean = (cell.sum / cell.weight).norm_squared();
        let scatter = (cell.squares / cell.weight - mean) / (effective - 1.0);
        sum += 0.5 * (mean - scatter) * cell.weight;
        count += cell.weight;
    }
    (sum / f64::max(count, 1e-300)).max(0.0).sqrt()
}

fn indices() -> impl Iterator<Item = (usize, usize, usize)> {
    let [x, y, z] = NODES;
    (0..x).flat_map(move |i| (0..y).flat_map(move |j| (0..z).map(move |k| (i, j, k))))
}

fn upper(matrix: &Matrix4<f64>) -> [f64; 10] {
    let places = (0..4).flat_map(|i| (i..4).map(move |j| (i, j)));
    let mut entries = [0.0; 10];
    entries.iter_mut().zip(places).for_each(|(entry, place)| *entry = matrix[place]);
    entries
}

fn full(upper: &[f64; 10]) -> Matrix4<f64> {
    let places = (0..4).flat_map(|i| (i..4).map(move |j| (i, j)));
    let mut matrix = Matrix4::zeros();
    for ((i, j), value) in places.zip(upper) {
        matrix[(i, j)] = *value;
        matrix[(j, i)] = *value;
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::dataset::Correspondence;
    use crate::mapping::models::registry::ModelKind;
    use rand::{Rng, SeedableRng, rngs::SmallRng};
    use rand_distr::StandardNormal;

    #[test]
    fn is_linear_inside_and_grows_outside() {
        let volume = Volume { min_mm: [-10.0, -8.0, -20.0], max_mm: [10.0, 8.0, 0.0] };
        let truth = |p: Vector3<f64>| {
            Matrix4::identity() * (1.0 + 0.02 * p.x - 0.03 * p.y - 0.01 * p.z) + Matrix4::repeat(0.1 + 0.001 * p.x)
        };
        let table = Uncertainty::tabulate(&volume, |p| Some(truth(p))).unwrap();
        for point in [Vector3::new(3.1, -7.9, -11.0), Vector3::new(-9.9, 0.3, -0.2), Vector3::new(10.0, 8.0, 0.0)] {
            assert!((table.at(&volume, point) - truth(point)).norm() < 1e-12);
        }
        let (edge, outside) = (Vector3::new(10.0, 0.0, -5.0), Vector3::new(15.0, 0.0, -5.0));
        assert!(table.at(&volume, outside)[(0, 0)] > 9.0 * table.at(&volume, edge)[(0, 0)]);
        assert_eq!(table.validate(), Ok(()));
        assert!(Uncertainty { covariances_px2: vec![[f64::NAN; 10]; 252] }.validate().is_err());
    }

    /// Noise that averages out is no error of the model; what neighbours share is, to the last part.
    #[test]
    fn a_model_error_is_what_neighbouring_residuals_share_beyond_noise() {
        let (noise_px, shared_px) = (0.05, 0.02);
        let mut random = SmallRng::seed_from_u64(1);
        let mut seen = |noise_px: f64, shared_px: f64| {
            let mut correspondences = Vec::new();
            for (view, i, j) in
                (0..5).flat_map(|view| (-30..=30).flat_map(move |i| (-16..=16).map(move |j| (view, i, j))))
            {
                let point_in_tool_mm = Vector3::new(0.5 * f64::from(i), 0.5 * f64::from(j), -5.0 * f64::from(view));
                let exact = Vector2::new(320.0, 180.0) + 20.0 * point_in_tool_mm.xy();
                let noise = Vector2::from_fn(|_, _| noise_px * random.sample::<f64, _>(StandardNormal));
                correspondences.push(Correspondence {
                    pixel: exact + noise + Vector2::new(shared_px, 0.0),
                    pixel_covariance_px2: Matrix2::identity() * 1e-4,
                    point_in_tool_mm,
                    view: view as u32,
                });
            }
            CameraDataset { image_size: [640, 360], correspondences }
        };
        let model = Model::fit(ModelKind::Cubic, &seen(0.0, 0.0)).unwrap();
        // Some 26 residuals to a cell: without its share of noise a cell's mean would be 0.01 px.
        let noise = systematic_rms_px(&model, &seen(noise_px, 0.0));
        assert!(noise < 0.005, "{noise}");
        let shared = systematic_rms_px(&model, &seen(noise_px, shared_px));
        assert!((shared - shared_px / 2.0_f64.sqrt()).abs() < 0.002, "{shared}");
    }
}
