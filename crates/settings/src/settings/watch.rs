//! Which interfaces are meant to be up.

/// The interfaces of a device or a machine that are meant to be up: names, or beginnings of names before a `*`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watch(pub Vec<String>);

impl Watch {
    /// Whether an interface of this name is meant to be up.
    pub fn covers(&self, interface: &str) -> bool {
        self.0.iter().any(|watched| match watched.strip_suffix('*') {
            Some(beginning) => interface.starts_with(beginning),
            None => interface == watched,
        })
    }

    /// Whether this very interface is named, by more than the beginning of its name.
    pub fn names(&self, interface: &str) -> bool {
        self.0.iter().any(|watched| !watched.ends_with('*') && watched == interface)
    }
}
