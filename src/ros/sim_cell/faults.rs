//! What goes wrong in the simulated cell, chosen by the parameter `fault` while it runs: real faults in real messages.

use crate::camera::{Camera, Stereo};
use crate::ros::support::params::{Parameters, Spec};
use nalgebra::{UnitQuaternion, Vector3};
use r2r::sensor_msgs::msg::Image;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Every fault, in the order of docs/reliability.md.
pub const KINDS: [&str; 22] = [
    "none",
    "late_frames",
    "swapped_order",
    "repeated_frames",
    "frozen_frames",
    "left_silent",
    "cameras_swapped",
    "wrong_encoding",
    "wrong_size",
    "truncated",
    "padded_rows",
    "light",
    "glare",
    "target_bumped",
    "target_removed",
    "nan_pose",
    "frozen_pose",
    "late_pose",
    "turned",
    "stuck",
    "overshoot",
    "short",
];

pub fn specs() -> Vec<Spec> {
    vec![
        Spec::text(
            "fault",
            "none",
            &KINDS,
            "What goes wrong from now on; docs/reliability.md lists all. May change at any time.",
        ),
        Spec::number(
            "fault_amount",
            0.0,
            [0.0, 100.0],
            "How much: delay [s], factor of the light, displacement [mm] or rotation [rad], 0 … 100; 0: the fault's usual.",
        ),
    ]
}

/// The fault of this moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    kind: String,
    amount: f64,
}

impl Fault {
    pub fn now(parameters: &Parameters) -> Self {
        Fault { kind: parameters.text("fault"), amount: parameters.number("fault_amount") }
    }

    fn amount(&self, usual: f64) -> f64 {
        if self.amount > 0.0 { self.amount } else { usual }
    }

    fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    /// By how much the target lies elsewhere, mm.
    pub fn bump_mm(&self) -> Vector3<f64> {
        if self.is("target_bumped") { Vector3::new(0.8, 0.5, 0.0) * self.amount(0.4) } else { Vector3::zeros() }
    }

    /// Where the robot goes instead; `None`: it stays.
    pub fn target_mm(&self, here_mm: Vector3<f64>, target_mm: Vector3<f64>) -> Option<Vector3<f64>> {
        let way = target_mm - here_mm;
        let along = if way.norm() > 1e-6 { way.normalize() } else { Vector3::zeros() };
        match self.kind.as_str() {
            "stuck" => None,
            "overshoot" => Some(target_mm + along * self.amount(3.0)),
            "short" => Some(target_mm - Vector3::z() * self.amount(0.05)),
            _ => Some(target_mm),
        }
    }

    /// Measured orientation.
    pub fn rotation(&self) -> UnitQuaternion<f64> {
        let angle = if self.is("turned") { self.amount(0.02) } else { 0.0 };
        UnitQuaternion::from_axis_angle(&Vector3::x_axis(), angle)
    }

    pub fn position_m(&self, position_m: [f64; 3]) -> [f64; 3] {
        if self.is("nan_pose") { [f64::NAN; 3] } else { position_m }
    }

    pub fn freezes_pose(&self) -> bool {
        self.is("frozen_pose")
    }

    pub fn pose_delay(&self) -> Duration {
        Duration::from_secs_f64(if self.is("late_pose") { self.amount(0.25) } else { 0.0 })
    }
}

/// Spoils images on their way out.
#[derive(Default)]
pub struct ImageFaults {
    frozen: Stereo<Option<Vec<u8>>>,
    held: VecDeque<(Instant, Camera, Image)>,
}

impl ImageFaults {
    /// What is published now instead of the two images.
    pub fn spoil(&mut self, fault: &Fault, images: Stereo<Image>) -> Vec<(Camera, Image)> {
        let mut out = vec![(Camera::Left, images.left), (Camera::Right, images.right)];
        for (camera, image) in &mut out {
            self.spoil_content(fault, *camera, image);
        }
        match fault.kind.as_str() {
            "left_silent" => out.retain(|(camera, _)| *camera == Camera::Right),
            "cameras_swapped" => out.iter_mut().for_each(|(camera, _)| {
                *camera = if *camera == Camera::Left { Camera::Right } else { Camera::Left };
            }),
            "repeated_frames" => out = out.iter().flat_map(|one| [one.clone(), one.clone()]).collect(),
            "late_frames" => {
                let due = Instant::now() + Duration::from_secs_f64(fault.amount(0.3));
                self.held.extend(out.into_iter().map(|(camera, image)| (due, camera, image)));
                return self.due();
            }
            "swapped_order" => {
                // Two pairs at a time, the later one first.
                let due = Instant::now();
                self.held.extend(out.into_iter().map(|(camera, image)| (due, camera, image)));
                if self.held.len() < 4 {
                    return Vec::new();
                }
                self.held.rotate_left(2);
                return self.due();
            }
            _ => {}
        }
        let mut all = self.due();
        all.extend(out);
        all
    }

    fn due(&mut self) -> Vec<(Camera, Image)> {
        let now = Instant::now();
        let count = self.held.iter().take_while(|(due, ..)| *due <= now).count();
        self.held.drain(..count).map(|(_, camera, image)| (camera, image)).collect()
    }

    fn spoil_content(&mut self, fault: &Fault, camera: Camera, image: &mut Image) {
        if !fault.is("frozen_frames") {
            self.frozen[camera] = None;
        }
        let (width, height) = (image.width as usize, image.height as usize);
        match fault.kind.as_str() {
            "frozen_frames" => image.data.clone_from(self.frozen[camera].get_or_insert_with(|| image.data.clone())),
            "wrong_encoding" => image.encoding = "yuv422".into(),
            "wrong_size" => {
                image.height /= 2;
                image.data.truncate(image.step as usize * height / 2);
            }
            "truncated" => image.data.truncate(image.data.len() / 2),
            "padded_rows" => {
                let row = image.step as usize;
                image.data = image.data.chunks(row).flat_map(|line| line.iter().copied().chain([0xa5; 16])).collect();
                image.step += 16;
            }
            "light" => brighten(image, |_, _, level| level * fault.amount(0.5)),
            "glare" => {
                let (u0, v0, radius) = (0.62 * width as f64, 0.4 * height as f64, 0.06 * width as f64);
                brighten(image, |u, v, level| {
                    let far = ((u - u0).powi(2) + (v - v0).powi(2)) / (radius * radius);
                    level + fault.amount(0.9) * (-0.5 * far).exp()
                });
            }
            "target_removed" => brighten(image, |u, v, level| 0.4 + 0.01 * ((7.0 * u + 13.0 * v + 90.0 * level) % 1.0)),
            _ => {}
        }
    }
}

/// Changes each pixel's brightness, 0 … 1.
fn brighten(image: &mut Image, change: impl Fn(f64, f64, f64) -> f64) {
    let width = image.width.max(1) as usize;
    let place = |i: usize| ((i % width) as f64, (i / width) as f64);
    if image.encoding == "mono8" {
        for (i, byte) in image.data.iter_mut().enumerate() {
            let (u, v) = place(i);
            *byte = (255.0 * change(u, v, f64::from(*byte) / 255.0).clamp(0.0, 1.0)).round() as u8;
        }
    } else {
        for (i, two) in image.data.chunks_exact_mut(2).enumerate() {
            let (u, v) = place(i);
            let level = f64::from(u16::from_le_bytes([two[0], two[1]])) / 65_535.0;
            let changed = (65_535.0 * change(u, v, level).clamp(0.0, 1.0)).round() as u16;
            two.copy_from_slice(&changed.to_le_bytes());
        }
    }
}
