//! Small conversions between columns and types.

use std::error::Error;
use std::str::FromStr;

use wasl_model::Timestamp;

use crate::Digest;

/// A record that holds what no version of this program wrote.
pub(super) fn damaged(source: impl Into<Box<dyn Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(source.into())
}

/// A column that is the text of a type.
pub(super) fn parsed<T>(text: &str) -> sqlx::Result<T>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    text.parse().map_err(damaged)
}

/// A column that is the text of a type, or NULL.
pub(super) fn parsed_option<T>(text: Option<&str>) -> sqlx::Result<Option<T>>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    text.map(parsed).transpose()
}

pub(super) fn digest(bytes: &[u8]) -> sqlx::Result<Digest> {
    bytes.try_into().map_err(damaged)
}

pub(super) fn ranges(bytes: &[u8]) -> sqlx::Result<crate::RangeSet> {
    crate::RangeSet::from_bytes(bytes).map_err(damaged)
}

/// A count for a BIGINT column.
pub(super) fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count from a BIGINT column.
pub(super) fn count(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

pub(super) fn time(column: Option<i64>) -> Option<Timestamp> {
    column.map(Timestamp)
}
