//! What failed, by the tool's account.

/// Errors of a run by class; a class that the tool does not tell apart is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedErrors {
    /// While opening a connection.
    pub connect: Option<u64>,
    /// In the handshake of the encryption.
    pub tls: Option<u64>,
    /// While writing a request.
    pub write: Option<u64>,
    /// While waiting for a response or reading it.
    pub read: Option<u64>,
    /// No complete response in time.
    pub timeout: Option<u64>,
    /// A complete response with an unexpected status.
    pub status: Option<u64>,
    /// A complete response whose body is not what it should be.
    pub check: Option<u64>,
    /// None of these, or not told apart.
    pub other: Option<u64>,
    /// The tool's own words for them, and how often.
    pub details: Vec<(String, u64)>,
}

/// The class of an error that a tool describes in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Connect,
    Tls,
    Write,
    Read,
    Timeout,
    Other,
}

/// Words and what they mean, tried in this order: a failure to connect may also say `timeout`.
const WORDS: [(&str, Class); 24] = [
    ("tls", Class::Tls),
    ("x509", Class::Tls),
    ("certificate", Class::Tls),
    ("dial", Class::Connect),
    ("refused", Class::Connect),
    ("too many open files", Class::Connect),
    ("cannot assign requested address", Class::Connect),
    ("lookup", Class::Connect),
    ("no free connections", Class::Connect),
    ("tcp connect", Class::Connect),
    ("timeout", Class::Timeout),
    ("timed out", Class::Timeout),
    ("deadline exceeded", Class::Timeout),
    ("broken pipe", Class::Write),
    ("write", Class::Write),
    ("writing", Class::Write),
    ("reset", Class::Read),
    ("eof", Class::Read),
    ("closed", Class::Read),
    ("read", Class::Read),
    ("incomplete", Class::Read),
    ("malformed", Class::Read),
    ("parse", Class::Read),
    ("invalid http", Class::Read),
];

impl ReportedErrors {
    /// Errors that a tool lists in words: each class is known, be it zero.
    pub(super) fn of_texts(details: Vec<(String, u64)>) -> Self {
        let count = |class: Class| {
            let of_class = details.iter().filter(|(text, _)| Class::of(text) == class);
            Some(of_class.fold(0_u64, |sum, (_, count)| sum.saturating_add(*count)))
        };
        Self {
            connect: count(Class::Connect),
            tls: count(Class::Tls),
            write: count(Class::Write),
            read: count(Class::Read),
            timeout: count(Class::Timeout),
            status: None,
            check: None,
            other: count(Class::Other),
            details,
        }
    }

    /// The classes with their names in a record's `load`.
    pub fn named(&self) -> [(&'static str, Option<u64>); 8] {
        [
            ("errors.connect", self.connect),
            ("errors.tls", self.tls),
            ("errors.write", self.write),
            ("errors.read", self.read),
            ("errors.timeout", self.timeout),
            ("errors.status", self.status),
            ("errors.check", self.check),
            ("errors.other", self.other),
        ]
    }

    /// All that failed.
    pub fn total(&self) -> u64 {
        let counts = self.named().into_iter().filter_map(|(_, count)| count);
        counts.fold(0, u64::saturating_add)
    }
}

impl Class {
    fn of(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        WORDS.iter().find(|(word, _)| text.contains(word)).map_or(Self::Other, |(_, class)| *class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_tools_have_a_class() {
        for (text, class) in [
            (
                "Get \"http://127.0.0.1:9/\": dial tcp 127.0.0.1:9: connect: connection refused",
                Class::Connect,
            ),
            ("dial tcp 127.0.0.1:9: i/o timeout", Class::Connect),
            ("Connection refused (os error 111)", Class::Connect),
            ("Post \"http://127.0.0.1:9/\": EOF", Class::Read),
            ("read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer", Class::Read),
            ("the server closed connection before returning the first response byte", Class::Read),
            ("write tcp 127.0.0.1:1->127.0.0.1:2: write: broken pipe", Class::Write),
            (
                "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
                Class::Timeout,
            ),
            ("tls: failed to verify certificate: x509: unknown authority", Class::Tls),
            ("who knows", Class::Other),
        ] {
            assert_eq!(Class::of(text), class, "{text}");
        }
    }

    #[test]
    fn a_class_that_is_not_told_apart_is_not_zero() {
        let errors = ReportedErrors::of_texts(vec![("EOF".to_owned(), 3), ("?".to_owned(), 1)]);
        assert_eq!((errors.read, errors.write, errors.other), (Some(3), Some(0), Some(1)));
        assert_eq!((errors.status, errors.total()), (None, 4));
    }
}
