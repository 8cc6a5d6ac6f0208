//! The files of a project: `outflow.yaml`, and what it includes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use outflow_core::{Code, Error, files};

use super::tree::File;
pub(super) use super::tree::{Key, Node, Place, Value};
use super::{FILE, Problems, yaml};

/// A larger file is no project file.
pub(super) const MAX_BYTES: u64 = 4 << 20;

/// The documents of a project.
#[derive(Default)]
pub(super) struct Documents {
    /// The project's file first, then what it includes.
    pub(super) all: Vec<Node>,
    /// A file could not be read: names may be missing that are no mistake.
    pub(super) incomplete: bool,
    /// The files so far. None is read twice, so includes end.
    seen: Vec<PathBuf>,
}

/// Reads the project's file and the files that it includes.
pub(super) fn load(dir: &Path, problems: &mut Problems) -> Documents {
    let mut documents = Documents::default();
    let path = dir.join(FILE);
    let file = Arc::new(File::on_disk(0, FILE.to_owned(), dir.to_owned()));
    match read(&path, file, problems) {
        Ok(root) => {
            documents.seen.push(path);
            documents.add(root, problems);
        }
        Err((place, error)) => {
            let is_missing = error.code() == Code::ProjectFileUnreadable && error.help_text().is_none();
            let help = match misnamed(dir) {
                Some(name) => format!("{name} is here: rename it to {FILE}"),
                None => format!("a project is a folder with a file {FILE}: `outflow init` writes one"),
            };
            problems.add_error(&place, if is_missing { error.help(help) } else { error });
        }
    }
    documents
}

/// A file in the folder whose name is nearly that of the project's file.
fn misnamed(dir: &Path) -> Option<String> {
    let names = std::fs::read_dir(dir).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_near = |name: &String| {
        let plain = name.to_ascii_lowercase();
        let rest = plain.strip_prefix("outflow.").unwrap_or_default();
        name != FILE && ["yml", "yaml", "yaml.txt", "yml.txt", "yaml.yaml", "json"].contains(&rest)
    };
    names.filter(is_near).min()
}

impl Documents {
    /// Adds a document and what it includes.
    fn add(&mut self, document: Node, problems: &mut Problems) {
        let include = document.get("include");
        let includes =
            include.map(|i| if i.items().is_empty() { std::slice::from_ref(i) } else { i.items() });
        let includes: Vec<(Place, String)> = includes
            .unwrap_or_default()
            .iter()
            .filter_map(|node| Some((node.place.clone(), node.text()?.to_owned())))
            .collect();
        self.all.push(document);
        for (place, named) in includes {
            self.include(&place, &named, problems);
        }
    }

    fn include(&mut self, place: &Place, named: &str, problems: &mut Problems) {
        let path = place.path(named);
        let is_same = |other: &PathBuf| match (other.canonicalize(), path.canonicalize()) {
            (Ok(a), Ok(b)) => a == b,
            _ => *other == path,
        };
        if self.seen.iter().any(is_same) {
            let message = format!("{named:?} is a part of the project already");
            return problems.add(place, Code::DuplicateName, message, "take this line out");
        }
        let dir = path.parent().map(Path::to_owned).unwrap_or_default();
        let file = Arc::new(File::on_disk(self.seen.len(), place.shown_path(named), dir));
        let included = read(&path, file, problems);
        self.seen.push(path);
        match included {
            Ok(included) => self.add(included, problems),
            Err((start, error)) => {
                self.incomplete = true;
                if named.contains(['*', '?']) {
                    let message = format!("{named:?} is a pattern, and include takes names of files");
                    let help = "list the files: `include: [syncs/users.yaml, syncs/orders.yaml]`";
                    problems.add(place, Code::ProjectFileUnreadable, message, help);
                } else if error.code() == Code::ProjectFileUnreadable {
                    problems.add_error(place, unreadable(error, place));
                } else {
                    problems.add_error(&start, error);
                }
            }
        }
    }
}

/// The tree of a file.
fn read(path: &Path, file: Arc<File>, problems: &mut Problems) -> Result<Node, (Place, Error)> {
    let start = Place { file, line: 1, column: 1 };
    let text = read_text(path).map_err(|error| (start.clone(), error.at(start.to_string())))?;
    yaml::read(&text, &start, problems)
}

/// The text of a file that the project names.
pub(super) fn read_text(path: &Path) -> Result<String, Error> {
    files::read_text(path, MAX_BYTES).map_err(|failure| {
        let error = Error::new(Code::ProjectFileUnreadable, format!("{} {failure}", path.display()));
        match failure.help() {
            Some(help) => error.help(help),
            None => error.caused_by(failure),
        }
    })
}

/// The error about a file that is named at a place.
pub(super) fn unreadable(error: Error, place: &Place) -> Error {
    let error = error.at(place.to_string());
    match error.help_text() {
        Some(_) => error,
        None => error.help("paths are relative to the file that they stand in"),
    }
}
