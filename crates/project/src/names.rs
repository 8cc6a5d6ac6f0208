//! What has a name in a project, over all its documents.
//!
//! What always holds: a name belongs to one document, and the first one that has it counts. What
//! this does not do: look at what the name stands for.

use outflow_core::Code;

use super::Problems;
use super::document::{Key, Node, Place};

/// The named things under a top-level key, over all files. A name that stands twice is a problem,
/// and its first use counts. So is one that differs in case alone: both would be one folder on some
/// disks, and one name to many people.
pub(super) fn entries<'a>(
    documents: &'a [Node],
    key: &str,
    problems: &mut Problems,
) -> Vec<(&'a Key, &'a Node)> {
    let mut found: Vec<(&Key, &Node)> = Vec::new();
    for (name, node) in documents.iter().filter_map(|d| d.get(key)).flat_map(Node::entries) {
        match found.iter().find(|(other, _)| other.name.eq_ignore_ascii_case(&name.name)) {
            Some((other, _)) if other.place.is_stored() != name.place.is_stored() => {
                let what = format!("{} {:?}", key.trim_end_matches('s'), name.name);
                defined_twice(&what, &other.place, &name.place, problems);
            }
            Some((other, _)) => {
                let how = if other.name == name.name { "twice" } else { "twice, apart from its case" };
                let message = format!("{key} has {:?} {how}: first at {}", name.name, other.place);
                problems.add(&name.place, Code::DuplicateName, message, "give one of them another name");
            }
            None => found.push((name, node)),
        }
    }
    found
}

/// A name that the files and the server define.
pub(super) fn defined_twice(what: &str, one: &Place, other: &Place, problems: &mut Problems) {
    let message = format!("the {what} is defined in a file and on the server: {one} and {other}");
    let help = "take it out of the file or delete it on the server, or give one of them another name";
    problems.add(other, Code::DefinedTwice, message, help);
}

/// A table that one file may hold.
pub(super) fn single<'a>(documents: &'a [Node], key: &str, problems: &mut Problems) -> Option<&'a Node> {
    let mut all = documents.iter().filter_map(|d| d.get(key));
    let first = all.next();
    for other in all {
        if let Some(first) = first.filter(|first| first.place.is_stored() != other.place.is_stored()) {
            defined_twice(&format!("setting {key:?}"), &first.place, &other.place, problems);
            continue;
        }
        let message = format!("{key:?} stands in two files");
        problems.add(&other.place, Code::DuplicateName, message, "keep one of them");
    }
    first
}
