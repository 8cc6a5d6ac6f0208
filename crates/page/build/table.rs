//! The table of the page's files as Rust code.
//!
//! What always holds: of a file and its `.gz` beside it, only the `.gz` is in the binary.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// `INDEX`, `MISSING` and `FILES`; without a folder there are no files.
pub(crate) fn of(folder: Option<&Path>, missing: &str) -> io::Result<String> {
    let mut code = format!("const MISSING: &str = {missing:?};\n");
    let Some(folder) = folder else {
        code.push_str("const INDEX: Option<&str> = None;\nstatic FILES: &[File] = &[];\n");
        return Ok(code);
    };
    let folder = folder.canonicalize()?;
    let mut paths = Vec::new();
    files_in(&folder, &mut paths)?;
    paths.sort();
    let _ =
        writeln!(code, "const INDEX: Option<&str> = Some(include_str!({:?}));", folder.join("index.html"));
    code.push_str("static FILES: &[File] = &[\n");
    for path in &paths {
        let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
        let plain = if is_gzip { path.with_extension("") } else { path.clone() };
        let has_gzip = !is_gzip && paths.contains(&PathBuf::from(format!("{}.gz", path.display())));
        let name = plain.strip_prefix(&folder).unwrap_or(&plain).to_string_lossy().replace('\\', "/");
        if has_gzip || name == "index.html" {
            continue;
        }
        let content_type = content_type(&plain);
        let _ = writeln!(
            code,
            "File {{ path: {name:?}, content_type: {content_type:?}, is_gzip: {is_gzip}, \
             bytes: include_bytes!({path:?}) }},"
        );
    }
    code.push_str("];\n");
    Ok(code)
}

fn files_in(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        // Such as `.vite`, which is for checks.
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if path.is_dir() { files_in(&path, paths)? } else { paths.push(path) }
    }
    Ok(())
}

/// The media type of a file, by its name.
fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("ico") => "image/x-icon",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
