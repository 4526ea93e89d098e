//! Sums over pixels, as a backend computes them.
//!
//! | file | holds |
//! | --- | --- |
//! | [`normal_equations`] | JᵀJ and Jᵀr of cost (4), exactly and fast |
//! | [`moments`] | the moments that these follow from |
//! | [`window`] | sums over windows in phase coordinates, for the local measurement |

pub mod moments;
pub mod normal_equations;
pub mod window;
