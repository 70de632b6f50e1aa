//! The harness of the end-to-end stories: real processes of Wasl, real tools, and networks of their own.
//!
//! The stories themselves stand in `tests/stories`. Each runs in a process of its own (`cargo nextest run
//! -p wasl-tests`), so a story may change its own process, and what it makes outside is named after its
//! process: two stories, or two runs, never meet. Whatever a story makes is undone when it ends, also when
//! it fails.
//!
//! A harness that fails has nobody to hand an error to but the person who reads the test's output, so its
//! functions panic, with words.

pub mod binaries;
pub mod centre;
pub mod chance;
pub mod client;
pub mod clock;
pub mod daemon;
pub mod disk;
pub mod evidence;
pub mod net;
pub mod packages;
pub mod partners;
pub mod skip;
pub mod tool;
pub mod wait;
