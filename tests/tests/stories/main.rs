//! Wasl as people meet it, told in stories: each starts real processes and looks at them from outside.

mod accounting;
mod api;
mod commands;
mod delivery;
mod devices;
mod directions;
mod discovery;
mod enrolment;
mod figures;
mod first_start;
mod followed;
mod goodbye;
mod hostile;
mod incidents;
mod line;
mod links;
mod operators;
mod simulate;
mod stamp;
mod traps;
mod trust;
mod vanished;
mod watched;
