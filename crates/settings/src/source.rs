//! The files of one configuration, read into trees, and the problems found in them so far.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use garde::Validate;
use wasl_model::AgentId;

use crate::file::File;
use crate::nearest::{nearest, remedy};
use crate::node::{self, Node};
use crate::problem::{Code, Complaint, Place, Problem};
use crate::read;
use crate::snippet::{printable, quote};
use crate::values::Id;

/// A file whose text is a YAML document.
struct Source<'a> {
    path: &'a Path,
    text: Cow<'a, str>,
    root: Node,
}

/// Where something stands: the number of its file, and the place in it.
pub(crate) type Spot = (usize, Place);

/// All files of a configuration.
pub(crate) struct Sources<'a> {
    files: Vec<Source<'a>>,
    /// Some file is missing from `files`, so whatever seems to be undefined may stand there.
    pub(crate) incomplete: bool,
    pub(crate) problems: Vec<Problem>,
}

/// Something that is defined in a file.
pub(crate) struct Defined<T> {
    pub(crate) value: T,
    pub(crate) file: usize,
    /// Its key.
    pub(crate) key: Place,
    /// Whether its values kept to the rules that stand by the fields; if not, comparing them says little.
    pub(crate) sound: bool,
    section: &'static str,
    /// Which entry of the section in this file; none for a section that stands once.
    entry: Option<usize>,
}

/// So many problems are reported in one run; whoever has more has one cause for most of them.
const MAX_PROBLEMS: usize = 200;

impl<'a> Sources<'a> {
    /// Reads every file; those that are no YAML documents are reported and left out.
    pub(crate) fn parse(texts: &'a [(PathBuf, String)]) -> (Self, Vec<File>) {
        let mut sources = Self { files: Vec::new(), incomplete: false, problems: Vec::new() };
        let mut files = Vec::new();
        for (path, text) in texts {
            let text = unix_lines(text.strip_prefix('\u{feff}').unwrap_or(text));
            if text.trim().is_empty() {
                let complaint = Complaint::new(Code::Empty, "the file is empty")
                    .help("an empty file is often a copy that broke off: restore it, or delete it");
                sources.problems.push(Problem::with_file(path, complaint));
                sources.incomplete = true;
                continue;
            }
            let mut faults = Vec::new();
            let root = node::parse(&text, &mut faults);
            let file = root.as_ref().and_then(|root| read::read::<File>(root, &mut faults));
            faults.truncate(MAX_PROBLEMS);
            for (place, complaint) in faults {
                sources.problems.push(Problem::at(path, &text, place, complaint));
            }
            let Some(root) = root else {
                sources.incomplete = true;
                continue;
            };
            sources.incomplete |= file.is_none();
            sources.files.push(Source { path, text, root });
            files.push(file.unwrap_or_default());
        }
        (sources, files)
    }

    /// Reports a problem.
    pub(crate) fn report(&mut self, (file, place): Spot, complaint: Complaint) {
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        let source = &self.files[file];
        self.problems.push(Problem::at(source.path, &source.text, place, complaint));
    }

    /// `file:line` for people.
    fn name_spot(&self, (file, place): Spot) -> String {
        format!("{}:{}", printable(&self.files[file].path.to_string_lossy()), place.line)
    }

    /// The names that a section defines anywhere, the faulty ones too, with their spots: what is defined
    /// wrongly is not also undefined.
    pub(crate) fn names(&self, section: &str) -> BTreeMap<String, Spot> {
        let mut names = BTreeMap::new();
        for number in 0..self.files.len() {
            for (key, _) in self.entries(number, section) {
                if let Some(name) = key.text() {
                    names.entry(name.to_owned()).or_insert((number, key.place));
                }
            }
        }
        names
    }

    /// What a section of one file holds.
    fn entries(&self, file: usize, section: &str) -> &[(Node, Node)] {
        self.files[file].root.entry(section).map_or(&[], |(_, section)| section.entries())
    }

    /// Gathers a section of named things from all files; a name that was given twice is reported, and the first stays.
    pub(crate) fn gather<T: Validate<Context = ()>>(
        &mut self,
        kind: &str,
        section: &'static str,
        parts: Vec<BTreeMap<Id, T>>,
    ) -> BTreeMap<String, Defined<T>> {
        let mut all: BTreeMap<String, Defined<T>> = BTreeMap::new();
        for (file, part) in parts.into_iter().enumerate() {
            let places: BTreeMap<String, (usize, Place)> = self
                .entries(file, section)
                .iter()
                .enumerate()
                .filter_map(|(entry, (key, _))| Some((key.text()?.to_owned(), (entry, key.place))))
                .collect();
            for (id, value) in part {
                let name = id.as_str().to_owned();
                let Some((entry, key)) = places.get(&name).copied() else { continue };
                let mut defined = Defined { value, file, key, sound: true, section, entry: Some(entry) };
                self.check_values(&mut defined);
                if let Some(first) = all.get(&name) {
                    let first = self.name_spot((first.file, first.key));
                    let message = format!("the {kind} {} is already defined in {first}", quote(&name));
                    let complaint = Complaint::new(Code::DuplicateId, message)
                        .help("delete one of the two, or rename one");
                    self.report((file, key), complaint);
                } else {
                    all.insert(name, defined);
                }
            }
        }
        all
    }

    /// Takes a section that may stand only once; a second one is reported, and the first stays.
    pub(crate) fn single<T: Validate<Context = ()>>(
        &mut self,
        section: &'static str,
        parts: Vec<Option<T>>,
    ) -> Option<Defined<T>> {
        let mut found: Option<Defined<T>> = None;
        for (file, part) in parts.into_iter().enumerate() {
            let Some(key) = self.files[file].root.entry(section).map(|(key, _)| key.place) else { continue };
            let Some(value) = part else { continue };
            let mut defined = Defined { value, file, key, sound: true, section, entry: None };
            self.check_values(&mut defined);
            if let Some(first) = &found {
                let first = self.name_spot((first.file, first.key));
                let message = format!("the section `{section}` stands only once, and is already in {first}");
                let complaint = Complaint::new(Code::DuplicateId, message)
                    .help("put all of its keys into one of the two places");
                self.report((file, key), complaint);
            } else {
                found = Some(defined);
            }
        }
        found
    }

    /// Whether a section stands anywhere, faulty or not.
    pub(crate) fn has(&self, section: &str) -> bool {
        self.files.iter().any(|file| file.root.entry(section).is_some())
    }

    /// The spot of a key such as `snmp.auth` within something, or of the thing itself where the key is absent.
    pub(crate) fn spot<T>(&self, thing: &Defined<T>, path: &str) -> Spot {
        let place = self.node(thing).and_then(|node| node.place_of(path));
        (thing.file, place.unwrap_or(thing.key))
    }

    /// Whether a group within something has a key, even one whose value was refused.
    pub(crate) fn has_key<T>(&self, thing: &Defined<T>, group: &str, key: &str) -> bool {
        let group = self.node(thing).and_then(|node| node.entry(group));
        group.is_some_and(|(_, group)| group.entry(key).is_some())
    }

    fn node<T>(&self, thing: &Defined<T>) -> Option<&Node> {
        match thing.entry {
            Some(entry) => self.entries(thing.file, thing.section).get(entry).map(|(_, value)| value),
            None => self.files[thing.file].root.entry(thing.section).map(|(_, section)| section),
        }
    }

    /// Applies the rules that stand by the fields.
    fn check_values<T: Validate<Context = ()>>(&mut self, thing: &mut Defined<T>) {
        let Err(report) = thing.value.validate() else { return };
        thing.sound = false;
        for (path, error) in report.iter() {
            let spot = self.spot(thing, &path.to_string());
            self.report(spot, Complaint::decode(error.message()));
        }
    }

    /// A reference to something that no file defines.
    pub(crate) fn unknown(&mut self, spot: Spot, kind: &str, given: &str, known: &BTreeMap<String, Spot>) {
        if self.incomplete || known.contains_key(given) || self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        // Names that are faulty themselves are no advice.
        let usable = known.keys().map(String::as_str).filter(|name| AgentId::new(*name).is_ok());
        let define = format!("define it under `{kind}s:`");
        let help = if let Some(name) = nearest(given, usable.clone()) {
            let place =
                known.get(name).map_or_else(String::new, |spot| format!(" ({})", self.name_spot(*spot)));
            format!("did you mean `{name}`{place}?")
        } else if let Some(remedy) = remedy(given, usable) {
            format!("{define}, or {remedy}")
        } else {
            format!("{define}, or correct the name")
        };
        let complaint =
            Complaint::new(Code::UnknownName, format!("no {kind} is called {}", quote(given))).help(help);
        self.report(spot, complaint);
    }

    /// All problems, each once, sorted by place.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut seen = BTreeSet::new();
        let mut problems = self.problems;
        problems.sort_by(|a, b| {
            (&a.file, a.line, a.column, &a.message).cmp(&(&b.file, b.line, b.column, &b.message))
        });
        problems.retain(|problem| {
            seen.insert((problem.file.clone(), problem.line, problem.column, problem.message.clone()))
        });
        problems
    }
}

/// The same text with `\n` for every line break that YAML knows, so that its lines are counted alike everywhere.
fn unix_lines(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}
