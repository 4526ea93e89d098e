//! What a user can set, as the core calls it.
//!
//! The text of an error names a setting by its words. Only the edges know how it is given there, by an option or a
//! parameter. They put their own names into the text before a person reads it.

use std::fmt;

/// Something that a user can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray)]
pub enum Setting {
    /// Pixel of the grid's origin in the first image of each camera.
    OriginPixels,
    /// Distance between neighbouring printed lines.
    Pitch,
    /// Where set points may lie.
    AllowedBox,
    /// Longest way to the next set point.
    StepLimit,
    /// Frames between which transforms give the tool's pose.
    Frames,
    /// Where the left images are recorded.
    LeftTopic,
    /// Where the right images are recorded.
    RightTopic,
    /// Where the tool's poses are recorded.
    PoseTopic,
    /// Which part of a recording is used.
    TimeSpan,
    /// How far poses at rest may lie apart.
    SettleTolerance,
    /// How far the image may shift between images at rest.
    ImageTolerance,
    /// How far the stamps of the two images of a pair may lie apart.
    SyncTolerance,
}

impl Setting {
    /// Words for it; no other text has them.
    const fn words(self) -> &'static str {
        match self {
            Setting::OriginPixels => "the origin's pixels in both images",
            Setting::Pitch => "the pitch of the print",
            Setting::AllowedBox => "the allowed box",
            Setting::StepLimit => "the largest step",
            Setting::Frames => "the names of base and tool frame",
            Setting::LeftTopic => "the topic of the left images",
            Setting::RightTopic => "the topic of the right images",
            Setting::PoseTopic => "the topic of the poses",
            Setting::TimeSpan => "the time span in use",
            Setting::SettleTolerance => "the settle tolerance",
            Setting::ImageTolerance => "the largest image shift",
            Setting::SyncTolerance => "the sync tolerance",
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// `text` with the `name` that an edge has for a setting in parentheses behind each of its words; `None`: it can't be set
/// there.
pub fn spelled_out(text: &str, name: impl Fn(Setting) -> Option<&'static str>) -> String {
    let named = |text: String, setting: &Setting| match name(*setting) {
        Some(name) => text.replace(setting.words(), &format!("{setting} ({name})")),
        None => text,
    };
    <Setting as strum::VariantArray>::VARIANTS.iter().fold(text.to_string(), named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::origin_mark::locate::OriginError;
    use strum::VariantArray;

    #[test]
    fn an_edge_s_name_stands_behind_the_words() {
        let text = OriginError::NotFound { cells: 9, dark: 1 }.to_string();
        assert!(text.ends_with("or give the origin's pixels in both images"), "{text}");
        let spelled = spelled_out(&text, |setting| (setting == Setting::OriginPixels).then_some("--origin"));
        assert_eq!(spelled, format!("{text} (--origin)"));
        assert_eq!(spelled_out(&text, |_| None), text);
    }

    #[test]
    fn no_words_are_part_of_others() {
        for (n, setting) in Setting::VARIANTS.iter().enumerate() {
            let others = Setting::VARIANTS.iter().enumerate().filter(|(m, _)| *m != n);
            others.for_each(|(_, other)| assert!(!other.words().contains(setting.words()), "{setting} in {other}"));
        }
    }
}
