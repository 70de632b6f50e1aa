//! What an institution wants Wasl to do, read from a directory of YAML files.
//!
//! The directory is the only source of intent: it lies in git and is reviewed, and nothing else writes it. So
//! it has to be read strictly. A misspelt key that is quietly ignored is a branch that nobody watches;
//! hence unknown keys, repeated keys and references to nothing are refused, all of them in one run, each
//! with its file, line and column, the line itself, and the nearest thing that would be right.
//!
//! A configuration is taken whole or not at all. Of a faulty one nothing is used, and whoever
//! reloads keeps the last sound one.
//!
//! # The way of a file
//! `directory` finds and reads it, `node` makes it a tree of places, `read` turns the tree into the types of
//! `file`, whose rules garde applies; `source` gathers the files, and `check` looks at what no single value
//! shows and yields [`Settings`].
//!
//! # Secrets
//! A secret is a name here. The file of that name lies on the host that uses it, and the controller never
//! sees it. A value that looks like a secret itself is refused and masked in the message.

mod check;
mod directory;
mod file;
mod nearest;
mod node;
mod period;
mod problem;
mod profile;
mod quantity;
mod read;
mod settings;
mod snippet;
mod source;
mod syntax;
mod values;

use std::path::{Path, PathBuf};

use serde_json::Value;

pub use file::{LinkRole, Portion};
pub use period::{InvalidPeriod, Period};
pub use problem::{Code, Problem};
pub use quantity::{Rate, Share};
pub use settings::{
    Accounting, Acquaintances, Agent, Backup, Contract, Controller, Device, Familiar, HealthPolicy,
    Institution, Kept, Link, LinkProbe, Retention, Ring, Settings, ShareOf, Site, StampTest, Station, Sweep,
    Sweeping, Target, Watch,
};
pub use values::LoopbackRole;

/// Reads every `*.yaml` and `*.yml` below `dir`.
///
/// The error is never empty and is sorted by place. Paths in it begin with `dir`. After some 200 problems the
/// rest waits for the next run.
pub fn load(dir: &Path) -> Result<Settings, Vec<Problem>> {
    load_from(&directory::read(dir)?)
}

/// Reads what is below `dir` as if another file were there as well.
///
/// The error is never empty and is sorted by place.
pub fn load_with(dir: &Path, file: (PathBuf, String)) -> Result<Settings, Vec<Problem>> {
    let mut files = directory::read(dir)?;
    files.push(file);
    load_from(&files)
}

/// Reads files that are in memory already, as pairs of path and text. The paths only name the files.
///
/// The error is never empty and is sorted by place.
pub fn load_from(files: &[(PathBuf, String)]) -> Result<Settings, Vec<Problem>> {
    check::settings(files)
}

/// The JSON Schema of one file, for editors; `config/schema/wasl.schema.json` is its committed form.
///
/// It knows shapes and words, not references and limits: those only [`load`] checks.
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(file::File).to_value();
    refuse_null(&mut schema);
    schema
}

/// An optional key may be absent; schemars also lets it be null, which the reader refuses.
fn refuse_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [single] = types.as_slice() {
                    let single = single.clone();
                    object.insert("type".to_owned(), single);
                }
            }
            if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
                if let [Value::Object(single)] = choices.as_slice() {
                    let single = single.clone();
                    object.remove("anyOf");
                    object.extend(single);
                }
            }
            object.values_mut().for_each(refuse_null);
        }
        Value::Array(items) => items.iter_mut().for_each(refuse_null),
        _ => {}
    }
}

/// The annotated configuration that `wasl up` writes for a new user: this machine, its default gateway and its
/// name server.
pub fn starter() -> &'static str {
    include_str!("../../../config/starter/wasl.yaml")
}
