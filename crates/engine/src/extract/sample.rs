//! Samples of rejected rows, which the state keeps beside their counts.
//!
//! What always holds: a row that is too large for a sample costs no more memory than a sample.

use std::io;

use outflow_core::ports::spool::Rejection;

/// The rejection as JSON, if that has at most `limit` bytes.
pub(super) fn sample(rejection: &Rejection, limit: usize) -> Option<String> {
    let mut text = Limited { bytes: Vec::new(), limit };
    serde_json::to_writer(&mut text, rejection).ok()?;
    String::from_utf8(text.bytes).ok()
}

/// Takes bytes up to a limit, and fails beyond it.
struct Limited {
    bytes: Vec<u8>,
    limit: usize,
}

impl io::Write for Limited {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use outflow_core::Code;

    use super::*;

    #[test]
    fn a_sample_is_the_whole_rejection_or_nothing() {
        let row = [("note".to_owned(), "é".repeat(1000).into())].into_iter().collect();
        let (column, reason) = (None, "no".to_owned());
        let rejection = Rejection { ordinal: 7, code: Code::MissingField, column, reason, row };
        let whole = serde_json::to_string(&rejection).unwrap();
        assert_eq!(sample(&rejection, whole.len()).as_ref(), Some(&whole));
        assert_eq!(sample(&rejection, whole.len() - 1), None);
    }
}
