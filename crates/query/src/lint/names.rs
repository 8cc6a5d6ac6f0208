//! Findings about names in quotes that are not what they look like: Q121. A name without quotes is
//! the error Q016.

use outflow_core::Code;
use outflow_core::characters::{self, Oddity};

use super::{Finding, Lint};
use crate::scan::Kind;

pub(super) fn all(lint: &Lint<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (i, token) in lint.outline.scan.tokens.iter().enumerate() {
        if token.kind != Kind::Quoted {
            continue;
        }
        let written = lint.outline.text(i);
        let name = lint.outline.name(i);
        let (odd, plain) = if let Some((_, odd)) = characters::unseen(&name) {
            let plain: String = written
                .chars()
                .filter_map(|c| match characters::odd(c) {
                    Some(odd) if odd.what == Oddity::Blank => Some(' '),
                    Some(odd) if odd.like.is_none() => None,
                    _ => Some(c),
                })
                .collect();
            (odd, plain)
        } else if let Some(plain) = characters::lookalike(&name) {
            let Some(odd) = name.chars().find_map(characters::odd) else { continue };
            (odd, written.replace(&name, &plain))
        } else {
            continue;
        };
        let message = format!("the name {} holds {odd}", written.escape_debug());
        let help = "type the name again, unless the table's column is really called so; what is called \
                    otherwise than a known field becomes a trait or a property";
        let finding = lint.at(i..i + 1, Code::LookalikeName, message, help);
        found.push(match plain.len() {
            // A name of nothing else has no plain form.
            ..=2 => finding,
            _ => finding.fixed_by(token.start, token.end, plain),
        });
    }
    found
}
