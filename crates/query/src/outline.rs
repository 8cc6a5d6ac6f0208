//! Where the parts of a query lie: each SELECT with its list, its FROM and its WHERE, found by the
//! words alone.
//!
//! It knows the bytes of all it finds, and it holds for SQL that no parser of ours knows. A part
//! that it cannot be sure of is missing. It is made for texts of bounded size and depth
//! (`Scan::is_small`).

mod item;

use std::ops::Range;

use crate::scan::{Kind, Scan, Token};
pub(crate) use item::Name;

/// A text with its parts. All indexes are those of tokens.
pub(crate) struct Outline<'a> {
    pub(crate) scan: &'a Scan<'a>,
    pub(crate) selects: Vec<Select>,
    levels: Vec<Level>,
    /// The parenthesis that each token stands in; a parenthesis itself stands in the one around it.
    level_of: Vec<usize>,
    /// The other parenthesis of a pair.
    partner: Vec<Option<usize>>,
    /// The level that a parenthesis opens.
    inside: Vec<Option<usize>>,
    /// The innermost SELECT around each token.
    owner: Vec<Option<usize>>,
}

/// One SELECT.
#[derive(Debug)]
pub(crate) struct Select {
    /// The word itself.
    pub(crate) at: usize,
    level: usize,
    /// `TOP n`.
    pub(crate) top: Option<Range<usize>>,
    pub(crate) items: Vec<Range<usize>>,
    /// What follows FROM.
    pub(crate) from: Option<Range<usize>>,
    /// What follows WHERE.
    pub(crate) condition: Option<Range<usize>>,
    /// `ORDER BY …`.
    pub(crate) order: Option<Range<usize>>,
    /// `LIMIT …`, `OFFSET …` and `FETCH …`.
    pub(crate) limits: Vec<Range<usize>>,
}

/// The inside of a parenthesis; the first is the whole text.
#[derive(Debug, Default)]
struct Level {
    outer: Option<usize>,
    /// The parenthesis that opens it.
    open: Option<usize>,
    with: Option<usize>,
    selects: Vec<usize>,
    ctes: Vec<Cte>,
}

/// One query of a WITH.
#[derive(Debug)]
struct Cte {
    name: usize,
    /// It names its columns: `name (a, b) AS …`.
    renames: bool,
    open: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clause {
    List,
    From,
    Condition,
    Order,
    Limit,
    Other,
    /// UNION and the like: the SELECT is over.
    End,
}

impl<'a> Outline<'a> {
    pub(crate) fn new(scan: &'a Scan<'a>) -> Self {
        let count = scan.tokens.len();
        let mut outline = Self {
            scan,
            selects: Vec::new(),
            levels: vec![Level::default()],
            level_of: Vec::with_capacity(count),
            partner: vec![None; count],
            inside: vec![None; count],
            owner: vec![None; count],
        };
        outline.pair();
        outline.part();
        for level in 0..outline.levels.len() {
            outline.levels[level].ctes = outline.ctes(level);
        }
        outline
    }

    pub(crate) fn token(&self, index: usize) -> Option<&Token> {
        self.scan.tokens.get(index)
    }

    pub(crate) fn text(&self, index: usize) -> &'a str {
        self.token(index).map_or("", |t| self.scan.of(t))
    }

    pub(crate) fn is(&self, index: usize, keyword: &str) -> bool {
        self.token(index).is_some_and(|t| self.scan.is(t, keyword))
    }

    pub(crate) fn is_any(&self, index: usize, keywords: &[&str]) -> bool {
        keywords.iter().any(|k| self.is(index, k))
    }

    pub(crate) fn is_symbol(&self, index: usize, symbol: u8) -> bool {
        self.token(index).is_some_and(|t| t.kind == Kind::Symbol(symbol))
    }

    /// Whether a token is a name or a keyword, quoted or not.
    pub(crate) fn is_name(&self, index: usize) -> bool {
        self.token(index).is_some_and(|t| matches!(t.kind, Kind::Word | Kind::Quoted))
    }

    /// A word that stands for itself and names nothing: it follows neither a dot nor AS.
    pub(crate) fn is_free_word(&self, index: usize) -> bool {
        let named = index.checked_sub(1).is_some_and(|i| self.is_symbol(i, b'.') || self.is(i, "AS"));
        self.token(index).is_some_and(|t| t.kind == Kind::Word) && !named
    }

    /// The name in a token, without quotes.
    pub(crate) fn name(&self, index: usize) -> String {
        match self.token(index) {
            Some(t) if t.kind == Kind::Quoted => crate::names::unquoted(self.scan.of(t)),
            _ => self.text(index).to_owned(),
        }
    }

    /// The bytes of some tokens.
    pub(crate) fn span(&self, tokens: &Range<usize>) -> (usize, usize) {
        match (self.token(tokens.start), tokens.end.checked_sub(1).and_then(|i| self.token(i))) {
            (Some(first), Some(last)) if !tokens.is_empty() => (first.start, last.end),
            _ => (0, 0),
        }
    }

    /// The other parenthesis of a pair.
    pub(crate) fn partner(&self, index: usize) -> Option<usize> {
        self.partner.get(index).copied().flatten()
    }

    /// The innermost SELECT around a token.
    pub(crate) fn owner(&self, index: usize) -> Option<&Select> {
        self.owner.get(index).copied().flatten().map(|s| &self.selects[s])
    }

    /// Tokens of a range that stand in no parenthesis below it.
    pub(crate) fn own(&self, tokens: &Range<usize>) -> impl Iterator<Item = usize> {
        let level = self.level_of.get(tokens.start).copied();
        tokens.clone().filter(move |&i| self.level_of.get(i).copied() == level)
    }

    /// The SELECT that gives the result its columns.
    pub(crate) fn main(&self) -> Option<&Select> {
        let mut level = 0;
        let mut first = 0;
        while self.is_symbol(first, b'(') {
            level = self.inside[first]?;
            first += 1;
        }
        self.levels[level].selects.first().map(|&s| &self.selects[s])
    }

    /// The SELECT whose end is the end of the text, unless parentheses hide it.
    pub(crate) fn last(&self) -> Option<&Select> {
        self.levels[0].selects.last().map(|&s| &self.selects[s])
    }

    /// The SELECT whose list names the result's columns: behind `SELECT * FROM x`, where `x` is a
    /// query of this text, it is that of `x`. `None` if some other place names them.
    pub(crate) fn output(&self) -> Option<&Select> {
        let mut select = self.main()?;
        for _ in 0..self.selects.len() {
            let [item] = select.items.as_slice() else { return Some(select) };
            if item.len() != 1 || !self.is_symbol(item.start, b'*') {
                return Some(select);
            }
            let Some(from) = &select.from else { return Some(select) };
            let open = match self.own(from).collect::<Vec<_>>().as_slice() {
                [open, _close, alias @ ..] if self.is_symbol(*open, b'(') && self.is_alias(alias) => *open,
                [name, alias @ ..] if self.is_name(*name) && self.is_alias(alias) => {
                    match self.cte(select.level, *name) {
                        Some(cte) if cte.renames => return None,
                        Some(cte) => cte.open,
                        None => return Some(select),
                    }
                }
                _ => return Some(select),
            };
            match self.levels[self.inside[open]?].selects.first() {
                Some(&inner) => select = &self.selects[inner],
                None => return Some(select),
            }
        }
        None
    }

    /// Nothing, or the name of a table in FROM with or without AS.
    pub(crate) fn is_alias(&self, tokens: &[usize]) -> bool {
        match tokens {
            [] => true,
            [name] => self.is_name(*name),
            [word, name] => self.is(*word, "AS") && self.is_name(*name),
            _ => false,
        }
    }

    /// The query of a WITH that this name stands for.
    fn cte(&self, level: usize, name: usize) -> Option<&Cte> {
        let wanted = self.name(name);
        let mut level = Some(level);
        while let Some(at) = level {
            let found = self.levels[at].ctes.iter().find(|c| self.name(c.name).eq_ignore_ascii_case(&wanted));
            if found.is_some() {
                return found;
            }
            level = self.levels[at].outer;
        }
        None
    }

    /// The queries that a SELECT may refer to, each as its tokens, outer ones before inner ones.
    pub(crate) fn visible_ctes(&self, select: &Select) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut level = Some(select.level);
        while let Some(at) = level {
            let before = self.levels[at].ctes.iter().filter_map(|cte| {
                let close = self.partner(cte.open)?;
                (close < select.at).then_some(cte.name..close + 1)
            });
            found.splice(0..0, before.collect::<Vec<_>>());
            level = self.levels[at].outer;
        }
        found
    }

    /// Whether a WITH around the SELECT says RECURSIVE.
    pub(crate) fn is_recursive(&self) -> bool {
        self.levels.iter().filter_map(|l| l.with).any(|with| self.is(with + 1, "RECURSIVE"))
    }

    /// Finds the pairs of parentheses and brackets.
    fn pair(&mut self) {
        let mut open = Vec::new();
        let mut level = 0;
        for (i, token) in self.scan.tokens.iter().enumerate() {
            match token.kind {
                Kind::Symbol(b'(' | b'[') => {
                    self.level_of.push(level);
                    self.levels.push(Level { outer: Some(level), open: Some(i), ..Level::default() });
                    open.push(i);
                    level = self.levels.len() - 1;
                    self.inside[i] = Some(level);
                }
                Kind::Symbol(b')' | b']') => {
                    level = self.levels[level].outer.unwrap_or(0);
                    self.level_of.push(level);
                    if let Some(first) = open.pop() {
                        self.partner[first] = Some(i);
                        self.partner[i] = Some(first);
                    }
                }
                _ => self.level_of.push(level),
            }
        }
    }

    /// Finds the SELECTs and their clauses.
    fn part(&mut self) {
        // For each level the open clause: its kind, and where it begins.
        let mut open_clauses: Vec<Option<(Clause, usize)>> = vec![None; self.levels.len()];
        for i in 0..self.scan.tokens.len() {
            let level = self.level_of[i];
            if self.is_symbol(i, b')') || self.is_symbol(i, b']') {
                // What stood between the parentheses ends here.
                if let Some(inner) = self.partner(i).and_then(|open| self.inside[open]) {
                    self.close(inner, &mut open_clauses, i);
                }
            } else if self.is_free_word(i) && self.is(i, "SELECT") {
                self.close(level, &mut open_clauses, i);
                self.levels[level].selects.push(self.selects.len());
                self.selects.push(Select::new(i, level));
                open_clauses[level] = Some((Clause::List, self.skip_quantifier(i + 1)));
            } else if self.is(i, "WITH") && self.levels[level].open.map_or(0, |open| open + 1) == i {
                self.levels[level].with = Some(i);
            } else if open_clauses[level].is_some()
                && let Some(clause) = self.clause(i)
            {
                self.close(level, &mut open_clauses, i);
                let keeps_word = matches!(clause, Clause::Order | Clause::Limit);
                open_clauses[level] =
                    (clause != Clause::End).then_some((clause, if keeps_word { i } else { i + 1 }));
            }
            self.owner[i] = self.innermost(level, &open_clauses);
        }
        let end = self.scan.tokens.len() - crate::reading::trailing_semicolons(&self.scan.tokens).len();
        for level in 0..self.levels.len() {
            self.close(level, &mut open_clauses, end);
        }
    }

    fn innermost(&self, level: usize, open_clauses: &[Option<(Clause, usize)>]) -> Option<usize> {
        let mut level = Some(level);
        while let Some(at) = level {
            if open_clauses[at].is_some() {
                return self.levels[at].selects.last().copied();
            }
            level = self.levels[at].outer;
        }
        None
    }

    fn close(&mut self, level: usize, open_clauses: &mut [Option<(Clause, usize)>], end: usize) {
        let Some((clause, start)) = open_clauses[level].take() else { return };
        let Some(&select) = self.levels[level].selects.last() else { return };
        let range = start..end.max(start);
        match clause {
            Clause::List => {
                let at = self.selects[select].at + 1;
                self.selects[select].top = self.top(at);
                self.selects[select].items = self.split(&range);
            }
            Clause::From => self.selects[select].from = Some(range),
            Clause::Condition => self.selects[select].condition = Some(range),
            Clause::Order => self.selects[select].order = Some(range),
            Clause::Limit => self.selects[select].limits.push(range),
            Clause::Other | Clause::End => {}
        }
    }

    /// The clause that a word begins.
    fn clause(&self, i: usize) -> Option<Clause> {
        if !self.is_free_word(i) {
            return None;
        }
        let rules = self.scan.rules;
        let next = |words: &[&str]| self.is_any(i + 1, words);
        let before = |words: &[&str], back: usize| i.checked_sub(back).is_some_and(|b| self.is_any(b, words));
        let value_follows = self.token(i + 1).is_some_and(|t| {
            matches!(t.kind, Kind::Number | Kind::Variable | Kind::Symbol(b'(')) || self.scan.is(t, "ALL")
        });
        Some(match self.text(i).to_ascii_uppercase().as_str() {
            "FROM" if !(before(&["DISTINCT"], 1) && before(&["IS", "NOT"], 2)) => Clause::From,
            "WHERE" => Clause::Condition,
            "ORDER" if next(&["BY", "SIBLINGS"]) => Clause::Order,
            "LIMIT" | "OFFSET" if value_follows => Clause::Limit,
            "FETCH" if next(&["FIRST", "NEXT"]) => Clause::Limit,
            "GROUP" if next(&["BY"]) => Clause::Other,
            "HAVING" => Clause::Other,
            "QUALIFY" if rules.qualify => Clause::Other,
            "WINDOW" if self.is(i + 2, "AS") => Clause::Other,
            "CONNECT" if next(&["BY"]) => Clause::Other,
            "START" if next(&["WITH"]) => Clause::Other,
            "UNION" | "EXCEPT" | "INTERSECT" => Clause::End,
            "MINUS" if rules.minus => Clause::End,
            _ => return None,
        })
    }

    /// Where the list begins behind DISTINCT, ALL and TOP.
    fn skip_quantifier(&self, mut at: usize) -> usize {
        if self.is_any(at, &["DISTINCT", "ALL"]) {
            at += 1;
        }
        if self.is(at, "ON") && self.is_symbol(at + 1, b'(') {
            return self.partner(at + 1).map_or(at, |close| close + 1);
        }
        self.top(at).map_or(at, |top| top.end)
    }

    /// `TOP n` or `TOP (n)` near the head of a select list.
    fn top(&self, at: usize) -> Option<Range<usize>> {
        let at = if self.is(at, "DISTINCT") { at + 1 } else { at };
        if !self.scan.rules.top || !self.is(at, "TOP") {
            return None;
        }
        match self.token(at + 1)?.kind {
            Kind::Number => Some(at..at + 2),
            _ => None,
        }
    }

    /// Cuts a range at its commas.
    pub(crate) fn split(&self, range: &Range<usize>) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let mut start = range.start;
        for comma in self.own(range).filter(|&i| self.is_symbol(i, b',')).chain([range.end]) {
            if start < comma {
                parts.push(start..comma);
            }
            start = comma + 1;
        }
        parts
    }

    fn ctes(&self, level: usize) -> Vec<Cte> {
        let Some(with) = self.levels[level].with else { return Vec::new() };
        let own = |i: &usize| self.level_of[*i] == level;
        let end = self.levels[level].selects.first().map_or(self.scan.tokens.len(), |&s| self.selects[s].at);
        let mut ctes = Vec::new();
        let mut name = if self.is(with + 1, "RECURSIVE") { with + 2 } else { with + 1 };
        let mut open = None;
        for i in (with + 1..end).filter(own) {
            // The parenthesis right behind the name holds names of columns.
            if self.is_symbol(i, b'(') && i > name + 1 {
                open = open.or(Some(i));
            } else if self.is_symbol(i, b',') {
                ctes.extend(open.take().map(|open| (name, open)));
                name = i + 1;
            }
        }
        ctes.extend(open.map(|open| (name, open)));
        ctes.into_iter()
            .filter(|(name, _)| self.is_name(*name))
            .map(|(name, open)| Cte { name, renames: self.is_symbol(name + 1, b'('), open })
            .collect()
    }
}

impl Select {
    fn new(at: usize, level: usize) -> Self {
        Self {
            at,
            level,
            top: None,
            items: Vec::new(),
            from: None,
            condition: None,
            order: None,
            limits: Vec::new(),
        }
    }
}
