//! The words that stand on an entity.

use wasl_model::AgentId;

use crate::word::Heard;

/// By witness, in the order of their names.
///
/// There are as many of these as entities, and most hold one word: a list of just that length costs a fifth of what
/// the node of a map does, which has room for eleven.
#[derive(Debug, Default)]
pub(super) struct Words(Vec<(Option<AgentId>, Heard)>);

impl Words {
    fn place(&self, witness: Option<&AgentId>) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_ref().cmp(&witness))
    }

    pub(super) fn get(&self, witness: Option<&AgentId>) -> Option<&Heard> {
        self.place(witness).ok().map(|place| &self.0[place].1)
    }

    /// Puts a word in place of the one that this witness said before.
    pub(super) fn put(&mut self, witness: Option<AgentId>, heard: Heard) {
        match self.place(witness.as_ref()) {
            Ok(place) => self.0[place].1 = heard,
            Err(place) => {
                self.0.reserve_exact(1);
                self.0.insert(place, (witness, heard));
            }
        }
    }

    /// Drops a witness's word; whether there was one.
    pub(super) fn remove(&mut self, witness: Option<&AgentId>) -> bool {
        self.place(witness).map(|place| self.0.remove(place)).is_ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (Option<&AgentId>, &Heard)> {
        self.0.iter().map(|(witness, heard)| (witness.as_ref(), heard))
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &Heard> {
        self.0.iter().map(|(_, heard)| heard)
    }

    /// The agents among the witnesses.
    pub(super) fn agents(&self) -> impl Iterator<Item = &AgentId> {
        self.0.iter().filter_map(|(witness, _)| witness.as_ref())
    }
}
