//! Listeners to a stream of messages.

use crate::ros::locked;
use std::sync::Mutex;

type Tap<T> = Box<dyn Fn(&T) -> bool + Send>;

/// Who hears of all that comes in; a tap that returns `false` is removed.
pub struct Taps<T>(Mutex<Vec<Tap<T>>>);

impl<T> Default for Taps<T> {
    fn default() -> Self {
        Taps(Mutex::default())
    }
}

impl<T> Taps<T> {
    /// Adds a tap.
    pub fn add(&self, tap: impl Fn(&T) -> bool + Send + 'static) {
        locked(&self.0).push(Box::new(tap));
    }

    /// Tells all of them.
    pub fn tell(&self, item: &T) {
        locked(&self.0).retain(|tap| tap(item));
    }
}
