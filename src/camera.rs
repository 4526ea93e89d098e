//! Which of the two cameras, and a value for each of them.

use serde::{Deserialize, Serialize};

/// One of the two cameras on the tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(strum::Display, strum::EnumMessage, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Camera {
    /// The camera whose pixels come first.
    Left,
    /// The other one.
    Right,
}

impl Camera {
    /// Left, then right.
    pub const BOTH: [Camera; 2] = [Camera::Left, Camera::Right];
}

/// A value for each camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stereo<T> {
    /// Of the left camera.
    pub left: T,
    /// Of the right camera.
    pub right: T,
}

impl<T> Stereo<T> {
    /// Builds both sides with the same function.
    pub fn from_fn(mut make: impl FnMut(Camera) -> T) -> Self {
        Stereo { left: make(Camera::Left), right: make(Camera::Right) }
    }

    /// Builds both sides with the same function, at once where two threads are free.
    pub fn join(make: impl Fn(Camera) -> T + Sync) -> Self
    where
        T: Send,
    {
        let (left, right) = rayon::join(|| make(Camera::Left), || make(Camera::Right));
        Stereo { left, right }
    }

    /// References to both sides.
    pub fn as_ref(&self) -> Stereo<&T> {
        Stereo { left: &self.left, right: &self.right }
    }

    /// References to what both sides point to.
    pub fn as_deref(&self) -> Stereo<&T::Target>
    where
        T: std::ops::Deref,
    {
        Stereo { left: &self.left, right: &self.right }
    }

    /// Converts both sides with the same function.
    pub fn map<U>(self, mut convert: impl FnMut(T) -> U) -> Stereo<U> {
        Stereo { left: convert(self.left), right: convert(self.right) }
    }
}

impl<T> std::ops::Index<Camera> for Stereo<T> {
    type Output = T;

    fn index(&self, camera: Camera) -> &T {
        match camera {
            Camera::Left => &self.left,
            Camera::Right => &self.right,
        }
    }
}

impl<T> std::ops::IndexMut<Camera> for Stereo<T> {
    fn index_mut(&mut self, camera: Camera) -> &mut T {
        match camera {
            Camera::Left => &mut self.left,
            Camera::Right => &mut self.right,
        }
    }
}
