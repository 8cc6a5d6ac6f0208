//! Node and npm: whether they are there, the page's packages, and the build.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// The oldest Node that Vite 8 runs on.
const NODE: (u32, u32) = (20, 19);
/// The oldest npm that installs Vite 8 with the files of this platform.
const NPM: (u32, u32) = (11, 0);

/// Whether Node and npm are there and new enough.
///
/// # Errors
/// What is missing, as a sentence.
pub(crate) fn check() -> Result<(), String> {
    for (program, (major, minor)) in [("node", NODE), ("npm", NPM)] {
        let found = match Command::new(program).arg("--version").stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
            _ => return Err(format!("{program} {major}.{minor} or later is needed, and there is none")),
        };
        let found = found.trim().trim_start_matches('v');
        let mut numbers = found.split('.').map_while(|number| number.parse::<u32>().ok());
        if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < (major, minor) {
            return Err(format!("{program} {major}.{minor} or later is needed, and this is {found}"));
        }
    }
    Ok(())
}

/// Installs the packages, unless what is installed is newer than what is asked for.
///
/// # Errors
/// What npm says.
pub(crate) fn install(web: &Path) -> Result<(), String> {
    let changed = |path: &str| fs::metadata(web.join(path)).and_then(|found| found.modified());
    let wanted = changed("package-lock.json").map_err(|error| format!("web/package-lock.json: {error}"))?;
    if changed("node_modules/.package-lock.json").unwrap_or(SystemTime::UNIX_EPOCH) >= wanted {
        return Ok(());
    }
    let arguments = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"];
    run(Command::new("npm").args(arguments).current_dir(web), "npm ci")
}

/// Builds the page into this folder.
///
/// # Errors
/// What Vite says.
pub(crate) fn build(web: &Path, built: &Path) -> Result<(), String> {
    let mut command = Command::new("npm");
    command.args(["run", "build", "--", "--outDir"]).arg(built).arg("--emptyOutDir").current_dir(web);
    run(&mut command, "npm run build")
}

/// Runs a command; of one that fails, the last lines.
fn run(command: &mut Command, name: &str) -> Result<(), String> {
    const LINES: usize = 30;
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    let lines: Vec<&str> = printed.lines().collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
    let (needs_node, needs_npm) = (format!("{}.{}", NODE.0, NODE.1), format!("{}.{}", NPM.0, NPM.1));
    Err(format!(
        "{name} failed in web/ ({}); it needs Node {needs_node} and npm {needs_npm} or later:\n{last}",
        output.status
    ))
}
