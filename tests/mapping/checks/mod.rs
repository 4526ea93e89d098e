//! Whatever goes wrong in a sweep is repaired, or the result is refused with its likely cause. See docs/checks.md.

mod slips;
