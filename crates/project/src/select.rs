//! Which syncs a command means: names, patterns, tags, sources and destinations.
//!
//! What always holds: who writes a name gets that sync, whether it is enabled or not; everything
//! else means syncs alone that are enabled and not paused. Each part of a selection must mean
//! something, so that a misspelt one is an error and no silence.

use outflow_core::{Code, Error, SyncSpec};

use super::{Project, suggestion};

impl Project {
    /// The names of the syncs that are selected and not excluded, in the order in which they were
    /// selected. Names that the project does not have stay in: their runs may wait to be ended.
    ///
    /// # Errors
    /// C011 for each pattern, tag or other part that no enabled sync has.
    pub fn select(
        &self,
        select: &[String],
        exclude: &[String],
        is_paused: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, Vec<Error>> {
        let (mut chosen, mut errors) = (Vec::<String>::new(), Vec::new());
        let everything = ["*".to_owned()];
        for text in if select.is_empty() { &everything } else { select } {
            match self.meant(text, &is_paused) {
                Ok(names) => chosen.extend(names),
                // A project may have no enabled sync.
                Err(_) if select.is_empty() => {}
                Err(error) => errors.push(error),
            }
        }
        for text in exclude {
            let known = if Part::of(text).is_name() { self.sync(text).map(|_| ()) } else { Ok(()) };
            errors.extend(known.err());
            let part = Part::of(text);
            let is_left_out = |name: &String| match self.sync(name) {
                Ok(spec) => part.means(spec),
                Err(_) => name == text,
            };
            chosen.retain(|name| !is_left_out(name));
        }
        let mut seen = std::collections::HashSet::new();
        chosen.retain(|name| seen.insert(name.clone()));
        if errors.is_empty() { Ok(chosen) } else { Err(errors) }
    }

    /// What is meant by a selection in the form of another tool.
    pub(super) fn other_form(text: &str) -> Option<String> {
        let known = |word: &str| ["tag", "source", "destination"].into_iter().find(|known| *known == word);
        if let Some((word, name)) = text.split_once('=')
            && let Some(word) = known(word)
        {
            return Some(format!("write {word}:{name}"));
        }
        let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        if parts.len() > 1 {
            return Some(format!("write blanks between them: {}", parts.join(" ")));
        }
        if let Some(name) = text.strip_suffix(".sql").or_else(|| text.strip_suffix(".yaml")) {
            let name = name.rsplit('/').next().unwrap_or(name);
            return Some(format!("name the sync, not its file: {name}"));
        }
        let plain =
            text.trim_matches(|c: char| c == '+' || c == '@' || c.is_ascii_digit() && text.contains('+'));
        (plain != text && text.contains(['+', '@']) && !plain.is_empty())
            .then(|| format!("syncs do not depend on each other: write {plain}"))
    }

    fn meant(&self, text: &str, is_paused: &impl Fn(&str) -> bool) -> Result<Vec<String>, Error> {
        let part = Part::of(text);
        if part.is_name() {
            return Ok(vec![text.to_owned()]);
        }
        let enabled = self.syncs.iter().filter(|spec| spec.enabled && part.means(spec));
        let enabled: Vec<String> = enabled.map(|spec| spec.name.clone()).collect();
        let names: Vec<String> = enabled.iter().filter(|name| !is_paused(name)).cloned().collect();
        if !names.is_empty() {
            return Ok(names);
        }
        if !enabled.is_empty() {
            let message = format!("every sync that is meant by {text:?} is paused: {}", enabled.join(", "));
            let error = Error::new(Code::NoSuchSyncOrRun, message);
            return Err(error.help("name a sync to have it run all the same, or resume it"));
        }
        let error = Error::new(Code::NoSuchSyncOrRun, format!("no enabled sync is meant by {text:?}"));
        Err(error.help(self.help_for(&part)))
    }

    fn help_for(&self, part: &Part<'_>) -> String {
        let mut known: Vec<&str> = match part {
            Part::Tag(_) => self.syncs.iter().flat_map(|s| s.tags.iter().map(String::as_str)).collect(),
            Part::Source(_) => self.syncs.iter().map(|s| s.source.as_str()).collect(),
            Part::Destination(_) => self.destinations.iter().map(|d| d.name.as_str()).collect(),
            Part::Name(_) => self.syncs.iter().map(|s| s.name.as_str()).collect(),
        };
        known.sort_unstable();
        known.dedup();
        match part {
            Part::Tag(tag) => suggestion(tag, "the tags are", &known),
            Part::Source(name) => suggestion(name, "the sources are", &known),
            Part::Destination(name) => suggestion(name, "the destinations are", &known),
            Part::Name(_) => format!("the syncs are {}", known.join(", ")),
        }
    }
}

/// One part of a selection.
enum Part<'a> {
    /// A name, or a pattern of names.
    Name(&'a str),
    Tag(&'a str),
    Source(&'a str),
    Destination(&'a str),
}

impl<'a> Part<'a> {
    fn of(text: &'a str) -> Self {
        match text.split_once(':') {
            Some(("tag", tag)) => Self::Tag(tag),
            Some(("source", source)) => Self::Source(source),
            Some(("destination", destination)) => Self::Destination(destination),
            _ => Self::Name(text),
        }
    }

    fn is_name(&self) -> bool {
        matches!(self, Self::Name(name) if !name.contains(['*', '?']))
    }

    fn means(&self, spec: &SyncSpec) -> bool {
        match self {
            Self::Name(pattern) => fits(pattern, &spec.name),
            Self::Tag(pattern) => spec.tags.iter().any(|tag| fits(pattern, tag)),
            Self::Source(pattern) => {
                fits(pattern, &spec.source) || fits(pattern, &format!("{}.{}", spec.source, spec.database))
            }
            Self::Destination(pattern) => spec.connections.iter().any(|c| fits(pattern, &c.destination)),
        }
    }
}

/// Whether a text fits a pattern in which `*` stands for any characters and `?` for one.
pub fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0_usize, 0_usize);
    // Behind the last `*`, and the character from which it was tried last.
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                p = p.saturating_add(1);
                star = Some((p, t));
            }
            Some(c) if *c == '?' || *c == text[t] => {
                (p, t) = (p.saturating_add(1), t.saturating_add(1));
            }
            _ => match star {
                Some((behind, from)) => {
                    let from: usize = from;
                    star = Some((behind, from.saturating_add(1)));
                    (p, t) = (behind, from.saturating_add(1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_fit_what_they_say() {
        for (pattern, text, expected) in [
            ("users", "users", true),
            ("users", "users2", false),
            ("mart_*", "mart_users", true),
            ("mart_*", "mart", false),
            ("*_daily", "a_b_daily", true),
            ("*a*b", "xaxxbxb", true),
            ("*a*b", "xaxxbx", false),
            ("u?ers", "users", true),
            ("*", "", true),
            ("?", "", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
