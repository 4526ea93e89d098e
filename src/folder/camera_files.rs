//! The standard cameras as files: ROS camera YAML, OpenCV FileStorage, a URDF snippet, a static transform.
//!
//! | file | for |
//! | --- | --- |
//! | `NAME_left.yaml`, `NAME_right.yaml` | camera_calibration_parsers: camera_info_manager, usb_cam, … |
//! | `NAME_opencv.yaml` | cv::FileStorage: K, D, size of both, R and T from left to right, R1, R2, P1, P2 of the rectified pair, mm |
//! | `NAME_cameras.urdf` | links and fixed joints below the tool frame, m and rad |
//! | `NAME_static_tf.sh` | the same as `static_transform_publisher`s |

use crate::camera::{Camera, Stereo};
use crate::mapping::calibration::Calibration;
use crate::mapping::interop::rectify::{Rectified, disparities_px, rectify, tool_from_rectified};
use crate::mapping::interop::standard::{StandardCamera, right_from_left};
use crate::mapping::volume::Volume;
use nalgebra::{Isometry3, Matrix3x4, Rotation3, SMatrix};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Name of a camera's frame: x right, y down, z forward.
pub fn optical_frame(camera: Camera) -> String {
    format!("{camera}_camera_optical_frame")
}

/// Name of a camera's rectified frame: the optical frame turned by `R`, in which stereo_image_proc's points are.
pub fn rectified_frame(camera: Camera) -> String {
    format!("{camera}_camera_rectified_frame")
}

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is nothing to export.
    #[error(
        "the calibration holds no standard model of the {camera} camera: its data did not determine one, or it was made by \
         an older version: calibrate again"
    )]
    None {
        /// Whose.
        camera: Camera,
    },
    /// A file could not be written.
    #[error("{path}: {cause}: is the disk full, may this program write there?")]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// Writes all files beside `calibration_file`, named after it; gives their paths.
///
/// `tool_frame` is the URDF's parent, `tool_from_calibration` where the calibration's origin is in it, mm.
///
/// # Errors
/// [`ExportError`].
pub fn write(
    calibration: &Calibration,
    calibration_file: &Path,
    tool_frame: &str,
    tool_from_calibration: &Isometry3<f64>,
) -> Result<Vec<PathBuf>, ExportError> {
    let side = |camera| calibration.camera(camera).standard.as_ref().ok_or(ExportError::None { camera });
    let cameras = Stereo { left: side(Camera::Left)?, right: side(Camera::Right)? };
    let rectified = rectify(cameras);
    let mut frames = Vec::new();
    for camera in Camera::BOTH {
        let place = cameras[camera].tool_from_camera().ok_or(ExportError::None { camera })?;
        frames.push((optical_frame(camera), tool_from_calibration * place));
        let turned = rectified.and_then(|rectified| tool_from_rectified(cameras[camera], &rectified[camera]));
        frames.extend(turned.map(|place| (rectified_frame(camera), tool_from_calibration * place)));
    }
    let stem = calibration_file.file_stem().map_or("calibration".into(), |stem| stem.to_string_lossy().into_owned());
    let files = [
        ("left.yaml", ros_yaml(Camera::Left, cameras.left, rectified.map(|pair| pair.left).as_ref())),
        ("right.yaml", ros_yaml(Camera::Right, cameras.right, rectified.map(|pair| pair.right).as_ref())),
        ("opencv.yaml", opencv_yaml(&cameras, rectified.as_ref(), &calibration.volume)),
        ("cameras.urdf", urdf(tool_frame, &frames)),
        ("static_tf.sh", static_tf(tool_frame, &frames)),
    ];
    let mut written = Vec::new();
    for (name, text) in files {
        let path = calibration_file.with_file_name(format!("{stem}_{name}"));
        std::fs::write(&path, text).map_err(|cause| ExportError::Io { path: path.clone(), cause })?;
        written.push(path);
    }
    Ok(written)
}

fn list(numbers: impl IntoIterator<Item = f64>) -> String {
    numbers.into_iter().map(|x| format!("{x:?}")).collect::<Vec<_>>().join(", ")
}

/// nalgebra stores columns, files and messages want rows.
pub fn rows<const R: usize, const C: usize>(matrix: &SMatrix<f64, R, C>) -> Vec<f64> {
    matrix.transpose().iter().copied().collect()
}

/// R and P of a CameraInfo, m: of the rectified pair; of the camera for itself where there is none.
pub fn rectification(standard: &StandardCamera, rectified: Option<&Rectified>) -> (Rotation3<f64>, Matrix3x4<f64>) {
    match rectified {
        Some(rectified) => (rectified.rotation, rectified.projection(1000.0)),
        None => (Rotation3::identity(), Rectified::alone(standard)),
    }
}

fn residuals(camera: &StandardCamera) -> String {
    format!(
        "misses the intersections by {:.3} px RMS per axis, {:.3} px at most",
        camera.misfit_rms_px, camera.misfit_max_px
    )
}

/// As camera_calibration_parsers writes it.
fn ros_yaml(camera: Camera, standard: &StandardCamera, rectified: Option<&Rectified>) -> String {
    let [width, height] = standard.camera.image_size;
    let (k, (r, p)) = (standard.camera_matrix(), rectification(standard, rectified));
    let (d, model) = (&standard.camera.distortion, standard.distortion.name());
    format!(
        "# {camera} camera, by grating_calibration; {model} {}.\n\
         image_width: {width}\nimage_height: {height}\ncamera_name: {camera}\n\
         camera_matrix:\n  rows: 3\n  cols: 3\n  data: [{}]\n\
         distortion_model: {model}\n\
         distortion_coefficients:\n  rows: 1\n  cols: {}\n  data: [{}]\n\
         rectification_matrix:\n  rows: 3\n  cols: 3\n  data: [{}]\n\
         projection_matrix:\n  rows: 3\n  cols: 4\n  data: [{}]\n",
        residuals(standard),
        list(rows(&k)),
        d.len(),
        list(d.iter().copied()),
        list(rows(r.matrix())),
        list(rows(&p)),
    )
}

fn opencv_yaml(cameras: &Stereo<&StandardCamera>, rectified: Option<&Stereo<Rectified>>, volume: &Volume) -> String {
    let mut text = String::from("%YAML:1.0\n---\n");
    let matrix = |name: &str, rows: usize, cols: usize, data: String| {
        format!("{name}: !!opencv-matrix\n   rows: {rows}\n   cols: {cols}\n   dt: d\n   data: [ {data} ]\n")
    };
    // Writing to a String does not fail.
    for camera in Camera::BOTH {
        let standard = cameras[camera];
        let [width, height] = standard.camera.image_size;
        let _ = writeln!(text, "# {camera}: {} {}", standard.distortion.name(), residuals(standard));
        let _ = write!(text, "image_width_{camera}: {width}\nimage_height_{camera}: {height}\n");
        text += &matrix(&format!("K_{camera}"), 3, 3, list(rows(&standard.camera_matrix())));
        let d = &standard.camera.distortion;
        text += &matrix(&format!("D_{camera}"), 1, d.len(), list(d.iter().copied()));
    }
    if let Some((rotation, translation)) = right_from_left(cameras.left, cameras.right) {
        text += "# X_right = R X_left + T, mm\n";
        text += &matrix("R", 3, 3, list(rows(rotation.matrix())));
        text += &matrix("T", 3, 1, list(translation.iter().copied()));
    }
    if let Some(pair @ Stereo { left, right }) = rectified {
        text += "# As cv::stereoRectify gives them: 1 is the left camera, 2 the right one\n";
        for (n, camera) in [(1, left), (2, right)] {
            text += &matrix(&format!("R{n}"), 3, 3, list(rows(camera.rotation.matrix())));
            text += &matrix(&format!("P{n}"), 3, 4, list(rows(&camera.projection(1.0))));
        }
        if let Some([low, high]) = disparities_px(cameras.left, pair, volume) {
            text += "# u_left - u_right of the calibrated volume in the rectified images, px: what a matcher has to search\n";
            let _ = write!(text, "disparity_min: {low:.1}\ndisparity_max: {high:.1}\n");
        }
    }
    text
}

fn urdf(tool_frame: &str, frames: &[(String, Isometry3<f64>)]) -> String {
    let mut text = format!(
        "<!-- The cameras' optical frames (x right, y down, z forward), and these turned by R of CameraInfo, below {tool_frame}; \
         m and rad. Copy the links and joints into the robot's description. -->\n<robot name=\"grating_calibration_cameras\">\n  <link name=\"{}\"/>\n",
        escaped(tool_frame)
    );
    for (frame, place) in frames {
        let [x, y, z]: [f64; 3] = (1e-3 * place.translation.vector).into();
        let (roll, pitch, yaw) = place.rotation.euler_angles();
        let _ = write!(
            text,
            "  <link name=\"{frame}\"/>\n  <joint name=\"{frame}_joint\" type=\"fixed\">\n    <parent link=\"{}\"/>\n    \
             <child link=\"{frame}\"/>\n    <origin xyz=\"{x:.9} {y:.9} {z:.9}\" rpy=\"{roll:.9} {pitch:.9} {yaw:.9}\"/>\n  \
             </joint>\n",
            escaped(tool_frame)
        );
    }
    text + "</robot>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn static_tf(tool_frame: &str, frames: &[(String, Isometry3<f64>)]) -> String {
    let mut text = String::from("#!/bin/sh\n# The cameras' frames on /tf_static; Ctrl-C ends all.\n");
    for (frame, place) in frames {
        let [x, y, z]: [f64; 3] = (1e-3 * place.translation.vector).into();
        let q = place.rotation;
        let _ = writeln!(
            text,
            "ros2 run tf2_ros static_transform_publisher --x {x:.9} --y {y:.9} --z {z:.9} --qx {:.9} --qy {:.9} --qz {:.9} \
             --qw {:.9} --frame-id '{}' --child-frame-id {frame} &",
            q.i,
            q.j,
            q.k,
            q.w,
            tool_frame.replace('\'', "'\\''")
        );
    }
    text + "wait\n"
}
