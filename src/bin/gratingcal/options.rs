//! How settings of the library are given here.

use grating_calibration::setting::{Setting, spelled_out};

/// `text` with the option of each setting that it names.
pub fn with_options(text: &str) -> String {
    spelled_out(text, option)
}

fn option(setting: Setting) -> Option<&'static str> {
    match setting {
        Setting::OriginPixels => Some("--origin-left and --origin-right"),
        Setting::Pitch => Some("--pitch-mm"),
        // No robot is commanded from here.
        Setting::AllowedBox | Setting::StepLimit => None,
        Setting::Frames => Some("--base-frame and --tool-frame"),
        Setting::LeftTopic => Some("--left-topic"),
        Setting::RightTopic => Some("--right-topic"),
        Setting::PoseTopic => Some("--pose-topic"),
        Setting::TimeSpan => Some("--from-s and --to-s"),
        Setting::SettleTolerance => Some("--settle-tolerance-um"),
        Setting::ImageTolerance => Some("--image-tolerance-px"),
        Setting::SyncTolerance => Some("--sync-tolerance-s"),
    }
}
