//! What a connection test reports of a server's certificate: for which names it is, who signed it,
//! until when it is good.
//!
//! A walk over the DER of RFC 5280 to those three fields and no others; whether the certificate can
//! be trusted has been decided by then, by rustls. A crate that reads X.509 whole (and brings a
//! dozen others) would do no better here. What always holds: nothing beyond the bytes is read,
//! whatever a length claims; what is not understood is left out.

use outflow_core::{Timestamp, steers_terminal};

const SEQUENCE: u8 = 0x30;
const OID: u8 = 0x06;
/// The wrapper of a certificate's extensions.
const EXTENSIONS: u8 = 0xa3;
const VERSION: u8 = 0xa0;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// A certificate in a few words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// DNS names and IP addresses.
    pub names: Vec<String>,
    /// The common name of who signed it, else their organization.
    pub issuer: String,
    pub expires: Timestamp,
}

impl Certificate {
    /// Reads a certificate; `None` if it is not one.
    pub fn read(der: &[u8]) -> Option<Certificate> {
        let mut body = Der(Der(Der(der).content(SEQUENCE)?).content(SEQUENCE)?);
        let first = body.next()?;
        if first.0 == VERSION {
            // The serial number, which comes first where there is no version.
            body.next()?;
        }
        let _signature = body.content(SEQUENCE)?;
        let issuer = body.content(SEQUENCE)?;
        let mut validity = Der(body.content(SEQUENCE)?);
        validity.next()?;
        let expires = time(validity.next()?)?;
        let names = body.find(|&(tag, _)| tag == EXTENSIONS).and_then(|(_, list)| alternative_names(list));
        let issuer = name(issuer, COMMON_NAME).or_else(|| name(issuer, ORGANIZATION));
        Some(Certificate { names: names.unwrap_or_default(), issuer: issuer.unwrap_or_default(), expires })
    }
}

/// Tags and contents, one after the other, until something does not add up.
struct Der<'a>(&'a [u8]);

impl<'a> Iterator for Der<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[tag, length], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match length {
            0..=0x7f => (usize::from(length), rest),
            // This many bytes of length follow.
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
                (bytes.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }
}

impl<'a> Der<'a> {
    /// The content of the next element, which must have this tag.
    fn content(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|&(found, _)| found == tag).map(|(_, content)| content)
    }
}

/// The first part of a distinguished name that has this type.
fn name(distinguished: &[u8], wanted: &[u8]) -> Option<String> {
    let parts = Der(distinguished).flat_map(|(_, set)| Der(set));
    parts.into_iter().find_map(|(_, part)| {
        let mut part = Der(part);
        (part.content(OID)? == wanted).then(|| part.next().map(|(_, text)| clean(text)))?
    })
}

/// The names of the extension that holds them.
fn alternative_names(extensions: &[u8]) -> Option<Vec<String>> {
    let value = Der(Der(extensions).content(SEQUENCE)?).find_map(|(_, extension)| {
        let mut extension = Der(extension);
        // A flag may be between the type and the value.
        (extension.content(OID)? == SUBJECT_ALT_NAME).then(|| extension.last().map(|(_, value)| value))?
    })?;
    let names = Der(Der(value).content(SEQUENCE)?).filter_map(|(tag, content)| match tag {
        0x82 => Some(clean(content)),
        0x87 => match *content {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(a, b, c, d).to_string()),
            _ => <[u8; 16]>::try_from(content).ok().map(|ip| std::net::Ipv6Addr::from(ip).to_string()),
        },
        _ => None,
    });
    Some(names.collect())
}

/// UTCTime has two digits of the year, those from 50 on of the last century; GeneralizedTime has
/// four.
fn time((tag, text): (u8, &[u8])) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
    let century = match tag {
        0x17 if text >= "50" => "19",
        0x17 => "20",
        0x18 => "",
        _ => return None,
    };
    let digits = format!("{century}{}", text.strip_suffix('Z')?);
    let (date, time) = digits.split_at_checked(8)?;
    format!("{date}T{time}Z").parse().ok()
}

/// Text of a stranger, fit for a terminal.
fn clean(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .chars()
        .take(200)
        .map(|c| if steers_terminal(c) { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair, SanType};

    use super::*;

    fn signed(until: i32, alternatives: Vec<SanType>) -> Vec<u8> {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.distinguished_name = DistinguishedName::new();
        authority.distinguished_name.push(DnType::OrganizationName, "Bücher AG");
        authority.distinguished_name.push(DnType::CommonName, "Root 7");
        let issuer = Issuer::new(authority, KeyPair::generate().unwrap());
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = alternatives;
        params.not_after = rcgen::date_time_ymd(until, 12, 31);
        params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().to_vec()
    }

    #[test]
    fn names_issuer_and_expiry_are_those_of_the_certificate() {
        let names = vec![
            SanType::DnsName("*.example.com".try_into().unwrap()),
            SanType::IpAddress("10.0.0.5".parse().unwrap()),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
        ];
        // Years from 2050 on are written in another way.
        for until in [2031, 2090] {
            let read = Certificate::read(&signed(until, names.clone())).unwrap();
            assert_eq!(read.names, ["*.example.com", "10.0.0.5", "2001:db8::1"]);
            assert_eq!(read.issuer, "Root 7");
            assert_eq!(read.expires.to_string(), format!("{until}-12-31T00:00:00Z"));
        }
        assert_eq!(Certificate::read(&signed(2031, Vec::new())).unwrap().names, [""; 0]);
    }

    #[test]
    fn what_is_cut_or_mangled_is_read_without_harm() {
        let whole = signed(2031, vec![SanType::DnsName("example.com".try_into().unwrap())]);
        for end in 0..whole.len() {
            assert_eq!(Certificate::read(&whole[..end]), None, "{end}");
        }
        for at in 0..whole.len() {
            for byte in [0x00, 0x7f, 0x80, 0x84, 0xff] {
                let mut mangled = whole.clone();
                mangled[at] = byte;
                let _ = Certificate::read(&mangled);
            }
        }
    }
}
