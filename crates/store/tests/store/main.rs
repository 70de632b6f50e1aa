//! What any store must do, told as stories, and who runs them.

mod conformance;
mod crash;
mod fixtures;
mod sqlite;
mod upkeep;
