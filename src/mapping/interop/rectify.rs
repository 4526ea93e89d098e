//! Rectification of the camera pair, as `R` and `P` of sensor_msgs/CameraInfo and OpenCV's `R1`, `R2`, `P1`, `P2` say it.
//! Both cameras are turned into common axes, so that a point has the same row in both images.
//!
//! ```text
//! x = (c_right − c_left) / B,   z ∝ (a − x xᵀ a),   y = z × x,      a: the sum of both optical axes            (1)
//! R = (x y z)ᵀ rotation of the camera,   w (u, v, 1)ᵀ = P (X, Y, Z, 1)ᵀ                                       (2)
//! P = (f 0 cx t; 0 f cy 0; 0 0 1 0),   t = 0 on the left, −f B on the right                                   (3)
//! ```
//! | symbol | | unit |
//! | --- | --- | --- |
//! | c, B | the cameras' centres and the distance between them | mm |
//! | x, y, z | the rectified axes: z is as near to both optical axes as x allows | 1 |
//! | f, cx, cy | focal length and principal points of the rectified images, which are as large as the raw ones | px |
//!
//! Source of Eq. (1): Fusiello, Trucco, Verri, "A compact algorithm for rectification of stereo pairs" (2000). As Bouguet
//! has it, the mean of both axes replaces the left one: neither image is bent more than the other.
//!
//! f is the smallest that leaves no pixel of either rectified image without a raw one (OpenCV's `alpha = 0`, which ROS's
//! camera_calibration takes, too). cy is common to both. cx is each camera's own, in the middle of what it sees; with a
//! common one, converging cameras would share little. A disparity is then u_left − u_right − (cx_left − cx_right), which
//! image_geometry and stereo_image_proc know.

use crate::camera::{Camera, Stereo};
use crate::mapping::interop::standard::StandardCamera;
use crate::mapping::models::pinhole::distortion::distort;
use crate::mapping::volume::Volume;
use crate::statistics::falls_short;
use nalgebra::{Isometry3, Matrix3, Matrix3x4, Rotation3, Vector2, Vector3};

/// Places along each side of a rectified image that must show something.
const PLACES: u32 = 24;
/// Least focal length that is tried, as a share of the camera's own: a field of view that no lens has.
const MIN_FOCAL_SHARE: f64 = 0.1;
/// Largest focal length that is tried: nothing of the image would be left.
const MAX_FOCAL_SHARE: f64 = 8.0;
/// The focal length is found to this share of the camera's own.
const FOCAL_TOLERANCE: f64 = 1e-6;
/// Rays of a smaller z are at right angles to the axis.
const MIN_RAY_Z: f64 = 1e-3;
/// Steps of Newton's method for a ray: distorted rays at the corner need some ten.
const RAY_STEPS: usize = 20;
/// A ray is found when its distortion is this near.
const RAY_TOLERANCE: f64 = 1e-9;

/// One camera's part of a rectified pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rectified {
    /// R: from the camera's axes to the common ones.
    pub rotation: Rotation3<f64>,
    /// f, px.
    pub focal_px: f64,
    /// (cx, cy), px.
    pub principal_point_px: Vector2<f64>,
    /// How far the left camera lies along x from this one, mm: 0 or −B.
    pub shift_mm: f64,
}

impl Rectified {
    /// A camera for itself: nothing is turned, P is K.
    pub fn alone(standard: &StandardCamera) -> Matrix3x4<f64> {
        standard.camera_matrix().insert_column(3, 0.0)
    }

    /// P for points in units of so many mm: 1 for OpenCV's files, 1000 for ROS.
    pub fn projection(&self, unit_mm: f64) -> Matrix3x4<f64> {
        let (f, c) = (self.focal_px, self.principal_point_px);
        Matrix3x4::new(f, 0.0, c.x, f * self.shift_mm / unit_mm, 0.0, f, c.y, 0.0, 0.0, 0.0, 1.0, 0.0)
    }
}

/// Where the rectified camera is in the calibration frame, mm.
pub fn tool_from_rectified(standard: &StandardCamera, rectified: &Rectified) -> Option<Isometry3<f64>> {
    let place = standard.tool_from_camera()?;
    Some(Isometry3::from_parts(place.translation, place.rotation * rectified.rotation.inverse()))
}

/// Rectifies the pair. `None` where no such images exist: one camera behind the other, or axes more than 90° apart.
pub fn rectify(cameras: Stereo<&StandardCamera>) -> Option<Stereo<Rectified>> {
    let places = Stereo { left: cameras.left.tool_from_camera()?, right: cameras.right.tool_from_camera()? };
    let baseline = places.right.translation.vector - places.left.translation.vector;
    let x = baseline.try_normalize(1e-6)?;
    let axes = places.left.rotation * Vector3::z() + places.right.rotation * Vector3::z();
    let z = (axes - x * x.dot(&axes)).try_normalize(0.1)?;
    let turn = Matrix3::from_columns(&[x, z.cross(&x), z]).transpose();
    let turns =
        Stereo::from_fn(|camera| Rotation3::from_matrix_unchecked(turn) * places[camera].rotation.to_rotation_matrix());
    let mut middles = Stereo { left: middle(cameras.left, &turns.left)?, right: middle(cameras.right, &turns.right)? };
    let row = 0.5 * (middles.left.y + middles.right.y);
    (middles.left.y, middles.right.y) = (row, row);
    let own = 0.5 * cameras.left.camera.focal_px.iter().sum::<f64>();
    let at = |focal_px: f64| {
        Stereo::from_fn(|camera| Rectified {
            rotation: turns[camera],
            focal_px,
            // Half the image's size is that of the raw one, in which integers are pixel centres.
            principal_point_px: half(cameras[camera]) - middles[camera] * focal_px,
            shift_mm: if camera == Camera::Left { 0.0 } else { -baseline.norm() },
        })
    };
    let full = |focal_px: f64| {
        let rectified = at(focal_px);
        Camera::BOTH.into_iter().all(|camera| is_full(cameras[camera], &rectified[camera]))
    };
    let (mut low, mut high) = (MIN_FOCAL_SHARE * own, MAX_FOCAL_SHARE * own);
    if !full(high) {
        return None;
    }
    while high - low > FOCAL_TOLERANCE * own {
        let focal_px = 0.5 * (low + high);
        *(if full(focal_px) { &mut high } else { &mut low }) = focal_px;
    }
    Some(at(high))
}

/// Smallest and largest u_left − u_right of points in `volume`, px: what a stereo matcher has to search.
pub fn disparities_px(left: &StandardCamera, rectified: &Stereo<Rectified>, volume: &Volume) -> Option<[f64; 2]> {
    let left_from_tool = tool_from_rectified(left, &rectified.left)?.inverse();
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    // Depth is linear over the volume: its corners tell.
    for corner in 0..8 {
        let end = |axis: usize| if corner >> axis & 1 == 0 { volume.min_mm } else { volume.max_mm }[axis];
        let seen = left_from_tool.transform_point(&Vector3::from_fn(|axis, _| end(axis)).into());
        if falls_short(seen.z, MIN_RAY_Z) {
            return None;
        }
        let offset = rectified.left.principal_point_px.x - rectified.right.principal_point_px.x;
        let disparity = -rectified.right.shift_mm * rectified.left.focal_px / seen.z + offset;
        (low, high) = (low.min(disparity), high.max(disparity));
    }
    Some([low, high])
}

/// (cx, cy) of a image whose principal point is its middle, px.
fn half(standard: &StandardCamera) -> Vector2<f64> {
    Vector2::from(standard.camera.image_size.map(|side| 0.5 * (f64::from(side) - 1.0)))
}

/// Middle of what the camera sees, X/Z and Y/Z in the rectified axes: of the box around the middles of the image's sides.
fn middle(standard: &StandardCamera, turn: &Rotation3<f64>) -> Option<Vector2<f64>> {
    let half = half(standard);
    let (mut low, mut high) = (Vector2::repeat(f64::INFINITY), Vector2::repeat(f64::NEG_INFINITY));
    for side in [[0.0, 1.0], [2.0, 1.0], [1.0, 0.0], [1.0, 2.0]] {
        let seen = turn * ray(standard, half.component_mul(&Vector2::from(side)))?.push(1.0);
        if falls_short(seen.z, MIN_RAY_Z) {
            return None;
        }
        (low, high) = (low.inf(&(seen.xy() / seen.z)), high.sup(&(seen.xy() / seen.z)));
    }
    Some(0.5 * (low + high))
}

/// (x, y) of the ray (x, y, 1) that a pixel sees, by Newton's method.
fn ray(standard: &StandardCamera, pixel: Vector2<f64>) -> Option<Vector2<f64>> {
    let camera = &standard.camera;
    let wanted = (pixel - Vector2::from(camera.principal_point_px)).component_div(&Vector2::from(camera.focal_px));
    let mut ray = wanted;
    for _ in 0..RAY_STEPS {
        let seen = distort(&camera.distortion, ray)?;
        ray -= seen.by_ray.try_inverse()? * (seen.ray - wanted);
    }
    ((distort(&camera.distortion, ray)?.ray - wanted).norm() < RAY_TOLERANCE).then_some(ray)
}

/// Whether every pixel of the rectified image shows one of the raw one; its rim tells.
fn is_full(standard: &StandardCamera, rectified: &Rectified) -> bool {
    let camera = &standard.camera;
    let size = 2.0 * half(standard);
    let back = rectified.rotation.inverse();
    let shows = |share: [f64; 2]| {
        let pixel = size.component_mul(&Vector2::from(share));
        let seen = back * ((pixel - rectified.principal_point_px) / rectified.focal_px).push(1.0);
        let raw = (seen.z > MIN_RAY_Z).then(|| distort(&camera.distortion, seen.xy() / seen.z)).flatten();
        let raw = raw.map(|raw| {
            Vector2::from(camera.focal_px).component_mul(&raw.ray) + Vector2::from(camera.principal_point_px)
        });
        raw.is_some_and(|raw| raw >= Vector2::zeros() && raw <= size)
    };
    (0..=PLACES)
        .map(|i| f64::from(i) / f64::from(PLACES))
        .all(|along| shows([along, 0.0]) && shows([along, 1.0]) && shows([0.0, along]) && shows([1.0, along]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::interop::standard::Distortion;
    use crate::mapping::models::pinhole::Pinhole;

    /// A camera at `centre`, turned by `turn` (rotation vector) from looking straight down.
    fn camera(centre: [f64; 3], turn: [f64; 3], distortion: [f64; 5]) -> StandardCamera {
        let down = Rotation3::from_axis_angle(&Vector3::x_axis(), std::f64::consts::PI);
        let rotation = Rotation3::new(Vector3::from(turn)) * down;
        let camera = Pinhole {
            image_size: [640, 360],
            focal_px: [671.0, 669.0],
            principal_point_px: [322.5, 177.0],
            distortion: distortion.into(),
            rotation: std::array::from_fn(|i| rotation.matrix().row(i).transpose().into()),
            translation_mm: (-Vector3::from(centre)).into(),
            axis: [0.0, 0.0, 1.0],
        };
        StandardCamera { distortion: Distortion::PlumbBob, misfit_rms_px: 0.0, misfit_max_px: 0.0, camera }
    }

    /// Converging as in the cell; the second with the lens of a cheap camera.
    fn pair() -> Stereo<StandardCamera> {
        Stereo {
            left: camera([-6.0, 0.4, 30.0], [0.02, -0.19, 0.03], [-0.18, 0.06, 6e-4, -4e-4, 0.0]),
            right: camera([6.1, -0.2, 29.5], [-0.03, 0.2, -0.04], [-0.1, 0.02, -3e-4, 5e-4, 0.01]),
        }
    }

    /// Rectified pixel of a point by `ray` and Eq. (2), as image_proc goes from a raw pixel.
    fn rectified_pixel(standard: &StandardCamera, rectified: &Rectified, point_mm: Vector3<f64>) -> Vector2<f64> {
        let raw = standard.camera.pixel_and_jacobian(point_mm).0;
        let seen = rectified.rotation * ray(standard, raw).unwrap().push(1.0);
        rectified.principal_point_px + seen.xy() * (rectified.focal_px / seen.z)
    }

    #[test]
    fn a_point_has_one_row_and_its_disparity_is_its_depth() {
        let cameras = pair();
        let rectified = rectify(cameras.as_ref()).unwrap();
        let left = tool_from_rectified(&cameras.left, &rectified.left).unwrap();
        let baseline_mm = -rectified.right.shift_mm;
        assert!((baseline_mm - Vector3::<f64>::new(12.1, -0.6, -0.5).norm()).abs() < 1e-9);
        for point in [[0.0, 0.0, 0.0], [3.0, -2.0, -1.0], [-4.0, 2.5, -9.0], [1.0, 3.0, 4.0]].map(Vector3::from) {
            let pixels = Stereo::from_fn(|camera| rectified_pixel(&cameras[camera], &rectified[camera], point));
            assert!((pixels.left.y - pixels.right.y).abs() < 1e-7, "{pixels:?}");
            // (2) and (3): both projection matrices take the point in the left camera's rectified axes to its pixels.
            let seen = left.inverse_transform_vector(&(point - left.translation.vector));
            for camera in Camera::BOTH {
                let projected = rectified[camera].projection(1000.0) * (seen / 1000.0).push(1.0);
                assert!((projected.xy() / projected.z - pixels[camera]).norm() < 1e-7);
            }
            let offset = rectified.left.principal_point_px.x - rectified.right.principal_point_px.x;
            let disparity = pixels.left.x - pixels.right.x - offset;
            assert!((rectified.left.focal_px * baseline_mm / disparity - seen.z).abs() < 1e-7);
            let volume = Volume { min_mm: point.into(), max_mm: point.into() };
            let [low, high] = disparities_px(&cameras.left, &rectified, &volume).unwrap();
            let seen = pixels.left.x - pixels.right.x;
            assert!((low - seen).abs() < 1e-7 && (high - seen).abs() < 1e-7, "{low} … {high} {seen}");
        }
    }

    #[test]
    fn no_pixel_is_empty_and_no_focal_length_is_smaller() {
        let cameras = pair();
        let rectified = rectify(cameras.as_ref()).unwrap();
        for camera in Camera::BOTH {
            assert!(is_full(&cameras[camera], &rectified[camera]));
        }
        // A little wider and one of them shows what its camera does not see.
        let wider = Stereo::from_fn(|camera| {
            let Rectified { focal_px, principal_point_px: c, .. } = rectified[camera];
            let middle = (half(&cameras[camera]) - c) / focal_px;
            let focal_px = 0.999 * focal_px;
            let principal_point_px = half(&cameras[camera]) - middle * focal_px;
            Rectified { focal_px, principal_point_px, ..rectified[camera] }
        });
        assert!(Camera::BOTH.into_iter().any(|camera| !is_full(&cameras[camera], &wider[camera])));
        assert!(rectified.left.focal_px < 1.5 * 671.0, "{}", rectified.left.focal_px);
    }

    /// Whatever side the second camera is on, and however both are rolled, x goes from the first to the second.
    #[test]
    fn swapped_and_rolled_pairs_are_rectified_too() {
        let Stereo { left, right } = pair();
        let rolled = [
            camera([-6.0, 0.0, 30.0], [0.0, -0.2, 0.0], [0.0; 5]),
            camera([0.0, 6.0, 30.0], [0.2, 0.0, 0.0], [0.0; 5]),
            camera([0.0, -6.0, 30.0], [-0.2, 0.0, 0.0], [0.0; 5]),
        ];
        for (left, right) in [(&right, &left), (&rolled[1], &rolled[2]), (&rolled[2], &rolled[1])] {
            let cameras = Stereo { left, right };
            let rectified = rectify(cameras).unwrap();
            let point = Vector3::new(0.5, 0.3, -1.0);
            let pixels = Stereo::from_fn(|camera| rectified_pixel(cameras[camera], &rectified[camera], point));
            assert!((pixels.left.y - pixels.right.y).abs() < 1e-7 && rectified.right.shift_mm < -11.0);
            let offset = rectified.left.principal_point_px.x - rectified.right.principal_point_px.x;
            assert!(pixels.left.x - pixels.right.x - offset > 0.0);
        }
        // One and the same camera, or one behind the other: there is nothing to rectify.
        assert_eq!(rectify(Stereo { left: &left, right: &left }), None);
        let above = camera([-6.0, 0.0, 60.0], [0.0; 3], [0.0; 5]);
        let below = camera([-6.0, 0.0, 30.0], [0.0; 3], [0.0; 5]);
        assert_eq!(rectify(Stereo { left: &above, right: &below }), None);
    }
}
