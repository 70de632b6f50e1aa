//! What every agent does: observe its machine, keep observations in the spool, and bring them to the controller.

pub mod report;
pub mod secrets;
