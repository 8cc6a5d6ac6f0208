//! Builds the page in `web/` and writes the table of its files for `include_bytes!`.
//!
//! What always holds: it writes to `OUT_DIR` and `web/node_modules` alone; a machine without Node
//! builds a binary that works, whose page says what is missing; a build that fails with Node says
//! why. What it does not do: check types, lint or test, which `./test` does.
//!
//! Environment: `OUTFLOW_PAGE_DIST=DIR` takes a page that is built already (packagers);
//! `OUTFLOW_PAGE=none` builds none.

mod node;
mod table;

use std::path::{Path, PathBuf};
use std::{env, fs};

/// What the page is made from, below `web/`. Vite reads no other file.
const SOURCES: &[&str] =
    &["src", "public", "scripts", "index.html", "package.json", "package-lock.json", "vite.config.ts"];

fn main() {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let web = manifest.join("../../web");
    for source in SOURCES {
        println!("cargo:rerun-if-changed={}", web.join(source).display());
    }
    println!("cargo:rerun-if-changed=build");
    for name in ["OUTFLOW_PAGE_DIST", "OUTFLOW_PAGE"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let out = PathBuf::from(variable("OUT_DIR"));
    let built = out.join("page");
    let (folder, missing) = match page(&web, &built) {
        Ok(folder) => (Some(folder), String::new()),
        Err(Unbuilt::Missing(why)) => {
            println!("cargo:warning=this build has no page: {why}");
            (None, why)
        }
        Err(Unbuilt::Failed(why)) => {
            eprintln!("{why}\nOUTFLOW_PAGE=none builds a binary without the page");
            std::process::exit(1);
        }
    };
    let table = table::of(folder.as_deref(), &missing).unwrap_or_else(|error| {
        eprintln!("the page's files cannot be listed: {error}");
        std::process::exit(1);
    });
    fs::write(out.join("table.rs"), table).expect("OUT_DIR can be written");
}

/// Why there is no page.
enum Unbuilt {
    /// Something that a build does not need is not there.
    Missing(String),
    /// It cannot be built.
    Failed(String),
}

/// The folder of the built page.
fn page(web: &Path, built: &Path) -> Result<PathBuf, Unbuilt> {
    if let Ok(folder) = env::var("OUTFLOW_PAGE_DIST") {
        let folder = PathBuf::from(folder);
        println!("cargo:rerun-if-changed={}", folder.display());
        if !folder.join("index.html").is_file() {
            let why = format!("OUTFLOW_PAGE_DIST={}: no index.html in it", folder.display());
            return Err(Unbuilt::Failed(why));
        }
        return Ok(folder);
    }
    if env::var("OUTFLOW_PAGE").is_ok_and(|wanted| wanted == "none") {
        return Err(Unbuilt::Missing("it was built with OUTFLOW_PAGE=none".to_owned()));
    }
    if !web.join("package.json").is_file() {
        return Err(Unbuilt::Missing("its source, the folder web/, is not there".to_owned()));
    }
    node::check().map_err(|why| {
        // Once Node is installed, the next build has a page.
        for folder in env::split_paths(&env::var_os("PATH").unwrap_or_default()).filter(|it| it.is_dir()) {
            println!("cargo:rerun-if-changed={}", folder.display());
        }
        Unbuilt::Missing(why)
    })?;
    node::install(web).map_err(Unbuilt::Failed)?;
    node::build(web, built).map_err(Unbuilt::Failed)?;
    Ok(built.to_owned())
}

fn variable(name: &str) -> String {
    env::var(name).expect("cargo sets it")
}
