//! The live page: progress, both images, residuals, models, clicks, start and cancel; on this machine only, by default.
//!
//! | file | holds |
//! | --- | --- |
//! | [`page`] | serves the page |
//! | [`guard`] | who may ask: no foreign page, no foreign name |
//! | [`sources`] | what the page shows and asks for |
//! | [`state`] | what the page shows, as JSON |
//! | [`camera_images`] | the cameras' images as JPEG |
//! | [`orders`] | what the page may ask for |
//! | `page.html` | the page itself, in one file |

pub mod camera_images;
pub mod guard;
pub mod orders;
pub mod page;
pub mod sources;
pub mod state;
