//! Reading the small files that a user names: the project, its queries, secrets, certificates,
//! tokens, settings of AWS.
//!
//! What always holds: only regular files are read (a link to one counts as one), never more than a
//! limit, and never longer than [`PATIENCE`]. A FIFO, a device, a folder or a network mount that
//! hangs is an error and no standstill. A text is UTF-8 without NUL: a byte order mark at its
//! beginning is skipped, any other encoding is an error that names it. What this does not do: read
//! the files of Outflow itself (state, spool), which are on a local disk.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// A file that is not read within this time is on a mount that hangs.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How many readings may hang at a time. Each keeps a thread until its mount answers.
const HANGING: usize = 16;

/// Readings that were given up and have not ended.
static GIVEN_UP: AtomicUsize = AtomicUsize::new(0);

/// Why a file was not read.
#[derive(Debug)]
pub enum ReadFailure {
    /// There is none.
    Missing,
    /// It is something else: `a FIFO`.
    NotRegular(&'static str),
    /// It has more than this number of bytes.
    TooLarge(u64),
    /// It was not read within [`PATIENCE`], or other files on its mount hang already.
    TooSlow,
    /// It is not UTF-8 text.
    NotText(Encoding),
    /// The operating system says no.
    Io(io::Error),
}

/// What a file holds in place of UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Text of two bytes for each character.
    Utf16,
    /// Text of four bytes for each character.
    Utf32,
    /// A byte 0, in this line.
    Nul(usize),
    /// A byte that UTF-8 does not have, in this line.
    Byte(u8, usize),
}

impl Encoding {
    fn of(bytes: &[u8]) -> Option<Self> {
        let line = |at: usize| bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
        match bytes {
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Some(Self::Utf32),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Some(Self::Utf16),
            _ => {}
        }
        if let Some(at) = bytes.iter().position(|b| *b == 0) {
            // Without a mark, text in Latin letters has a 0 in every second byte.
            let zeros = |first: usize| bytes.iter().skip(first).step_by(2).filter(|b| **b == 0).count();
            let most = |zeros: usize| zeros.saturating_mul(3) > bytes.len();
            return Some(if most(zeros(0)) || most(zeros(1)) { Self::Utf16 } else { Self::Nul(line(at)) });
        }
        let at = std::str::from_utf8(bytes).err()?.valid_up_to();
        Some(Self::Byte(bytes[at], line(at)))
    }

    /// What to do about it.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Utf16 => {
                "save it as UTF-8; `>` of Windows PowerShell writes UTF-16: use `| Out-File -Encoding utf8 FILE`"
            }
            Self::Utf32 => "save it as UTF-8: `iconv -f UTF-32 -t UTF-8 FILE` converts it, and editors do",
            Self::Nul(_) => "take the byte out, and save the file as UTF-8",
            Self::Byte(..) => "save it as UTF-8: editors call the old encoding Windows-1252, ANSI or Latin-1",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utf16 => f.write_str("it looks like UTF-16"),
            Self::Utf32 => f.write_str("it looks like UTF-32"),
            Self::Nul(line) => write!(f, "line {line} holds a NUL byte"),
            Self::Byte(byte, line) => write!(f, "line {line} holds the byte 0x{byte:02X}"),
        }
    }
}

impl fmt::Display for ReadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("does not exist"),
            Self::NotRegular(what) => write!(f, "is {what}; only a regular file is read"),
            Self::TooLarge(limit) => write!(f, "is larger than {} KiB", limit >> 10),
            Self::TooSlow => write!(f, "was not read within {PATIENCE:?}; its mount may hang"),
            Self::NotText(encoding) => write!(f, "is not UTF-8 text: {encoding}"),
            Self::Io(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

impl std::error::Error for ReadFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Io(error) = self { Some(error) } else { None }
    }
}

impl From<io::Error> for ReadFailure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Missing } else { Self::Io(error) }
    }
}

/// The bytes of a regular file of at most `limit` bytes. It blocks for [`PATIENCE`] at most.
///
/// # Errors
/// Why it was not read.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ReadFailure> {
    let path = path.to_owned();
    within(move || read_regular(&path, limit))
}

/// As [`read`], for text.
///
/// # Errors
/// Why it was not read.
pub fn read_text(path: &Path, limit: u64) -> Result<String, ReadFailure> {
    text(read(path, limit)?)
}

/// The text that a file's bytes are, without a byte order mark at its beginning.
///
/// # Errors
/// They are no UTF-8 text.
pub fn text(mut bytes: Vec<u8>) -> Result<String, ReadFailure> {
    if let Some(encoding) = Encoding::of(&bytes) {
        return Err(ReadFailure::NotText(encoding));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|_| ReadFailure::NotText(Encoding::Byte(0, 1)))
}

impl ReadFailure {
    /// What to do about a file that is no text.
    pub const fn help(&self) -> Option<&'static str> {
        match self {
            Self::NotText(encoding) => Some(encoding.help()),
            _ => None,
        }
    }
}

/// Demands that a regular file is there.
///
/// # Errors
/// What is there, or why that is not known.
pub fn demand_regular(path: &Path) -> Result<(), ReadFailure> {
    let path = path.to_owned();
    within(move || kind(&std::fs::metadata(path)?))
}

/// Whether something can be seen there, without waiting longer than [`PATIENCE`].
pub fn exists(path: &Path) -> bool {
    let path = path.to_owned();
    within(move || Ok(path.exists())).unwrap_or(true)
}

fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>, ReadFailure> {
    // Before it is opened: opening a FIFO waits for a writer. After: it may be another file now.
    kind(&std::fs::metadata(path)?)?;
    let file = File::open(path)?;
    kind(&file.metadata()?)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(ReadFailure::TooLarge(limit)) } else { Ok(bytes) }
}

fn kind(metadata: &std::fs::Metadata) -> Result<(), ReadFailure> {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = metadata.file_type();
    Err(ReadFailure::NotRegular(match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a folder",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_socket() => "a socket",
        () => "a device",
    }))
}

/// Does the work on a thread of its own, and waits for it no longer than [`PATIENCE`].
fn within<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ReadFailure> + Send + 'static,
) -> Result<T, ReadFailure> {
    within_counted(PATIENCE, &GIVEN_UP, work)
}

/// As [`within`]. What was given up and has not ended is counted.
fn within_counted<T: Send + 'static>(
    patience: Duration,
    given_up: &'static AtomicUsize,
    work: impl FnOnce() -> Result<T, ReadFailure> + Send + 'static,
) -> Result<T, ReadFailure> {
    if given_up.load(Ordering::SeqCst) >= HANGING {
        return Err(ReadFailure::TooSlow);
    }
    let (sender, done) = sync_channel(0);
    let thread = std::thread::Builder::new().name("file".to_owned());
    thread.spawn(move || {
        // A rendezvous: it fails if the caller has given up, which was counted then.
        if sender.send(work()).is_err() {
            given_up.fetch_sub(1, Ordering::SeqCst);
        }
    })?;
    match done.recv_timeout(patience) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => {
            // Counted before the channel closes, so that the thread takes it off afterwards.
            given_up.fetch_add(1, Ordering::SeqCst);
            drop(done);
            Err(ReadFailure::TooSlow)
        }
        // The reading panicked.
        Err(RecvTimeoutError::Disconnected) => Err(ReadFailure::Io(io::ErrorKind::Other.into())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("outflow-files-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn only_regular_files_within_the_limit_are_read() {
        let folder = folder("kinds");
        let path = |name: &str| folder.join(name);
        std::fs::write(path("plain"), "12345").unwrap();
        std::os::unix::fs::symlink(path("plain"), path("link")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(path("fifo")).status().unwrap();
        assert!(made.success());
        let _socket = UnixListener::bind(path("socket")).unwrap();
        assert_eq!(read(&path("link"), 5).unwrap(), b"12345");
        assert!(matches!(read(&path("plain"), 4), Err(ReadFailure::TooLarge(4))));
        assert!(matches!(read(&path("none"), 4), Err(ReadFailure::Missing)));
        assert!(matches!(read(&path("plain/none"), 4), Err(ReadFailure::Io(_))));
        let other = [(path("fifo"), "a FIFO"), (path("socket"), "a socket"), (folder.clone(), "a folder")];
        for (path, what) in other.into_iter().chain([(PathBuf::from("/dev/zero"), "a device")]) {
            match read(&path, 4) {
                Err(ReadFailure::NotRegular(found)) => assert_eq!(found, what),
                other => panic!("{what}: {other:?}"),
            }
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_text_is_utf_8_and_any_other_encoding_is_named() {
        let utf_16 = |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect();
        let marked = text(b"\xef\xbb\xbfSELECT 1".to_vec()).unwrap();
        assert_eq!(marked, "SELECT 1");
        assert_eq!(text("é 😀".into()).unwrap(), "é 😀");
        for (bytes, encoding) in [
            (utf_16("\u{feff}SELECT 1", u16::to_le_bytes), Encoding::Utf16),
            (utf_16("\u{feff}SELECT 1", u16::to_be_bytes), Encoding::Utf16),
            (utf_16("SELECT 1", u16::to_le_bytes), Encoding::Utf16),
            (utf_16("SELECT 1", u16::to_be_bytes), Encoding::Utf16),
            (b"\xff\xfe\0\0S\0\0\0".to_vec(), Encoding::Utf32),
            (b"SELECT 1\nFROM t\0 WHERE".to_vec(), Encoding::Nul(2)),
            (b"SELECT\n'caf\xe9'".to_vec(), Encoding::Byte(0xe9, 2)),
        ] {
            match text(bytes.clone()) {
                Err(ReadFailure::NotText(found)) => {
                    assert_eq!(found, encoding, "{bytes:?}");
                    assert_eq!(found.help().contains("UTF-16"), found == Encoding::Utf16, "{found}");
                }
                other => panic!("{bytes:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_reading_that_hangs_is_given_up_and_only_a_few_may_hang() {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = std::sync::Arc::new(std::sync::Mutex::new(held));
        let hang = || {
            let held = held.clone();
            within_counted(Duration::from_millis(20), &COUNT, move || {
                let _ = held.lock().unwrap().recv();
                Ok(())
            })
        };
        for _ in 0..=HANGING {
            assert!(matches!(hang(), Err(ReadFailure::TooSlow)));
        }
        // Only that many threads were begun, and all of them are free again afterwards.
        assert_eq!(COUNT.load(Ordering::SeqCst), HANGING);
        drop(release);
        while COUNT.load(Ordering::SeqCst) > 0 {
            std::thread::yield_now();
        }
        assert!(hang().is_ok());
    }
}
