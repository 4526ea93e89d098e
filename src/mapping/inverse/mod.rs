//! World → pixel models inverted: pixels → points, with covariance.
//!
//! | file | holds |
//! | --- | --- |
//! | [`invert`] | pixel pair → point, pixel + plane → point |
//! | [`starts`] | where the search for a pair's point begins |

pub mod invert;
pub mod starts;
