//! All camera models by name. A row is everything that the rest of the package knows of a model.

use crate::mapping::dataset::{CameraDataset, Correspondence};
use crate::mapping::models::CameraModel;
use crate::mapping::models::brown::Brown;
use crate::mapping::models::central::Central;
use crate::mapping::models::polynomial::Polynomial;
use crate::mapping::models::published::Published;
use crate::mapping::models::rational::Rational;
use crate::mapping::models::spline::Spline;
use crate::validation::ValidationError;
use nalgebra::{Matrix2x3, Vector2, Vector3};
use serde::{Deserialize, Serialize};
use strum::VariantArray;

/// Makes [`ModelKind`] and [`Model`] of rows `description, kind(type) = name`, simplest first. The name is the model's in
/// files, on command lines and in tables; a row under `#[cfg(test)]` exists in tests only.
///
/// An enum and not `dyn`: models are cloned, compared and written to files, and their calls are inlined.
macro_rules! registry {
    ($( $(#[cfg($only:ident)])? #[doc = $description:literal] $kind:ident($model:ty) = $name:literal, )+) => {
        /// Which row of the registry, and rung of the ladder.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[derive(strum::Display, strum::EnumMessage, strum::IntoStaticStr, strum::VariantArray)]
        pub enum ModelKind {
            $( $(#[cfg($only)])? #[doc = $description] #[serde(rename = $name)] #[strum(to_string = $name)] $kind, )+
        }

        /// A fitted world → pixel model of one camera.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum Model {
            $( $(#[cfg($only)])? #[doc = $description] #[serde(rename = $name)] $kind($model), )+
        }

        impl ModelKind {
            /// Numbers that the points alone have to determine.
            pub fn parameter_count(self) -> usize {
                match self {
                    $( $(#[cfg($only)])? ModelKind::$kind => <$model>::parameter_count(), )+
                }
            }

            fn fit(self, data: &CameraDataset) -> Option<Model> {
                match self {
                    $( $(#[cfg($only)])? ModelKind::$kind => <$model>::fit(data).map(Model::$kind), )+
                }
            }
        }

        impl Model {
            /// Its row of the registry.
            pub fn kind(&self) -> ModelKind {
                match self {
                    $( $(#[cfg($only)])? Model::$kind(_) => ModelKind::$kind, )+
                }
            }

            /// The same kind of model fitted to other points without outliers, starting from here where that is quicker.
            /// `None` when the points don't determine it.
            pub fn refit(&self, points: &[Correspondence]) -> Option<Model> {
                if !self.kind().is_supported_by(points.len()) {
                    return None;
                }
                match self {
                    $( $(#[cfg($only)])? Model::$kind(model) => model.refit(points).map(Model::$kind), )+
                }
            }

            /// Pixel of a point of the tool frame (mm → px), and ∂(u, v)/∂(x, y, z) in px/mm. Not finite where the camera
            /// can't see the point.
            pub fn pixel_and_jacobian(&self, point_mm: Vector3<f64>) -> (Vector2<f64>, Matrix2x3<f64>) {
                match self {
                    $( $(#[cfg($only)])? Model::$kind(model) => model.pixel_and_jacobian(point_mm), )+
                }
            }

            /// Checks numbers that were read from a file.
            ///
            /// # Errors
            /// [`ValidationError`] with the first impossible field.
            pub fn validate(&self) -> Result<(), ValidationError> {
                match self {
                    $( $(#[cfg($only)])? Model::$kind(model) => model.validate(), )+
                }
            }
        }
    };
}

/// Fewest equations for each parameter: with fewer a model follows the noise.
const EQUATIONS_PER_PARAMETER: usize = 3;

impl ModelKind {
    /// All kinds, simplest first.
    pub const LADDER: &[ModelKind] = ModelKind::VARIANTS;

    /// Whether so many correspondences, with two equations each, are enough for the model.
    fn is_supported_by(self, correspondences: usize) -> bool {
        2 * correspondences >= EQUATIONS_PER_PARAMETER * self.parameter_count()
    }
}

impl Model {
    /// The model of `kind` that follows `data` best; `None` when the data does not determine it.
    ///
    /// ```
    /// use grating_calibration::mapping::dataset::{CameraDataset, Correspondence};
    /// use grating_calibration::mapping::models::registry::{Model, ModelKind};
    /// use nalgebra::{Matrix2, Vector2, Vector3};
    ///
    /// // A lens of focal length 700 px, 30 mm above the grid, with barrel distortion; at (0, 0) it looks straight down.
    /// let camera = |point_mm: Vector3<f64>| {
    ///     let tangent = Vector2::new(point_mm.x, -point_mm.y) / (30.0 - point_mm.z);
    ///     Vector2::new(319.5, 239.5) + 700.0 * (1.0 - 0.1 * tangent.norm_squared()) * tangent
    /// };
    /// let seen = |x: i32, y: i32, view: u32| {
    ///     let point_in_tool_mm = Vector3::new(1.1 * f64::from(x), 1.1 * f64::from(y), -2.0 * f64::from(view));
    ///     let (pixel, pixel_covariance_px2) = (camera(point_in_tool_mm), Matrix2::identity() * 1e-4);
    ///     Correspondence { pixel, pixel_covariance_px2, point_in_tool_mm, view }
    /// };
    /// let views = (0..8).flat_map(|view| (-10..=10).flat_map(move |x| (-8..=8).map(move |y| seen(x, y, view))));
    /// let data = CameraDataset { image_size: [640, 480], correspondences: views.collect() };
    ///
    /// let model = Model::fit(ModelKind::Brown, &data).ok_or("the data does not determine the model")?;
    /// let between = Vector3::new(1.7, -3.2, -5.0);
    /// let (pixel, px_per_mm) = model.pixel_and_jacobian(between);
    /// assert!((pixel - camera(between)).norm() < 1e-3);
    /// assert!((px_per_mm[(0, 0)] - 700.0 / 35.0).abs() < 0.5);
    /// # Ok::<(), &str>(())
    /// ```
    pub fn fit(kind: ModelKind, data: &CameraDataset) -> Option<Model> {
        if kind.is_supported_by(data.correspondences.len()) { kind.fit(data) } else { None }
    }
}

registry! {
    #[cfg(test)]
    /// An affine camera: what a row needs, for the tests.
    Affine(tests::Affine) = "affine",
    /// Eq. (16) as published.
    Published(Published) = "published",
    /// Full polynomial of degree 3.
    Cubic(Polynomial<3>) = "cubic",
    /// Full polynomial of degree 5.
    Quintic(Polynomial<5>) = "quintic",
    /// Full polynomial of degree 7.
    Septic(Polynomial<7>) = "septic",
    /// Pinhole with Brown's distortion.
    Brown(Brown) = "brown",
    /// Pinhole with rational distortion and thin prism.
    Rational(Rational) = "rational",
    /// Brown's camera with a smooth correction.
    Spline(Spline) = "spline",
    /// Projective camera with a smooth lens.
    Central(Central) = "central",
}

#[cfg(test)]
mod tests {
    //! An affine camera (Hartley and Zisserman, chapter 6.3) as a new row. The type below and one row above suffice for
    //! it to be fitted, scored on the ladder, served, and written to files.

    use super::*;
    use crate::camera::Stereo;
    use crate::least_squares::NormalSums;
    use crate::mapping::calibration::Calibration;
    use crate::mapping::calibration::answer::AnswerStatus;
    use crate::mapping::calibration::fit::{CalibrationContext, fit_calibration};
    use crate::mapping::method::Method;
    use crate::mapping::selection::ladder::fit_ladder;
    use crate::named::{Named, check_names};
    use crate::validation::finite;
    use nalgebra::{Matrix2, Vector4};
    use std::path::Path;

    /// (u, v) = A (x, y, z, 1), px.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Affine {
        rows: [[f64; 4]; 2],
    }

    impl CameraModel for Affine {
        fn parameter_count() -> usize {
            8
        }

        fn fit(data: &CameraDataset) -> Option<Self> {
            let mut sums = NormalSums::new(4, 2);
            for p in &data.correspondences {
                let row = p.point_in_tool_mm.push(1.0);
                sums.add(|out| out.copy_from_slice(row.as_slice()), p.pixel.as_slice(), p.weight());
            }
            let solution = sums.solve(0.0)?;
            Some(Affine { rows: [0, 1].map(|axis| std::array::from_fn(|n| solution[(n, axis)])) })
        }

        fn refit(&self, points: &[Correspondence]) -> Option<Self> {
            Self::fit(&CameraDataset { image_size: [0, 0], correspondences: points.to_vec() })
        }

        fn pixel_and_jacobian(&self, point_mm: Vector3<f64>) -> (Vector2<f64>, Matrix2x3<f64>) {
            let [u, v] = self.rows.map(|row| Vector4::from(row).transpose());
            let at = point_mm.push(1.0);
            let slopes = [u.fixed_columns::<3>(0).into_owned(), v.fixed_columns::<3>(0).into_owned()];
            (Vector2::new((u * at)[0], (v * at)[0]), Matrix2x3::from_rows(&slopes))
        }

        fn validate(&self) -> Result<(), ValidationError> {
            finite("rows", self.rows.as_flattened())
        }
    }

    /// Telecentric cameras that look at each other's half from 20° to either side.
    fn data(slant: f64) -> CameraDataset {
        let points = (0..6)
            .flat_map(|view| (-12..=12).flat_map(move |x| (-8..=8).map(move |y| (view, f64::from(x), f64::from(y)))));
        let correspondences = points.map(|(view, x, y)| {
            let point_in_tool_mm = Vector3::new(x, y, -2.0 * f64::from(view));
            let pixel = Vector2::new(320.0 + 20.0 * x + slant * point_in_tool_mm.z, 180.0 - 20.0 * y);
            let wave = 0.01 * Vector2::new((3.1 * x + 0.7 * y).sin(), (2.3 * y + point_in_tool_mm.z).sin());
            let pixel_covariance_px2 = Matrix2::identity() * 1e-4;
            Correspondence { pixel: pixel + wave, pixel_covariance_px2, point_in_tool_mm, view }
        });
        CameraDataset { image_size: [640, 360], correspondences: correspondences.collect() }
    }

    #[test]
    fn a_row_is_fitted_judged_served_and_written() {
        let data = Stereo { left: data(7.0), right: data(-7.0) };
        let ladder = fit_ladder(&data.left, ModelKind::LADDER).unwrap();
        assert_eq!(ladder.rungs[ladder.best].entry.model, ModelKind::Affine, "{:?}", ladder.rungs[ladder.best].entry);
        let context = CalibrationContext {
            method: Method::Auto,
            pitch_mm: 1.0,
            min_phase_margin: f64::INFINITY,
            usable_rms_mm: 0.05,
            bundle: None,
        };
        let calibration = fit_calibration(data.as_ref(), &context).unwrap();
        assert!(calibration.usable, "{}", calibration.reason);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("affine.yaml");
        calibration.save(&path).unwrap();
        let served = Calibration::load(&path).unwrap();
        assert_eq!(served, calibration);
        assert_eq!(served.left.model.kind(), ModelKind::named("affine").unwrap());
        let point = Vector3::new(1.5, -2.5, -3.0);
        let pixel = |side: f64| Vector2::new(320.0 + 20.0 * point.x + side * point.z, 180.0 - 20.0 * point.y);
        let answer = served.pixel_pair_to_point(pixel(7.0), pixel(-7.0));
        assert_eq!(answer.status, AnswerStatus::Ok);
        assert!((answer.estimate.point_mm - point).norm() < 1e-2, "{}", answer.estimate.point_mm);
        let text = std::fs::read_to_string(&path).unwrap().replacen("- - ", "- - .inf # ", 1);
        let error = Calibration::parse(text.as_bytes(), Path::new("affine.yaml")).unwrap_err().to_string();
        assert!(error.contains("left.model.rows holds inf"), "{error}");
    }

    #[test]
    fn names_are_unique_and_found_again() {
        check_names::<ModelKind>();
        let error = ModelKind::named("pinhole").unwrap_err().to_string();
        assert!(error.contains("'pinhole'") && error.contains("central"), "{error}");
    }
}
