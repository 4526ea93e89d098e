//! Image pairs taken at rest, out of what the cameras and the robot's driver publish:
//! [`crate::sweep::images::chooser`] decides, on a thread of its own, so that neither stream waits for it.

use crate::camera::Camera;
use crate::pose::tool_pose::StampedPose;
use crate::ros::input::camera_input::CameraInput;
use crate::ros::input::images::StampedImage;
use crate::ros::input::pose_input::PoseInput;
use crate::sweep::images::chooser::StillPairChooser;
use crate::sweep::images::still_pair::{NotYet, StillPair, StillPairSettings};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use tokio::sync::{oneshot, watch};

/// A pair of images taken at rest.
pub type StillImages = StillPair<Arc<StampedImage>>;

/// What the chooser hears of.
enum Event {
    Image(Camera, Arc<StampedImage>),
    Pose(StampedPose),
    /// One pair is wanted from now on.
    Wanted(Wanted, oneshot::Sender<StillImages>),
    End,
}

/// Which pair is wanted.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// Taken at rest near the target, mm in the base frame; `None`: anywhere.
    AtRest(Option<[f64; 3]>),
    /// Taken later than this stamp, ns, where poses are not known.
    After(i64),
}

/// How far the chooser is.
#[derive(Clone, Copy, Debug)]
pub struct ChooserState {
    /// Why there is no pair: what was decided about the latest one at this place, else what is waited for.
    pub not_yet: NotYet,
    /// Pairs that repeated an old image, or moved, though the tool was at rest.
    pub passed_over: u32,
}

/// Follows both cameras and the tool for as long as it lives.
pub struct StillPairs {
    events: Sender<Event>,
    state: watch::Receiver<ChooserState>,
}

impl StillPairs {
    /// Follows from now on; what cameras showed before is not known.
    ///
    /// # Errors
    /// When its thread can't be started.
    pub fn start(cameras: &CameraInput, poses: &PoseInput, settings: StillPairSettings) -> std::io::Result<Self> {
        let (events, heard) = channel();
        let (publish, state) = watch::channel(ChooserState { not_yet: NotYet::NoPose, passed_over: 0 });
        let chooser = StillPairChooser::new(settings);
        thread::Builder::new().name("still-pairs".into()).spawn(move || choose(chooser, &heard, &publish))?;
        let taken = events.clone();
        cameras.taps().add(move |(camera, image)| taken.send(Event::Image(*camera, image.clone())).is_ok());
        let taken = events.clone();
        poses.taps().add(move |pose| taken.send(Event::Pose(*pose)).is_ok());
        Ok(StillPairs { events, state })
    }

    /// Asks for a pair; it comes once, and a later request takes its place.
    pub fn want(&self, wanted: Wanted) -> oneshot::Receiver<StillImages> {
        let (answer, pair) = oneshot::channel();
        // A thread that has ended drops the answer: the receiver says so.
        let _ = self.events.send(Event::Wanted(wanted, answer));
        pair
    }

    /// How far the chooser is.
    pub fn state(&self) -> ChooserState {
        *self.state.borrow()
    }
}

impl Drop for StillPairs {
    fn drop(&mut self) {
        let _ = self.events.send(Event::End);
    }
}

fn choose(
    mut chooser: StillPairChooser<Arc<StampedImage>>,
    events: &Receiver<Event>,
    state: &watch::Sender<ChooserState>,
) {
    let mut answer = None;
    while let Ok(event) = events.recv() {
        let found = match event {
            Event::End => return,
            Event::Image(camera, image) => chooser.on_image(camera, image.stamp_ns, image),
            Event::Pose(pose) => chooser.on_pose(pose),
            Event::Wanted(wanted, to) => {
                match wanted {
                    Wanted::AtRest(target_mm) => chooser.stop_at(target_mm),
                    Wanted::After(stamp_ns) => chooser.take_after(stamp_ns),
                }
                answer = Some(to);
                Err(chooser.not_yet())
            }
        };
        match found {
            Ok(pair) => {
                if let Some(answer) = answer.take() {
                    // Whoever asked may have stopped waiting.
                    let _ = answer.send(pair);
                }
            }
            // Images are mostly a little ahead of poses: that must not hide why the pair before was refused.
            Err(not_yet) => {
                let not_yet = chooser.refusal().unwrap_or(not_yet);
                state.send_replace(ChooserState { not_yet, passed_over: chooser.passed_over() });
            }
        }
    }
}
