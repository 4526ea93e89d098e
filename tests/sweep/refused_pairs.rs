//! A pair is accepted whole or not at all: a session that refused one goes on, to the last bit, as one that never saw it.

use crate::common::cell::Cell;
use grating_calibration::GrayImage;
use grating_calibration::camera::Stereo;
use grating_calibration::grating::backend::choice::ActiveBackend;
use grating_calibration::grating::backend::cpu::Cpu;
use grating_calibration::grating::backend::{Backend, BackendError, Image, Pixels};
use grating_calibration::grating::parameters::GratingParameters;
use grating_calibration::grating::pixel_sums::normal_equations::{NormalEquations, Region};
use grating_calibration::grating::pixel_sums::window::{Window, WindowSums};
use grating_calibration::grating::published::quadratic::QuadraticGratings;
use grating_calibration::grating::published::search::SearchPlan;
use grating_calibration::mapping::method::Method;
use grating_calibration::pose::tool_pose::ToolPose;
use grating_calibration::sweep::session::SweepSession;
use grating_calibration::sweep::settings::CalibrationSettings;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

const PAIRS: usize = 5;

/// What robot and cameras deliver, the same to every session.
struct Sweep {
    settings: CalibrationSettings,
    pairs: Vec<Stereo<GrayImage>>,
}

impl Sweep {
    fn new(method: Method) -> Self {
        let cell = Cell::small();
        let mut settings = CalibrationSettings { method, ..cell.settings() };
        (settings.original.draws, settings.original.stride) = (1500, 4);
        let pairs = (0..PAIRS).map(|index| cell.pair_at(height_mm(index), index as u64)).collect();
        Sweep { settings, pairs }
    }

    /// All that a session knows after the whole sweep, with `disturb` called before each pair.
    fn whole(&self, backend: ActiveBackend, disturb: impl Fn(&mut SweepSession, usize)) -> String {
        let mut session = SweepSession::on(backend, self.settings.clone()).unwrap();
        let mut reports = Vec::new();
        for index in 0..PAIRS {
            disturb(&mut session, index);
            let report = session.add_pair(self.pairs[index].as_ref(), pose(index)).unwrap();
            reports.push((report.height_mm, report.intersections, report.residual, report.phase_margin));
        }
        // Debug prints the shortest digits that come back as the same number.
        format!("{reports:?}\n{:?}", session.views())
    }
}

fn height_mm(index: usize) -> f64 {
    0.2 * index as f64
}

fn pose(index: usize) -> ToolPose {
    ToolPose::at([0.0, 0.0, 100.0 + height_mm(index)])
}

fn blank(width: u32, height: u32) -> GrayImage {
    GrayImage::from_pixel(width, height, image::Luma([0.5]))
}

/// Offers pairs that must be refused before pair `index`. Their good image is another one than comes next.
fn offer_bad_pairs(sweep: &Sweep, session: &mut SweepSession, index: usize) {
    let other = &sweep.pairs[(index + 1) % PAIRS];
    let (blank, small) = (blank(640, 360), blank(320, 180));
    let cropped = image::imageops::crop_imm(&other.left, 120, 60, 400, 240).to_image();
    for images in [
        // First: its size must not become that of the session.
        Stereo { left: &small, right: &blank },
        Stereo { left: &other.left, right: &blank },
        Stereo { left: &blank, right: &other.right },
        Stereo { left: &other.left, right: &small },
        Stereo { left: &cropped, right: &blank },
        Stereo { left: &small, right: &other.right },
    ] {
        assert!(session.add_pair(images, pose(index)).is_err());
        assert_eq!(session.pairs(), index);
    }
    let nowhere = ToolPose { z_mm: f64::NAN, ..pose(index) };
    assert!(session.add_pair(other.as_ref(), nowhere).is_err());
}

fn refused_pairs_leave_no_trace(method: Method) {
    let sweep = Sweep::new(method);
    let undisturbed = sweep.whole(ActiveBackend::cpu(), |_, _| ());
    for disturbed in [0, 1, 3] {
        let found = sweep.whole(ActiveBackend::cpu(), |session, index| {
            if index == disturbed {
                offer_bad_pairs(&sweep, session, index);
            }
        });
        assert!(found == undisturbed, "bad pairs that were offered before pair {disturbed} changed what came after");
    }
}

#[test]
fn refused_pairs_leave_no_trace_in_the_default_method() {
    refused_pairs_leave_no_trace(Method::Auto);
}

#[test]
fn refused_pairs_leave_no_trace_in_the_original_method() {
    refused_pairs_leave_no_trace(Method::Original);
}

/// The CPU, until it breaks after some calls; what it computed until then is right.
#[derive(Clone)]
struct Breakable(Arc<AtomicIsize>);

impl Breakable {
    fn sound() -> Self {
        Breakable(Arc::new(AtomicIsize::new(isize::MAX)))
    }

    fn break_after(&self, calls: isize) {
        self.0.store(calls, Ordering::SeqCst);
    }

    fn call(&self) -> Result<(), BackendError> {
        if self.0.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        let [device, during, cause] = ["a device", "a test", "unplugged"].map(String::from);
        Err(BackendError::Failed { device, during, cause })
    }
}

impl Backend for Breakable {
    fn name(&self) -> String {
        "cpu until it breaks".into()
    }

    fn load<'a>(&self, image: Image<'a>) -> Result<Box<dyn Pixels + 'a>, BackendError> {
        self.call()?;
        Ok(Box::new(BreakablePixels { device: self.clone(), cpu: Cpu.load(image)? }))
    }

    fn search(&self, plan: &SearchPlan) -> Result<(QuadraticGratings, f64), BackendError> {
        self.call()?;
        Cpu.search(plan)
    }
}

struct BreakablePixels<'a> {
    device: Breakable,
    cpu: Box<dyn Pixels + 'a>,
}

impl Pixels for BreakablePixels<'_> {
    fn image(&self) -> &GrayImage {
        self.cpu.image()
    }

    fn normal_equations(
        &mut self,
        region: Region,
        at: &GratingParameters,
        scale: f64,
    ) -> Result<NormalEquations, BackendError> {
        self.device.call()?;
        self.cpu.normal_equations(region, at, scale)
    }

    fn remove_illumination(&mut self, fit: &GratingParameters) -> Result<(), BackendError> {
        self.device.call()?;
        self.cpu.remove_illumination(fit)
    }

    fn phases_along(&mut self, v: usize) -> (&[f32], [&[f32]; 2]) {
        self.cpu.phases_along(v)
    }

    fn window_sums(&mut self, windows: &[Window]) -> Result<Vec<WindowSums>, BackendError> {
        self.device.call()?;
        self.cpu.window_sums(windows)
    }
}

#[test]
fn a_device_lost_in_the_middle_of_a_pair_leaves_no_trace() {
    for method in [Method::Auto, Method::Original] {
        let sweep = Sweep::new(method);
        let undisturbed = sweep.whole(ActiveBackend::cpu(), |_, _| ());
        // Two calls hand both images over; then come passes over pixels, or one search a camera.
        for (lost_at, calls) in [(0, 1), (0, 40), (2, 3)] {
            let device = Breakable::sound();
            let taken_over = sweep.whole(ActiveBackend::with(Arc::new(device.clone()), true), |_, index| {
                if index == lost_at {
                    device.break_after(calls);
                }
            });
            assert!(
                taken_over == undisturbed,
                "{method:?}: lost in pair {lost_at} after {calls} calls, the CPU goes on"
            );

            let device = Breakable::sound();
            let refused_once = sweep.whole(ActiveBackend::with(Arc::new(device.clone()), false), |session, index| {
                if index == lost_at {
                    device.break_after(calls);
                    assert!(session.add_pair(sweep.pairs[index].as_ref(), pose(index)).is_err());
                    device.break_after(isize::MAX);
                }
            });
            assert!(refused_once == undisturbed, "{method:?}: refused in pair {lost_at} after {calls} calls");
        }
    }
}
