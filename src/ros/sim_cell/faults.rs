//! What goes wrong in the simulated cell, chosen by the parameter `fault` while it runs: real faults in real messages.

use crate::camera::{Camera, Stereo};
use crate::parameters::nodes::sim_cell::{CellParameters, FaultKind};
use nalgebra::{UnitQuaternion, Vector3};
use r2r::sensor_msgs::msg::Image;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The fault of this moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    kind: FaultKind,
    amount: f64,
}

impl Fault {
    /// As the parameters say.
    pub fn of(parameters: &CellParameters) -> Self {
        Fault { kind: parameters.fault, amount: parameters.fault_amount }
    }

    fn amount(&self, usual: f64) -> f64 {
        if self.amount > 0.0 { self.amount } else { usual }
    }

    fn is(&self, kind: FaultKind) -> bool {
        self.kind == kind
    }

    /// Displacement of the target, mm.
    pub fn bump_mm(&self) -> Vector3<f64> {
        if self.is(FaultKind::TargetBumped) { Vector3::new(0.8, 0.5, 0.0) * self.amount(0.4) } else { Vector3::zeros() }
    }

    /// Where the robot goes instead; `None`: it stays.
    pub fn target_mm(&self, here_mm: Vector3<f64>, target_mm: Vector3<f64>) -> Option<Vector3<f64>> {
        let way = target_mm - here_mm;
        let along = if way.norm() > 1e-6 { way.normalize() } else { Vector3::zeros() };
        match self.kind {
            FaultKind::Stuck => None,
            FaultKind::Overshoot => Some(target_mm + along * self.amount(3.0)),
            FaultKind::Short => Some(target_mm - Vector3::z() * self.amount(0.05)),
            _ => Some(target_mm),
        }
    }

    /// Measured orientation.
    pub fn rotation(&self) -> UnitQuaternion<f64> {
        let angle = if self.is(FaultKind::Turned) { self.amount(0.02) } else { 0.0 };
        UnitQuaternion::from_axis_angle(&Vector3::x_axis(), angle)
    }

    /// Measured position, m.
    pub fn position_m(&self, position_m: [f64; 3]) -> [f64; 3] {
        if self.is(FaultKind::NanPose) { [f64::NAN; 3] } else { position_m }
    }

    /// Whether the same pose is sent again and again.
    pub fn freezes_pose(&self) -> bool {
        self.is(FaultKind::FrozenPose)
    }

    /// How late poses are sent.
    pub fn pose_delay(&self) -> Duration {
        Duration::from_secs_f64(if self.is(FaultKind::LatePose) { self.amount(0.25) } else { 0.0 })
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
        match fault.kind {
            FaultKind::LeftSilent => out.retain(|(camera, _)| *camera == Camera::Right),
            FaultKind::CamerasSwapped => out.iter_mut().for_each(|(camera, _)| {
                *camera = if *camera == Camera::Left { Camera::Right } else { Camera::Left };
            }),
            FaultKind::RepeatedFrames => out = out.iter().flat_map(|one| [one.clone(), one.clone()]).collect(),
            FaultKind::LateFrames => {
                let due = Instant::now() + Duration::from_secs_f64(fault.amount(0.3));
                self.held.extend(out.into_iter().map(|(camera, image)| (due, camera, image)));
                return self.due();
            }
            FaultKind::SwappedOrder => {
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
        if !fault.is(FaultKind::FrozenFrames) {
            self.frozen[camera] = None;
        }
        let (width, height) = (image.width as usize, image.height as usize);
        match fault.kind {
            FaultKind::FrozenFrames => {
                image.data.clone_from(self.frozen[camera].get_or_insert_with(|| image.data.clone()))
            }
            FaultKind::WrongEncoding => image.encoding = "yuv422".into(),
            FaultKind::WrongSize => {
                image.height /= 2;
                image.data.truncate(image.step as usize * height / 2);
            }
            FaultKind::Truncated => image.data.truncate(image.data.len() / 2),
            FaultKind::PaddedRows => {
                let row = image.step as usize;
                image.data = image.data.chunks(row).flat_map(|line| line.iter().copied().chain([0xa5; 16])).collect();
                image.step += 16;
            }
            FaultKind::Light => brighten(image, |_, _, level| level * fault.amount(0.5)),
            FaultKind::Glare => {
                let (u0, v0, radius) = (0.62 * width as f64, 0.4 * height as f64, 0.06 * width as f64);
                brighten(image, |u, v, level| {
                    let far = ((u - u0).powi(2) + (v - v0).powi(2)) / (radius * radius);
                    level + fault.amount(0.9) * (-0.5 * far).exp()
                });
            }
            FaultKind::TargetRemoved => {
                brighten(image, |u, v, level| 0.4 + 0.01 * ((7.0 * u + 13.0 * v + 90.0 * level) % 1.0))
            }
            _ => {}
        }
    }
}

/// Changes each pixel's brightness, 0 … 1.
fn brighten(image: &mut Image, change: impl Fn(f64, f64, f64) -> f64) {
    let width = image.width.max(1) as usize;
    let pixel = |i: usize| ((i % width) as f64, (i / width) as f64);
    if image.encoding == "mono8" {
        for (i, byte) in image.data.iter_mut().enumerate() {
            let (u, v) = pixel(i);
            *byte = (255.0 * change(u, v, f64::from(*byte) / 255.0).clamp(0.0, 1.0)).round() as u8;
        }
    } else {
        for (i, two) in image.data.chunks_exact_mut(2).enumerate() {
            let (u, v) = pixel(i);
            let level = f64::from(u16::from_le_bytes([two[0], two[1]])) / 65_535.0;
            let changed = (65_535.0 * change(u, v, level).clamp(0.0, 1.0)).round() as u16;
            two.copy_from_slice(&changed.to_le_bytes());
        }
    }
}
