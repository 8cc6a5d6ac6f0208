//! Pages for people, where an answer of a service is due.
//!
//! What it does not do: look at the type that a header states; what that means differs from service
//! to service.

/// Bytes of a page that are searched for its title.
const HEAD_BYTES: usize = 8 * 1024;
/// Characters of a title.
const TITLE: usize = 80;

/// Whether a text is HTML, by how it begins.
pub fn is_markup(body: &[u8]) -> bool {
    const TAGS: [&[u8]; 17] = [
        b"!doctype html",
        b"html",
        b"head",
        b"body",
        b"title",
        b"script",
        b"style",
        b"meta",
        b"link",
        b"iframe",
        b"h1",
        b"h2",
        b"div",
        b"form",
        b"center",
        b"table",
        b"p",
    ];
    let mut rest = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    // Comments and the declaration of XML may come first.
    while let Some((begin, end)) = [(&b"<!--"[..], &b"-->"[..]), (&b"<?"[..], &b"?>"[..])]
        .into_iter()
        .find(|(begin, _)| rest.starts_with(begin))
    {
        let Some(at) = memchr::memmem::find(&rest[begin.len()..], end) else { return begin == b"<!--" };
        rest = rest[begin.len() + at + end.len()..].trim_ascii_start();
    }
    let Some(tag) = rest.strip_prefix(b"<") else { return false };
    TAGS.iter().any(|name| {
        let begins = tag.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
        begins
            && tag
                .get(name.len())
                .is_none_or(|next| next.is_ascii_whitespace() || matches!(next, b'>' | b'/'))
    })
}

/// The title of a page.
pub fn title(body: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&body[..body.len().min(HEAD_BYTES)]);
    let lower = head.to_ascii_lowercase();
    let begin = lower.find("<title")?;
    let begin = begin + lower[begin..].find('>')? + 1;
    let end = begin + lower[begin..].find("</title")?;
    let title: String = head[begin..end].split_whitespace().collect::<Vec<_>>().join(" ");
    let title: String = title.chars().take(TITLE).collect();
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_known_by_how_it_begins_and_has_a_title() {
        for page in [
            "<!doctype HTML>",
            " \u{feff}<html>",
            "<!-- x -->\n<body class=a>",
            "<?xml?><!DOCTYPE html>",
            "<!-- x",
        ] {
            assert!(is_markup(page.trim().as_bytes()), "{page}");
        }
        for text in ["", "OK", "{}", "<ok/>", "<pre>", "<?xml version=\"1.0\"?><receipt/>", "<", "<htmlish>"]
        {
            assert!(!is_markup(text.as_bytes()), "{text}");
        }
        let page = b"<html><head><Title lang=en>\n Sign in\n to Corp </Title>";
        assert_eq!(title(page).as_deref(), Some("Sign in to Corp"));
        for page in [&b"<html>"[..], b"<title>", b"<title", b"<title></title>"] {
            assert_eq!(title(page), None);
        }
    }
}
