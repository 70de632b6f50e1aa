//! The controller's clock, read in one place.

use std::time::{SystemTime, UNIX_EPOCH};

use wasl_model::Timestamp;

/// Now, in milliseconds.
pub fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// Now, in microseconds since 1970.
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A time as people and JSON read it: RFC 3339 in UTC.
pub fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.0).map_or_else(|_| time.0.to_string(), |t| t.to_string())
}
