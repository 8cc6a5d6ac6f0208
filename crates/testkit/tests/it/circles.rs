//! No file imports itself by way of other files.
//!
//! The rule: file A imports file B if a path in A (of a `use`, or in the code) names an item of B.
//! A path begins at `crate`, `self`, `super` or a module that A declares. A name that a module only
//! imports from elsewhere counts for the file that defines it. Two things are no imports: what a
//! file takes from a module that contains it, since `super::Thing` is how a folder's files share
//! what its head defines; and what `mod tests` inside a file uses. That a module uses the files in
//! its folder does count, so a file in a folder must not import one that imports the folder's head.
//!
//! This reads the text and not the compiler's tree. Names that come through `*` or from a macro are
//! not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// A module's path. The first part is the root file, such as `crates/query/src/lib`.
type Module = Vec<String>;
type Modules = BTreeMap<Module, File>;

#[derive(Default)]
struct File {
    /// Each path with the name that a `use` gives it; no name for a path in the code.
    paths: Vec<(Vec<String>, Option<String>)>,
    /// The modules that it declares in files of their own.
    children: BTreeSet<String>,
}

#[test]
fn no_file_imports_itself_through_others() {
    let modules = modules(&super::tidy::root());
    assert!(modules.len() > 250, "only {} files were read", modules.len());
    let edges = edges(&modules);
    assert!(edges.values().map(BTreeSet::len).sum::<usize>() > 500, "only {} files import", edges.len());
    let mut report = String::new();
    for group in circles(&edges) {
        for module in &group {
            let others: Vec<_> = edges[module].intersection(&group).map(|m| m.join("::")).collect();
            let _ = writeln!(report, "{} imports {}", module.join("::"), others.join(", "));
        }
        report.push('\n');
    }
    assert!(report.is_empty(), "files import each other in a circle:\n{report}");
}

#[test]
fn a_circle_is_found_wherever_it_runs() {
    let circle = |files: &[(&str, &str)]| {
        let modules = files.iter().map(|(path, text)| (module(path), read(text))).collect();
        let groups = circles(&edges(&modules));
        groups.into_iter().flatten().map(|m| m[1..].join("::")).collect::<Vec<_>>()
    };
    let head = ("lib", "mod a; mod b; mod c; pub use a::A;");
    let none: [&str; 0] = [];
    assert_eq!(circle(&[head, ("a", "use crate::b::B;"), ("b", "fn f() {}"), ("c", "")]), none);
    let pair = [head, ("a", "use crate::b::B;"), ("b", "use super::{c, a::A};"), ("c", "")];
    assert_eq!(circle(&pair), ["a", "b"]);
    // By a path in the code, by a name that the root hands on, and by a file in a folder.
    assert_eq!(circle(&[head, ("a", "fn f() { super::b::g() }"), ("b", "use crate::A;")]), ["a", "b"]);
    let folder = ("a", "mod deep; pub struct A; use deep::D;");
    assert_eq!(circle(&[head, folder, ("a/deep", "use crate::b::B;"), ("b", "")]), none);
    assert_eq!(circle(&[head, folder, ("a/deep", "use super::A;")]), none);
    let through = circle(&[head, folder, ("a/deep", "use crate::b::B;"), ("b", "use crate::a::A;")]);
    assert_eq!(through, ["a", "a::deep", "b"]);
    // Neither comments nor texts nor tests import.
    let quiet = "// crate::b::B\nconst X: &str = \"crate::b\";\n#[cfg(test)]\nmod tests { use crate::b::B; }";
    assert_eq!(circle(&[head, ("a", quiet), ("b", "use crate::a::A;")]), none);
}

fn module(path: &str) -> Module {
    let parts = path.split('/').map(str::to_owned);
    if path == "lib" { vec!["lib".to_owned()] } else { ["lib".to_owned()].into_iter().chain(parts).collect() }
}

/// The files of every crate: those of `src`, and those of the tests.
fn modules(root: &Path) -> Modules {
    let mut modules = Modules::new();
    for entry in std::fs::read_dir(root.join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        for root_file in ["src/lib", "src/main", "tests/it/main"] {
            let file = folder.join(root_file).with_extension("rs");
            if file.exists() {
                add(&mut modules, vec![format!("{name}/{root_file}")], &file, file.parent().unwrap());
            }
        }
    }
    modules
}

fn add(modules: &mut Modules, module: Module, file: &Path, folder: &Path) {
    let parsed = read(&std::fs::read_to_string(file).unwrap());
    for child in &parsed.children {
        let path = folder.join(child).with_extension("rs");
        assert!(path.exists(), "{} is not where modules are", path.display());
        let inner = module.iter().chain([child]).cloned().collect();
        add(modules, inner, &path, &folder.join(child));
    }
    modules.insert(module, parsed);
}

/// Which files each file imports.
fn edges(modules: &Modules) -> BTreeMap<Module, BTreeSet<Module>> {
    let imports = |(module, file): (&Module, &File)| {
        let found = file.paths.iter().filter_map(|(path, _)| resolve(modules, module, path, 0));
        (module.clone(), found.filter(|target| !module.starts_with(target)).collect())
    };
    modules.iter().map(imports).collect()
}

/// The file that defines what a path names; `None` if the path leads out of the crate.
fn resolve(modules: &Modules, from: &Module, path: &[String], depth: usize) -> Option<Module> {
    let mut rest = path;
    let mut at = match path.first()?.as_str() {
        "crate" => from[..1].to_vec(),
        "self" => from.clone(),
        "super" => from[..from.len().checked_sub(1)?].to_vec(),
        child if modules[from].children.contains(child) => from.iter().chain([&path[0]]).cloned().collect(),
        _ => return None,
    };
    rest = &rest[1..];
    while let Some((next, after)) = rest.split_first() {
        if next == "super" {
            at.pop();
        } else if modules.get(&at)?.children.contains(next) {
            at.push(next.clone());
        } else if next != "self" {
            let named = |name: &Option<String>| name.as_ref() == Some(next);
            let paths = &modules.get(&at)?.paths;
            let handed_on = paths.iter().find(|(_, name)| named(name)).filter(|_| depth < 8);
            return handed_on.and_then(|(path, _)| resolve(modules, &at, path, depth + 1)).or(Some(at));
        }
        rest = after;
    }
    modules.contains_key(&at).then_some(at)
}

/// The groups of files of which each reaches every other.
fn circles(edges: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<BTreeSet<Module>> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> = edges
        .keys()
        .map(|start| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
            while let Some(module) = open.pop() {
                open.extend(edges.get(module).into_iter().flatten().filter(|next| seen.insert(*next)));
            }
            (start, seen)
        })
        .collect();
    let in_circle = reached.iter().filter(|(module, seen)| seen.contains(*module));
    in_circle
        .map(|(module, seen)| {
            seen.iter().filter(|m| reached[*m].contains(module)).map(|m| (*m).clone()).collect()
        })
        .collect()
}

/// The paths and the modules of a file's text.
fn read(text: &str) -> File {
    let code = without_comments_and_texts(text);
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let tokens = tokens(code);
    let mut file = File::default();
    let mut at = 0;
    while at < tokens.len() {
        let is = |offset: usize, text: &str| tokens.get(at + offset).is_some_and(|t| *t == text);
        if is(0, "mod") && is(2, ";") {
            file.children.insert(tokens[at + 1].to_owned());
        }
        // `use<…>` lists what an `impl Trait` captures.
        if is(0, "use") && !is(1, "<") {
            at = tree(&tokens, at + 1, &[], &mut file.paths);
        } else {
            // A path that does not go on from one before it.
            let begins = is(1, "::") && !(at > 0 && tokens[at - 1] == "::");
            if begins {
                let mut path = vec![tokens[at].to_owned()];
                while tokens.get(at + 1).is_some_and(|t| *t == "::")
                    && tokens.get(at + 2).is_some_and(|t| is_word(t))
                {
                    path.push(tokens[at + 2].to_owned());
                    at += 2;
                }
                file.paths.push((path, None));
            }
            at += 1;
        }
    }
    file
}

/// Reads a tree of imports from a token on and returns the token behind it.
fn tree(
    tokens: &[&str],
    mut at: usize,
    before: &[String],
    paths: &mut Vec<(Vec<String>, Option<String>)>,
) -> usize {
    let mut path = before.to_vec();
    let mut name = None;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match *token {
            "::" => {}
            "{" => {
                while tokens.get(at).is_some_and(|t| !["}", ";"].contains(t)) {
                    at = tree(tokens, at, &path, paths);
                    at += usize::from(tokens.get(at) == Some(&","));
                }
                return at + 1;
            }
            "as" => {
                name = tokens.get(at).map(|t| (*t).to_owned());
                at += 1;
            }
            "," | "}" | ";" => {
                at -= 1;
                break;
            }
            part => path.push(part.to_owned()),
        }
    }
    let name = name.or_else(|| path.iter().rfind(|part| *part != "self").cloned());
    paths.push((path, name));
    at
}

/// Words, `::`, and single characters.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len()) {
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            word => word,
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Code alone: comments go, and of texts the quotes stay.
fn without_comments_and_texts(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['/', '"', '\'', 'r']) {
        let raw = rest[at..].strip_prefix('r').map(|r| r.len() - r.trim_start_matches('#').len());
        let raw = raw.filter(|hashes| rest[at + 1 + hashes..].starts_with('"'));
        code.push_str(&rest[..at]);
        let tail = &rest[at..];
        let length = if tail.starts_with("//") {
            tail.find('\n').unwrap_or(tail.len())
        } else if let Some(hashes) =
            raw.filter(|_| !code.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        {
            let end = format!("\"{}", "#".repeat(hashes));
            tail[hashes + 2..].find(&end).map_or(tail.len(), |i| hashes + 2 + i + end.len())
        } else if tail.starts_with('"') {
            quoted(tail)
        } else if tail.starts_with('\'') {
            character(tail)
        } else {
            code.push_str(&tail[..1]);
            1
        };
        rest = &tail[length..];
    }
    code + rest
}

/// The length of a text in quotes at the beginning.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return i + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    text.len()
}

/// The length of a character at the beginning; 1 for the quote of a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((i, _))) => text[i + 1..].find('\'').map_or(1, |end| i + end + 2),
        (Some(_), Some((i, '\''))) => i + 1,
        _ => 1,
    }
}
