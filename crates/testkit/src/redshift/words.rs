//! The first words of a statement, by which it is recognized.

use std::ops::Range;

use super::lexer::Tokens;

/// The first words of a statement in lower case, and where each stands.
pub(super) struct Words(Vec<(usize, String)>);

impl Words {
    /// The first six that are not blank. A quoted name or a symbol is kept as it is.
    pub fn of(tokens: &Tokens<'_>, range: Range<usize>) -> Words {
        let indexes = tokens.solids(range).into_iter().take(6);
        Words(indexes.map(|index| (index, tokens.text(index).to_ascii_lowercase())).collect())
    }

    pub fn at(&self, index: usize) -> &str {
        self.0.get(index).map_or("", |(_, word)| word)
    }

    pub fn token_index(&self, word: usize) -> Option<usize> {
        self.0.get(word).map(|(index, _)| *index)
    }
}
