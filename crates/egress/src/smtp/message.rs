//! A message as it goes over the wire (RFC 5322): plain text in UTF-8, in base64, so that no line
//! is too long and none begins with a dot.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use outflow_core::{Code, Error, Result, Timestamp, steers_terminal};

/// Characters of a line of base64.
const WIDTH: usize = 76;
/// Bytes of text in one encoded word of a header: with its marks and `Subject: ` before it, it
/// stays within a line of 76.
const WORD: usize = 39;

/// A mail.
#[derive(Clone, Debug)]
pub struct Message {
    from: String,
    to: Vec<String>,
    headers: String,
    body: String,
}

impl Message {
    /// A message. Addresses are plain ones: `ops@example.com`. `id` stands before the @ of the
    /// message id.
    ///
    /// # Errors
    /// C005 for an invalid address.
    pub fn new(
        from: &str,
        to: &[String],
        at: Timestamp,
        id: &str,
        subject: &str,
        text: &str,
    ) -> Result<Self> {
        for address in to.iter().map(String::as_str).chain([from]) {
            check(address)?;
        }
        let host = from.rsplit_once('@').map_or("localhost", |(_, host)| host);
        let date = at.strftime("%a, %d %b %Y %H:%M:%S +0000");
        let headers = format!(
            "Date: {date}\r\nFrom: <{from}>\r\nTo: {}\r\nMessage-ID: <{}@{host}>\r\nSubject: {}\r\n\
             Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: base64\r\n",
            to.iter().map(|a| format!("<{a}>")).collect::<Vec<_>>().join(",\r\n "),
            id.chars().filter(char::is_ascii_alphanumeric).collect::<String>(),
            words(subject),
        );
        Ok(Self { from: from.to_owned(), to: to.to_vec(), headers, body: text.to_owned() })
    }

    pub(super) fn from(&self) -> &str {
        &self.from
    }

    pub(super) fn to(&self) -> &[String] {
        &self.to
    }

    /// What follows DATA, its end included. No line begins with a dot, so no dot has to be doubled:
    /// headers begin with a name or a blank, and base64 has no dots.
    pub(super) fn data(&self) -> Vec<u8> {
        let body = BASE64_STANDARD.encode(self.body.replace('\n', "\r\n"));
        let mut data = format!("{}\r\n", self.headers);
        for line in body.as_bytes().chunks(WIDTH) {
            data.push_str(&String::from_utf8_lossy(line));
            data += "\r\n";
        }
        (data + ".\r\n").into_bytes()
    }
}

/// One address, of characters that cannot break out of a command or a header.
fn check(address: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@.!#$%&'*+-/=?^_`{|}~".contains(c);
    let is_address = address.len() <= 254
        && address.chars().all(plain)
        && address
            .split_once('@')
            .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
    if is_address {
        return Ok(());
    }
    Err(Error::new(Code::InvalidValue, format!("{address:?} is no e-mail address"))
        .help("write it like ops@example.com"))
}

/// A header's text: as it is if it is short and of plain characters, else in encoded words (RFC
/// 2047).
fn words(text: &str) -> String {
    let text: String = text.chars().map(|c| if steers_terminal(c) { ' ' } else { c }).collect();
    if text.len() <= WIDTH - "Subject: ".len()
        && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
        && !text.contains("=?")
    {
        return text;
    }
    let (mut words, mut word) = (Vec::new(), String::new());
    for c in text.chars() {
        if word.len() + c.len_utf8() > WORD {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let encoded: Vec<String> =
        words.iter().map(|w| format!("=?utf-8?B?{}?=", BASE64_STANDARD.encode(w))).collect();
    encoded.join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(subject: &str, text: &str) -> String {
        let to = ["ops@example.com".to_owned(), "me@example.org".to_owned()];
        let at = Timestamp::from_second(1_767_225_600).unwrap();
        let message = Message::new("outflow@example.com", &to, at, "al-1", subject, text).unwrap();
        String::from_utf8(message.data()).unwrap()
    }

    #[test]
    fn a_message_is_what_the_standard_says() {
        let data = message("users is failing", "one\n.\ntwo ☕\n");
        let head = "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nFrom: <outflow@example.com>\r\nTo: <ops@example.com>,\r\n <me@example.org>\r\n\
                    Message-ID: <al1@example.com>\r\nSubject: users is failing\r\n";
        assert!(data.starts_with(head), "{data}");
        let body = data.split("\r\n\r\n").nth(1).unwrap().strip_suffix("\r\n.\r\n").unwrap();
        let text = BASE64_STANDARD.decode(body.replace("\r\n", "")).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "one\r\n.\r\ntwo ☕\r\n");
        assert!(!data.trim_end_matches(".\r\n").contains("\r\n."));
    }

    #[test]
    fn no_line_is_longer_than_78_and_no_subject_makes_a_header() {
        for length in 60..90 {
            let data = message(&"s".repeat(length), "");
            assert!(data.lines().all(|line| line.len() <= 78), "{length}: {data}");
        }
        let subject = format!("größer\r\nBcc: evil@example.com {}", "ü☕".repeat(60));
        let data = message(&subject, &"x".repeat(10_000));
        assert!(data.lines().all(|line| line.len() <= 78 && line.is_ascii()), "{data}");
        assert!(!data.contains("\r\nBcc"));
        let encoded: Vec<&str> =
            data.split("=?utf-8?B?").skip(1).map(|w| w.split("?=").next().unwrap()).collect();
        let decoded: Vec<u8> = encoded.iter().flat_map(|w| BASE64_STANDARD.decode(w).unwrap()).collect();
        assert_eq!(String::from_utf8(decoded).unwrap(), subject.replace(['\r', '\n'], " "));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let at = Timestamp::UNIX_EPOCH;
        for address in ["", "ops", "a@b@c", "a b@c", "<a@b>", "a@b\r\nRCPT TO:<c@d>", "ü@b", "@b", "a@"] {
            let error = Message::new("a@b", &[address.to_owned()], at, "1", "s", "t").unwrap_err();
            assert_eq!(error.code(), Code::InvalidValue, "{address}");
        }
    }
}
