//! The tutorial, typed block by block into a shell, with its outputs compared.
//!
//! A block that begins with ```` ```sh ```` is typed; a block without a word behind it is what the
//! block before it prints. Times, ids, numbers of processes and places of this machine may differ;
//! `…` stands for anything, on a line by itself for any lines. `UPDATE_DOCS=1` writes what was
//! printed into the page.

use std::fs;
use std::path::Path;

use outflow_testkit::crash::Program;
use outflow_testkit::free_port;

use crate::support::binary;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/TUTORIAL.md");
/// What ends the output of a block, followed by its exit code.
const END: &str = "@@ end of block";
/// The port that the page uses; another one may be free here.
const PORT: &str = "8099";

/// A block of the page: the lines of its text, counted from 0.
struct Block {
    word: String,
    begin: usize,
    end: usize,
}

fn blocks(lines: &[&str]) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<(String, usize)> = None;
    for (n, line) in lines.iter().enumerate() {
        let Some(word) = line.strip_prefix("```") else { continue };
        match open.take() {
            Some((word, begin)) => found.push(Block { word, begin, end: n }),
            None => open = Some((word.to_owned(), n + 1)),
        }
    }
    found
}

/// One line with what may differ taken out.
fn settled(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line.trim_end();
    while let Some(c) = rest.chars().next() {
        let word: String =
            rest.chars().take_while(|c| c.is_ascii_hexdigit() || "-:.TZ".contains(*c)).collect();
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let is_id = word.len() == 36 && word.matches('-').count() == 4;
        let is_time = word.len() >= 8 && word.matches([':', '-']).count() >= 2 && digits >= 6;
        let is_seconds = word.len() == 10 && digits == 10;
        if is_id || is_time || is_seconds {
            out.push('#');
            rest = &rest[word.len()..];
            continue;
        }
        let number: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        let behind = &rest[number.len()..];
        let is_span = [" s", " ms", " MB", " kB"].iter().any(|unit| behind.starts_with(unit));
        if !number.is_empty() && (is_span || out.ends_with("process ")) {
            out.push('#');
            rest = behind;
            continue;
        }
        let taken = if number.is_empty() { c.len_utf8() } else { number.len() };
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    // Widths of columns follow the widths of what was taken out.
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn line_fits(expected: &str, said: &str) -> bool {
    let (expected, said) = (settled(expected), settled(said));
    let mut rest = said.as_str();
    let parts: Vec<&str> = expected.split('…').collect();
    for (n, part) in parts.iter().enumerate() {
        let part = part.trim();
        match rest.find(part) {
            Some(at) if n > 0 || at == 0 => rest = &rest[at + part.len()..],
            _ => return false,
        }
    }
    expected.ends_with('…') || rest.trim().is_empty()
}

fn fits(expected: &[&str], said: &[&str]) -> bool {
    match expected.split_first() {
        None => said.is_empty(),
        Some((&"…", more)) => (0..=said.len()).any(|skipped| fits(more, &said[skipped..])),
        Some((line, more)) => {
            said.split_first().is_some_and(|(first, rest)| line_fits(line, first) && fits(more, rest))
        }
    }
}

/// Types all blocks into one shell; what each printed, and its exit code.
fn typed(commands: &[String], folder: &Path) -> Vec<(String, i32)> {
    let port = free_port().to_string();
    let mut script = "exec 2>&1\n".to_owned();
    for command in commands {
        script += &command.replace(PORT, &port);
        script += &format!("\nprintf '\\n%s %s\\n' '{END}' \"$?\"\n");
    }
    let path = format!("{}:{}", binary().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let exit =
        Program::new("bash").args(["-c", &script]).folder(folder).env("PATH", path).env("NO_COLOR", "1");
    let exit = exit.env("COLUMNS", "100").run();
    let mut found = Vec::new();
    let mut text = exit.stdout.replace(&port, PORT);
    while let Some((said, rest)) = text.split_once(END) {
        let (code, rest) = rest.split_once('\n').unwrap();
        found.push((said.trim().to_owned(), code.trim().parse().unwrap()));
        text = rest.to_owned();
    }
    assert_eq!(found.len(), commands.len(), "the shell ended early: {exit:?}");
    found
}

#[test]
fn the_tutorial_does_what_it_says() {
    let page = fs::read_to_string(PAGE).unwrap();
    let lines: Vec<&str> = page.lines().collect();
    let all = blocks(&lines);
    let commands: Vec<(usize, &Block)> = all.iter().enumerate().filter(|(_, b)| b.word == "sh").collect();
    assert!(commands.len() > 15, "{} blocks", commands.len());
    let place = tempfile::tempdir().unwrap();
    let texts: Vec<String> = commands.iter().map(|(_, b)| lines[b.begin..b.end].join("\n")).collect();
    let said = typed(&texts, place.path());
    let (mut wrong, mut new) = (Vec::new(), lines.clone());
    for (((at, block), text), (output, code)) in commands.iter().zip(&texts).zip(&said).rev() {
        // A page that shows a failure says so in front of it.
        let expected_code = match lines[..block.begin - 1].iter().rev().find(|line| !line.is_empty()) {
            Some(line) => {
                line.strip_prefix("<!-- exit ").and_then(|l| l.trim_end_matches(" -->").parse().ok())
            }
            None => None,
        };
        if expected_code.unwrap_or(0) != *code {
            wrong.push(format!("line {}: exit code {code}\n{text}\n{output}", block.begin));
        }
        let Some(shown) = all.get(at + 1).filter(|next| next.word.is_empty() && next.begin <= block.end + 3)
        else {
            continue;
        };
        let output: Vec<&str> = output.lines().collect();
        if !fits(&lines[shown.begin..shown.end], &output) {
            let shown_text = lines[shown.begin..shown.end].join("\n");
            wrong.push(format!(
                "line {}:\n{text}\n--- the page:\n{shown_text}\n--- printed:\n{}",
                shown.begin,
                output.join("\n")
            ));
            new.splice(shown.begin..shown.end, output);
        }
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let new = new.join("\n") + "\n";
        fs::write(PAGE, new).unwrap();
        return;
    }
    wrong.reverse();
    assert!(wrong.is_empty(), "UPDATE_DOCS=1 writes what was printed\n\n{}", wrong.join("\n\n"));
}

#[test]
fn only_what_may_differ_differs() {
    assert!(line_fits("at 2026-11-24 01:39:01Z in 0.1 s", "at 2026-12-24 11:39:01Z   in 12.5 s"));
    assert!(line_fits("run 3 of … ended", "run 3 of users ended"));
    assert!(!line_fits("3 rows", "4 rows"));
    assert!(!line_fits("3 rows", "3 rows more"));
    assert!(fits(&["a", "…", "z"], &["a", "b", "c", "z"]));
    assert!(!fits(&["a", "z"], &["a", "b", "z"]));
}
