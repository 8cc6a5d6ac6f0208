//! Profiles: the files `~/.aws/credentials` and `~/.aws/config`, as the AWS command line reads
//! them.
//!
//! What always holds: a key that stands in both files counts as in `credentials`; names of keys are
//! read without case. What it does not do: sections for SSO sessions and services, and values over
//! several lines.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use outflow_core::files::ReadFailure;
use outflow_core::{Code, Error, Result};
use outflow_egress::files::read_text;

use super::Inner;

/// The values of one profile.
pub(super) type Profile = HashMap<String, String>;

/// Every profile of this machine's user.
pub(super) struct Profiles {
    all: HashMap<String, Profile>,
    /// The files that were looked at, for messages.
    pub files: String,
}

impl Profiles {
    /// Reads both files. One that does not exist is empty.
    pub fn read(aws: &Inner) -> Result<Profiles> {
        let credentials = place(aws, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
        let config = place(aws, "AWS_CONFIG_FILE", "config");
        let mut all: HashMap<String, Profile> = HashMap::new();
        for (file, is_config) in [(&config, true), (&credentials, false)] {
            for (section, values) in sections(&text(file)?) {
                let name = if is_config { profile_name(&section) } else { Some(section.as_str()) };
                if let Some(name) = name {
                    all.entry(name.to_owned()).or_default().extend(values);
                }
            }
        }
        Ok(Profiles { all, files: format!("{}, {}", credentials.display(), config.display()) })
    }

    pub fn get(&self, name: &str) -> Option<&Profile> {
        self.all.get(name)
    }
}

fn place(aws: &Inner, variable: &str, name: &str) -> PathBuf {
    let home = PathBuf::from(aws.env("HOME").unwrap_or_default());
    match aws.env(variable) {
        Some(path) => match path.strip_prefix("~/") {
            Some(rest) => home.join(rest),
            None => path.into(),
        },
        None => home.join(".aws").join(name),
    }
}

fn text(file: &Path) -> Result<String> {
    match read_text(file) {
        Err(ReadFailure::Missing) => Ok(String::new()),
        Err(e) => {
            let error = Error::new(Code::AwsCredentialsMissing, format!("an AWS settings file {e}"))
                .at(file.display().to_string());
            Err(error.help("check that Outflow's user may read it, and that it is UTF-8"))
        }
        Ok(text) => Ok(text),
    }
}

/// In `config`, profiles but the default one say so.
fn profile_name(section: &str) -> Option<&str> {
    let name = section.strip_prefix("profile").filter(|rest| rest.starts_with([' ', '\t']));
    name.or((section == "default").then_some(section)).map(|name| name.trim().trim_matches(['"', '\'']))
}

/// The sections of a file. A line that is indented deeper than the key before it belongs to that
/// key's value, which is then one of those that we do not read.
fn sections(text: &str) -> Vec<(String, Profile)> {
    let mut found: Vec<(String, Profile)> = Vec::new();
    let mut last = usize::MAX;
    for line in text.lines() {
        let content = line.trim();
        let indent = line.len() - line.trim_start().len();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            found.push((name.trim().to_owned(), Profile::new()));
            last = usize::MAX;
        } else if indent <= last
            && let (Some((_, values)), Some((key, value))) = (found.last_mut(), content.split_once('='))
        {
            values.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
            last = indent;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_the_command_line_reads_them() {
        let text = "aws_access_key_id = nowhere\n# a comment\n[default]\nregion=eu-central-1\ns3 =\n  max = 10\n  region = nested\nOUTPUT = json\n\
            \n [profile  two words ]\n  role_arn = arn:aws:iam::1:role/x=y # part of it\n  source_profile=default\n; another\n[profile \"quoted\"]\nregion\n\
            [sso-session s]\nsso_region = x\n[profiled]\na = b\n";
        let found = sections(text);
        let names: Vec<_> = found.iter().map(|(name, _)| profile_name(name)).collect();
        assert_eq!(names, [Some("default"), Some("two words"), Some("quoted"), None, None]);
        let pairs = |i: usize| {
            let mut pairs: Vec<_> = found[i].1.iter().map(|(k, v)| format!("{k}={v}")).collect();
            pairs.sort();
            pairs
        };
        assert_eq!(pairs(0), ["output=json", "region=eu-central-1", "s3="]);
        assert_eq!(pairs(1), ["role_arn=arn:aws:iam::1:role/x=y # part of it", "source_profile=default"]);
        assert!(pairs(2).is_empty());
    }
}
