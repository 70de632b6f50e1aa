//! Occasional observations between the model and the wire.

use wasl_model::units::Millis;
use wasl_model::{BackupEvidence, BackupOutcome, Notice, NoticeCode, Severity, Timestamp, Value};

use super::wire;

/// The longest free text in a record, in bytes; longer ones are cut.
const MAX_TEXT: usize = 2_000;

/// What a record came to.
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is returned, and a box costs more")]
pub(super) enum Read {
    Value(Box<Value>),
    Unknown,
    Invalid,
}

/// The record of a value; `None` for regular samples.
pub(super) fn write(value: &Value) -> Option<wire::What> {
    match value {
        Value::Backup(b) => Some(wire::What::Backup(wire::Backup {
            tool: cut(&b.tool),
            tool_version: cut(&b.tool_version),
            outcome: b.outcome as u32,
            snapshots: b.snapshots,
            newest_at_ms: b.newest_at.map(|t| t.0),
            newest_id: b.newest_id.as_deref().map(cut),
            newest_bytes: b.newest_bytes,
            took_ms: b.took.0,
            detail: cut(&b.detail),
        })),
        Value::Notice(n) => Some(wire::What::Notice(wire::Notice {
            code: n.code as u32,
            severity: n.severity as u32,
            cleared: n.cleared,
            detail: cut(&n.detail),
        })),
        Value::Host(_)
        | Value::Disk(_)
        | Value::Interface(_)
        | Value::Probe(_)
        | Value::Agent(_)
        | Value::Device(_)
        | Value::Stamp(_)
        | Value::Sensor(_) => None,
    }
}

/// The value of a record.
pub(super) fn read(what: Option<&wire::What>) -> Read {
    match what {
        None => Read::Unknown,
        Some(wire::What::Backup(b)) => match BackupOutcome::from_code(b.outcome) {
            None => Read::Unknown,
            Some(outcome) if [&b.tool, &b.tool_version, &b.detail].iter().all(|t| t.len() <= MAX_TEXT) => {
                Read::Value(Box::new(Value::Backup(BackupEvidence {
                    tool: b.tool.clone(),
                    tool_version: b.tool_version.clone(),
                    outcome,
                    snapshots: b.snapshots,
                    newest_at: b.newest_at_ms.map(Timestamp),
                    newest_id: b.newest_id.clone().filter(|id| id.len() <= MAX_TEXT),
                    newest_bytes: b.newest_bytes,
                    took: Millis(b.took_ms),
                    detail: b.detail.clone(),
                })))
            }
            Some(_) => Read::Invalid,
        },
        Some(wire::What::Notice(n)) => match (NoticeCode::from_code(n.code), Severity::from_code(n.severity))
        {
            (Some(code), Some(severity)) if n.detail.len() <= MAX_TEXT => {
                Read::Value(Box::new(Value::Notice(Notice {
                    code,
                    severity,
                    cleared: n.cleared,
                    detail: n.detail.clone(),
                })))
            }
            (Some(_), Some(_)) => Read::Invalid,
            _ => Read::Unknown,
        },
    }
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}
