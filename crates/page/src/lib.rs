//! The page of Outflow: the files of `web/`, built by this crate's build script and embedded.
//!
//! What always holds: no file comes from a disk or another server at run time. What it does not do:
//! speak HTTP; `outflow-server` serves the files.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use std::borrow::Cow;
use std::io::Read as _;

use flate2::read::GzDecoder;

include!(concat!(env!("OUT_DIR"), "/table.rs"));

/// Stands in `index.html` where the nonce of one answer belongs.
const NONCE: &str = "__NONCE__";

/// A file of the page.
#[derive(Debug)]
pub struct File {
    /// Its path below the root, without a slash at the front: `assets/index-B2f.js`.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Whether [`File::bytes`] are compressed by gzip.
    pub is_gzip: bool,
    /// Its content as it is embedded.
    pub bytes: &'static [u8],
}

impl File {
    /// The content without compression, for clients that cannot inflate it.
    pub fn plain(&self) -> Cow<'static, [u8]> {
        if !self.is_gzip {
            return Cow::Borrowed(self.bytes);
        }
        let mut plain = Vec::new();
        // Our own build wrote the bytes.
        let _ = GzDecoder::new(self.bytes).read_to_end(&mut plain);
        Cow::Owned(plain)
    }
}

/// The file at this path.
pub fn file(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

/// All files but `index.html`.
pub fn files() -> &'static [File] {
    FILES
}

/// `index.html` with this nonce for styles that scripts add.
///
/// # Errors
/// Why this build has no page, as a sentence.
pub fn index(nonce: &str) -> Result<String, &'static str> {
    INDEX.map(|index| index.replace(NONCE, nonce)).ok_or(MISSING)
}
