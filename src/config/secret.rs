//! Which names say that what they name is a secret: in queries, in connection strings, in headers.

/// What such names have in them, in small letters.
const PARTS: [&str; 12] = [
    "password",
    "passwd",
    "pwd",
    "secret",
    "token",
    "api-key",
    "api_key",
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "signature",
];

/// Whether the name is that of a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_others() {
        for name in ["Authorization", "X-Auth-Token", "Cookie", "sslpassword", "X-API-Key"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["Accept", "X-Color", "user", "target_session_attrs", "key", ""] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
