//! Reading a secret: from a terminal that shows nothing of it, or from stdin.
//!
//! What always holds: the terminal is as it was before, also after Ctrl-C, which is read as a
//! character and not taken as a signal. What it does not do: wipe memory.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use outflow_core::{Code, Error, Secret};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// What Ctrl-C types.
const INTERRUPT: char = '\u{3}';

/// The value for this name, of at most `longest` bytes. Line breaks at its end are left out.
///
/// # Errors
/// E001: Ctrl-C. C005: it is no text, or too long.
pub fn read(name: &str, longest: usize) -> Result<Secret, Error> {
    let stdin = io::stdin();
    let mut text = String::new();
    if stdin.is_terminal() {
        let mut stderr = io::stderr();
        // Whoever types sees that nothing is shown.
        let _ = write!(stderr, "the value of {name} (it is not shown): ").and_then(|()| stderr.flush());
        let hidden = Hidden::begin().map_err(unreadable)?;
        let read = stdin.lock().read_line(&mut text);
        drop(hidden);
        let _ = writeln!(stderr);
        read.map_err(unreadable)?;
        if text.contains(INTERRUPT) {
            return Err(Error::new(Code::Interrupted, "interrupted; nothing was kept"));
        }
    } else {
        let limit = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(3);
        stdin.lock().take(limit).read_to_string(&mut text).map_err(unreadable)?;
    }
    Ok(Secret::new(text.trim_end_matches(['\n', '\r'])))
}

/// The task that reads ended before its time.
pub fn broken_off(cause: tokio::task::JoinError) -> Error {
    Error::new(Code::TaskFailed, "reading the secret broke down").caused_by(cause)
}

fn unreadable(cause: io::Error) -> Error {
    Error::new(Code::InvalidValue, "the value on stdin cannot be read as text")
        .help("give it as UTF-8: `outflow secrets set NAME < file`")
        .caused_by(cause)
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // There is nothing else to be done about a terminal that has gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}
