//! A session whose pairs are on disk.
//!
//! A pair is fitted first and recorded then. One that can't be fitted is thus never in the record, where it would end
//! every resumed sweep anew. Nobody is told of a pair before it is in the record. A crash loses at most the pair under
//! way, which a resumed sweep takes again.

use crate::camera::Stereo;
use crate::folder::image_file::RawImage;
use crate::folder::prefetch::prefetch;
use crate::folder::recording::journal::{Header, Pair};
use crate::folder::recording::record::{RecordError, Recorder, read_back};
use crate::grating::backend::Image;
use crate::pose::tool_pose::ToolPose;
use crate::sweep::error::SweepError;
use crate::sweep::outcome::{CalibrationOutcome, PairReport};
use crate::sweep::session::SweepSession;
use std::path::Path;

/// A session whose pairs are on disk, if they are recorded at all.
pub struct RecordedSession {
    session: SweepSession,
    recorder: Option<Recorder>,
}

/// Why a pair is not in the record.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// It can't be fitted, or contradicts those before.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// The disk refuses it; the session has it.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl RecordedSession {
    /// Without a record.
    pub fn unrecorded(session: SweepSession) -> Self {
        RecordedSession { session, recorder: None }
    }

    /// With a new record in `folder`, for the sweep that `header` describes.
    ///
    /// # Errors
    /// [`RecordError`] when the folder can't be written to.
    pub fn create(session: SweepSession, folder: &Path, header: &Header) -> Result<Self, RecordError> {
        Ok(RecordedSession { session, recorder: Some(Recorder::create(folder, header)?) })
    }

    /// With the `pairs` that `recorder` has in `folder`: each is fitted again, told to `each`, and ends it with an error.
    ///
    /// # Errors
    /// When a file is not what was written, and those of `each`.
    pub fn resume<E: From<RecordError> + From<SweepError>>(
        mut session: SweepSession,
        folder: &Path,
        recorder: Recorder,
        pairs: &[Pair],
        mut each: impl FnMut(&SweepSession, PairReport, ToolPose) -> Result<(), E>,
    ) -> Result<Self, E> {
        let backend = session.backend().clone();
        let read = |pair: &Pair| Ok::<_, RecordError>(backend.load_pair(read_back(folder, pair)?.map(Image::from)));
        prefetch(pairs, read, |pair, loaded| {
            let report = session.add_loaded(loaded?, pair.pose)?;
            each(&session, report, pair.pose)
        })?;
        Ok(RecordedSession { session, recorder: Some(recorder) })
    }

    /// Fits a pair and records it; on return it is on disk.
    ///
    /// # Errors
    /// [`AddError`]; a pair that can't be fitted is not recorded.
    pub fn add(&mut self, images: Stereo<RawImage<'_>>, pose: ToolPose) -> Result<PairReport, AddError> {
        let report = self.session.add_pair(images.map(RawImage::to_gray).as_ref(), pose)?;
        if let Some(recorder) = &mut self.recorder {
            recorder.add(images, pose)?;
        }
        Ok(report)
    }

    /// The session.
    pub fn session(&self) -> &SweepSession {
        &self.session
    }

    /// Fits the models.
    ///
    /// # Errors
    /// [`SweepError`] when no calibration comes of the pairs.
    pub fn finish(self) -> Result<CalibrationOutcome, SweepError> {
        self.session.finish()
    }
}
