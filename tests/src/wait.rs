//! Waiting for something to become true, never for time to pass.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The first `Some` that `look` gives. Panics with the name of what was awaited after `within`.
pub fn until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < within, "waited {within:?} in vain: {what}");
        pause(LOOK);
    }
}

/// Waits until `condition` holds. Panics after `within`.
pub fn until_true(what: &str, within: Duration, mut condition: impl FnMut() -> bool) {
    until(what, within, || condition().then_some(()));
}

/// Lets time pass while a fault lasts; `look` is called meanwhile and may panic. This proves nothing by
/// itself: it is the length of the fault.
pub fn during(length: Duration, mut look: impl FnMut()) {
    let begun = Instant::now();
    while let Some(rest) = length.checked_sub(begun.elapsed()).filter(|rest| !rest.is_zero()) {
        look();
        pause(rest.min(Duration::from_millis(250)));
    }
}

/// Milliseconds since 1970 now.
pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn pause(length: Duration) {
    let begun = Instant::now();
    while let Some(rest) = length.checked_sub(begun.elapsed()).filter(|rest| !rest.is_zero()) {
        std::thread::park_timeout(rest);
    }
}
