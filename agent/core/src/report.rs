//! How collectors hand in what they saw.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::sync::mpsc;
use wasl_model::{Notice, NoticeCode, Observation, Severity, Subject, Timestamp, Value};

/// How many observations may wait for the spool. A collector that meets the bound waits with them.
const QUEUE: usize = 4096;

/// A collector's way to the spool. Cheap to clone.
#[derive(Clone)]
pub struct Reporter {
    queue: mpsc::Sender<Observation>,
    standing: Arc<Mutex<HashMap<(Subject, NoticeCode), Notice>>>,
}

impl Reporter {
    /// A reporter and the end at which observations come out.
    pub fn new() -> (Self, mpsc::Receiver<Observation>) {
        let (queue, out) = mpsc::channel(QUEUE);
        (Self { queue, standing: Arc::default() }, out)
    }

    /// Hands in a value seen now.
    pub async fn report(&self, subject: Subject, value: impl Into<Value>) {
        self.report_at(subject, Timestamp::from(SystemTime::now()), value).await;
    }

    /// Hands in a value seen at `at`. After shutdown has begun the value is dropped.
    pub async fn report_at(&self, subject: Subject, at: Timestamp, value: impl Into<Value>) {
        let _ = self.queue.send(Observation { subject, at, value: value.into() }).await;
    }

    /// Says something that a person should know. The same words about the same subject are said once.
    pub async fn raise(
        &self,
        subject: Subject,
        code: NoticeCode,
        severity: Severity,
        detail: impl Into<String>,
    ) {
        let notice = Notice { code, severity, cleared: false, detail: detail.into() };
        if self.note(&subject, code, Some(&notice)) {
            if severity == Severity::Info {
                tracing::info!(%subject, code = code.as_str(), "{}", notice.detail);
            } else {
                tracing::warn!(%subject, code = code.as_str(), "{}", notice.detail);
            }
            self.report(subject, Value::Notice(notice)).await;
        }
    }

    /// Takes a notice back, if it stands.
    pub async fn clear(&self, subject: Subject, code: NoticeCode) {
        if self.note(&subject, code, None) {
            tracing::info!(%subject, code = code.as_str(), "no longer so");
            let notice = Notice { code, severity: Severity::Info, cleared: true, detail: String::new() };
            self.report(subject, Value::Notice(notice)).await;
        }
    }

    /// Records what stands; whether that is a change.
    fn note(&self, subject: &Subject, code: NoticeCode, notice: Option<&Notice>) -> bool {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (subject.clone(), code);
        match notice {
            Some(notice) => standing.insert(key, notice.clone()).as_ref() != Some(notice),
            None => standing.remove(&key).is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasl_model::EntityKind;

    #[tokio::test]
    async fn a_standing_notice_is_said_once_and_taken_back_once() {
        let (reporter, mut out) = Reporter::new();
        let subject = Subject::new(EntityKind::Device, "sw").expect("valid");
        for _ in 0..3 {
            reporter.raise(subject.clone(), NoticeCode::DeviceSilent, Severity::Error, "no answer").await;
        }
        for _ in 0..2 {
            reporter.clear(subject.clone(), NoticeCode::DeviceSilent).await;
        }
        drop(reporter);
        let mut seen = Vec::new();
        while let Some(observation) = out.recv().await {
            let Value::Notice(notice) = observation.value else { panic!("only notices were handed in") };
            seen.push(notice.cleared);
        }
        assert_eq!(seen, [false, true]);
    }
}
