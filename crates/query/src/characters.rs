//! Characters of a query that are not what they look like, before anything else is said about it.
//!
//! What always holds: what stands in a string is data and stays, but for characters that turn the
//! direction of text and control characters, which cannot be seen there. What it does not do: judge
//! quoted names, which `lint::names` warns about.

use outflow_core::Code;
use outflow_core::characters::{self, Odd, Oddity};

use crate::problem::Problem;
use crate::scan::{Kind, Scan};

/// Keywords that can be spelled in letters of another script alone.
const KEYWORDS: &[&str] = &["AS", "ASC", "BY", "IN", "IS", "ON", "OR", "MAX"];

/// Where a character stands.
#[derive(Clone, Copy, PartialEq)]
enum Region {
    Code,
    String,
    Name,
    LineComment,
    BlockComment,
}

/// Everything that is wrong with the characters of a query.
pub(crate) fn check(scan: &Scan<'_>) -> Vec<Problem> {
    if scan.text.is_ascii() && !scan.text.bytes().any(|b| b.is_ascii_control() && b != b'\n') {
        return Vec::new();
    }
    let mut found: Vec<(Odd, Problem)> = Vec::new();
    for (at, c) in scan.text.char_indices() {
        let Some(odd) = characters::odd(c) else { continue };
        found.extend(problem(scan, at, c, odd, region(scan, at)).map(|problem| (odd, problem)));
    }
    let mut problems = each_once(found);
    problems.extend(words(scan));
    problems.extend(line_ends(scan));
    problems.sort_by_key(|p| p.at);
    problems
}

fn region(scan: &Scan<'_>, at: usize) -> Region {
    let within = |start: usize, end: usize| (start..end).contains(&at);
    let token = scan.tokens.partition_point(|t| t.end <= at);
    if let Some(token) = scan.tokens.get(token).filter(|t| within(t.start, t.end)) {
        return match token.kind {
            Kind::Literal => Region::String,
            Kind::Quoted => Region::Name,
            _ => Region::Code,
        };
    }
    let comment = scan.comments.partition_point(|c| c.end <= at);
    match scan.comments.get(comment).filter(|c| within(c.start, c.end)) {
        Some(comment) if scan.text[comment.start..].starts_with("--") => Region::LineComment,
        Some(_) => Region::BlockComment,
        None => Region::Code,
    }
}

fn problem(scan: &Scan<'_>, at: usize, c: char, odd: Odd, region: Region) -> Option<Problem> {
    let end = at + c.len_utf8();
    let say = |message: String, help: String| {
        let problem = Problem::new(at, Code::LookalikeInQuery, message, help);
        Some(match replacement(scan.text, at, c, odd, region) {
            Some(replacement) => problem.fixed_by(end, replacement),
            None => problem,
        })
    };
    match (odd.what, region) {
        (Oddity::Direction, _) => say(
            format!("the query holds {odd}: what is shown is not what runs"),
            "delete it; in an editor that shows nothing there, type the line again".to_owned(),
        ),
        (Oddity::Control, Region::Code | Region::String | Region::Name) => say(
            format!("the query holds {odd}"),
            "delete it; if a string needs it, make it with CHR(…)".to_owned(),
        ),
        (_, Region::Code) => outside(scan.text, at, c, odd).and_then(|(message, help)| say(message, help)),
        _ => None,
    }
}

/// What is meant to stand in place of a character, where that is certain.
fn replacement(text: &str, at: usize, c: char, odd: Odd, region: Region) -> Option<String> {
    let (before, behind) = (text[..at].chars().next_back(), text[at + c.len_utf8()..].chars().next());
    match odd.what {
        Oddity::Direction | Oddity::Invisible => Some(String::new()),
        Oddity::Control => (region == Region::Code).then(|| " ".to_owned()),
        Oddity::Blank => Some(" ".to_owned()),
        Oddity::Quote => odd.like.map(String::from),
        // One of two dashes, or one that stands for both.
        Oddity::Dash if before == Some('-') || behind == Some('-') => Some("-".to_owned()),
        Oddity::Dash if before == Some(' ') && behind == Some(' ') => None,
        Oddity::Dash => Some("-".to_owned()),
        Oddity::Fullwidth => ascii(c, odd),
        Oddity::Letter => None,
    }
}

/// The character or characters of ASCII that are meant.
fn ascii(c: char, odd: Odd) -> Option<String> {
    Some(match c {
        '≤' => "<=".to_owned(),
        '≥' => ">=".to_owned(),
        '≠' => "<>".to_owned(),
        '…' => "...".to_owned(),
        _ => odd.like?.to_string(),
    })
}

/// What is said about a character that SQL reads.
fn outside(text: &str, at: usize, c: char, odd: Odd) -> Option<(String, String)> {
    let (before, behind) = (text[..at].chars().next_back(), text[at + c.len_utf8()..].chars().next());
    Some(match odd.what {
        Oddity::Blank => (
            format!("{odd} stands where SQL wants a blank"),
            "type a plain blank in its place; it often comes along from a web page or a document".to_owned(),
        ),
        Oddity::Invisible => (
            format!("the query holds {odd}, which nobody sees"),
            "delete it, or type the words around it again".to_owned(),
        ),
        Oddity::Quote => {
            let quote = odd.like?;
            let what = if quote == '"' { "a name in quotes" } else { "a string" };
            (
                format!("{odd} is no quote for a database"),
                format!("write {quote} in its place: it begins and ends {what}"),
            )
        }
        Oddity::Dash if before == Some('-') || behind == Some('-') || behind == Some(c) => {
            (format!("{odd} begins no comment"), "write `--` for a comment".to_owned())
        }
        Oddity::Dash => (
            format!("{odd} is no minus for a database"),
            "write `-` in its place, or `--` if a comment begins here".to_owned(),
        ),
        Oddity::Fullwidth => {
            let ascii = ascii(c, odd)?;
            (format!("{odd} means nothing to a database"), format!("write {ascii} in its place"))
        }
        Oddity::Direction | Oddity::Control | Oddity::Letter => return None,
    })
}

/// One problem for all characters of a kind, at the first place.
fn each_once(found: Vec<(Odd, Problem)>) -> Vec<Problem> {
    let mut kept: Vec<(Odd, usize, Problem)> = Vec::new();
    for (odd, problem) in found {
        let is_alike = |other: &Odd| (other.what, other.like) == (odd.what, odd.like);
        match kept.iter_mut().find(|(other, _, _)| is_alike(other)) {
            Some((_, more, _)) => *more += 1,
            None => kept.push((odd, 0, problem)),
        }
    }
    let say = |(_, more, problem): (Odd, usize, Problem)| match more {
        0 => problem,
        1 => problem.also("; there is another one further on"),
        more => problem.also(&format!("; there are {more} more further on")),
    };
    kept.into_iter().map(say).collect()
}

/// Words that are spelled with letters of another script.
fn words(scan: &Scan<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for token in scan.tokens.iter().filter(|t| t.kind == Kind::Word) {
        let word = scan.of(token);
        if word.is_ascii() {
            continue;
        }
        let keyword = || {
            let plain = characters::skeleton(word).to_ascii_uppercase();
            let all_odd = word.chars().all(|c| !c.is_ascii());
            (all_odd && KEYWORDS.contains(&plain.as_str())).then_some(plain)
        };
        let Some(plain) = characters::lookalike(word).or_else(keyword) else { continue };
        let letter = word.char_indices().find_map(|(i, c)| Some((i, characters::odd(c)?)));
        let Some((offset, odd)) = letter else { continue };
        let at = token.start + offset;
        let problem = Problem::new(
            at,
            Code::LookalikeInQuery,
            format!("{odd} stands in the word {word}"),
            format!("write {plain} in Latin letters; if the word is right as it is, put it in double quotes"),
        );
        // Letters before it are Latin already.
        let rest: String = plain.chars().skip(word[..offset].chars().count()).collect();
        problems.push(problem.fixed_by(token.end, rest));
    }
    problems
}

/// Characters in a `--` comment that an editor may show as the end of a line, and the server does
/// not: what seems to follow the comment belongs to it.
fn line_ends(scan: &Scan<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for comment in &scan.comments {
        let text = &scan.text[comment.clone()];
        if !text.starts_with("--") {
            continue;
        }
        let ends = |c: char| matches!(c, '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
        // A carriage return before the line break belongs to it.
        let text = text.strip_suffix('\r').unwrap_or(text);
        let Some(at) = text.find(ends).filter(|at| !text[*at..].trim().is_empty()) else { continue };
        let c = text[at..].chars().next().map_or(0, u32::from);
        problems.push(Problem::new(
            comment.start + at,
            Code::LookalikeInQuery,
            format!("the comment goes on behind a character that looks like the end of a line (U+{c:04X})"),
            "end the line with a line feed: what follows belongs to the comment and does not run",
        ));
    }
    problems
}
