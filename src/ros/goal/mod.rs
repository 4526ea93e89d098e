//! Goals: one sweep from preflight to file.
//!
//! | file | holds |
//! | --- | --- |
//! | [`action`] | the `~/calibrate` action: goals, feedback and results as messages |
//! | [`action_server`] | the services and topics of an action |
//! | [`goal_table`] | the goals of an action, their states and results |
//! | [`calibrator`] | runs goals, of the action and of the page |
//! | [`request`] | what a goal asks for |
//! | [`job`] | what a goal fixes, from request and parameters |
//! | [`sweep`] | one sweep |
//! | [`preflight`] | everything that can be found out before the robot moves |
//! | [`still`] | an image pair that is fresh and still |
//! | [`outcome`] | how a goal ended well |

pub mod action;
pub mod action_server;
pub mod calibrator;
pub mod goal_table;
pub mod job;
pub mod outcome;
pub mod preflight;
pub mod request;
pub mod still;
pub mod sweep;
