//! An image pair taken after the tool came to rest: neither stale nor repeated, and without image shift.

use crate::camera::Camera;
use crate::ros::input::image_buffer::Pair;
use crate::ros::robot::mover::Mover;
use crate::ros::robot::stop::{Stop, failed};
use crate::ros::support::work;
use crate::statistics::is_within;
use crate::sweep::images::stillness::shift_px;
use crate::sweep::motion::settle::Settled;
use std::time::Instant;

/// What a pair must be.
#[derive(Clone, Copy, Debug)]
pub struct Exposure {
    /// When the tool left its last pose: what a camera showed before that is stale now, whatever its stamp says.
    pub left_ns: i64,
    /// When the tool came to rest.
    pub settled: Settled,
    /// Largest image shift between consecutive images, px.
    pub tolerance_px: f64,
}

impl Exposure {
    /// The first such pair; `retaken` counts those that were not.
    ///
    /// # Errors
    /// [`Stop`] when none comes in time.
    pub async fn take(self, mover: &mut Mover<'_>, retaken: &mut u32) -> Result<Pair, Stop> {
        let Settled { from_ns, since_ns, .. } = self.settled;
        let both_after = |pair: &Pair, ns: i64| Camera::BOTH.iter().all(|c| pair[*c].stamp_ns > ns);
        // One that was taken while the tool was seen at rest tells whether the image is, too.
        let mut before = mover.cameras().recent().into_iter().rev().find(|pair| both_after(pair, from_ns));
        let mut after_ns = since_ns;
        let begun = Instant::now();
        let longest = mover.settings.image_timeout + mover.settings.settle_timeout;
        loop {
            let pair = pair_after(mover, after_ns, "after the tool settled").await?;
            after_ns = pair.left.stamp_ns.max(pair.right.stamp_ns);
            let repeated = self.repeated(mover, &pair);
            let found_px = match (repeated, before.replace(pair.clone())) {
                (None, Some(earlier)) if earlier.left.stamp_ns < pair.left.stamp_ns => {
                    let found_px = larger_shift_px(earlier, pair.clone()).await?;
                    if is_within(found_px, self.tolerance_px) {
                        return Ok(pair);
                    }
                    *retaken += 1;
                    found_px
                }
                (None, _) => f64::NAN,
                (Some(_), _) => {
                    // A stale image says nothing about rest.
                    before = None;
                    *retaken += 1;
                    f64::NAN
                }
            };
            if begun.elapsed() > longest {
                let limit_s = longest.as_secs_f64();
                return match repeated {
                    Some(camera) => failed(format!(
                        "the {camera} camera has repeated, with new stamps, what it showed before the tool moved, for \
                         {limit_s:.1} s: is its driver frozen?"
                    )),
                    None => failed(format!(
                        "the image did not come to rest within {limit_s:.1} s: it shifts by {found_px:.2} px from one \
                         image to the next, at most {} px are accepted: stop what shakes cameras or sheet, or raise \
                         settle.image_tolerance",
                        self.tolerance_px
                    )),
                };
            }
        }
    }

    /// A camera that shows what it had shown before the tool moved.
    fn repeated(&self, mover: &Mover<'_>, pair: &Pair) -> Option<Camera> {
        let is_repeated = |camera: &Camera| mover.cameras().is_repeated(*camera, &pair[*camera], self.left_ns);
        Camera::BOTH.into_iter().find(is_repeated)
    }
}

/// The larger shift of both images, px; 0 where there is nothing to see: the fit will say so.
async fn larger_shift_px(first: Pair, second: Pair) -> Result<f64, Stop> {
    let shift = move |camera: Camera| shift_px(&first[camera].to_gray(), &second[camera].to_gray());
    let shifts = work::in_background(move || Camera::BOTH.map(shift)).await?;
    Ok(shifts.into_iter().flatten().map(|shift| shift.norm()).fold(0.0, f64::max))
}

/// The first pair whose images are both stamped later than `since_ns`.
///
/// # Errors
/// [`Stop`] when none comes in time, or on cancel.
pub async fn pair_after(mover: &mut Mover<'_>, since_ns: i64, when: &str) -> Result<Pair, Stop> {
    let begun = Instant::now();
    let mut pairs = mover.cameras().pairs();
    loop {
        if let Some(pair) = pairs.borrow_and_update().clone()
            && Camera::BOTH.iter().all(|camera| pair[*camera].stamp_ns > since_ns)
        {
            return Ok(pair);
        }
        if begun.elapsed() > mover.settings.image_timeout {
            return failed(format!(
                "no image pair arrived within {:.1} s {when}: {}",
                mover.settings.image_timeout.as_secs_f64(),
                mover.cameras().trouble_and_publishers().await
            ));
        }
        let period = mover.settings.period;
        tokio::select! {
            _ = pairs.changed() => mover.stop_if_cancelled()?,
            waited = mover.wait(period) => waited?,
        }
        // Nothing is commanded here, but a sweep whose robot is lost is over.
        mover.fresh_pose()?;
    }
}
