//! Names for what goes wrong with encryption.

use rustls::{AlertDescription, CertificateError, Error};

/// In a few words, why a session under TLS could not begin or go on.
pub(super) fn describe(error: &Error) -> &'static str {
    match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::AlertReceived(alert) => refusal(*alert),
        // The first bytes of another protocol look like a damaged message.
        Error::InvalidMessage(_) => "what the server sends is not TLS",
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "the server sent a TLS message out of place"
        }
        Error::NoApplicationProtocol => "the server does not speak the protocol under TLS (ALPN)",
        Error::PeerIncompatible(_) => "the server and the client have no kind of TLS in common",
        Error::PeerMisbehaved(_) => "the server breaks the rules of TLS",
        Error::DecryptError => "what the server sends cannot be decrypted",
        Error::PeerSentOversizedRecord => "the server sent a TLS record that is too large",
        Error::NoCertificatesPresented => "the server has no certificate",
        _ => "TLS failed",
    }
}

fn certificate(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet"
        }
        CertificateError::Revoked => "the certificate was revoked",
        CertificateError::UnknownIssuer => "the certificate's issuer is not trusted",
        CertificateError::BadSignature => "the certificate's signature is wrong",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another name"
        }
        // This one has no variant, and is what `openssl req -x509` makes unless told otherwise.
        CertificateError::Other(error) if format!("{error:?}").contains("CaUsedAsEndEntity") => {
            "the certificate is an authority's (CA:TRUE), and may not be a server's: make it with \
             `-addext basicConstraints=critical,CA:FALSE`, or write `tls = { insecure = true }`"
        }
        _ => "the certificate is not valid",
    }
}

/// What the alert of a server that ends the session says (RFC 8446, section 6.2).
fn refusal(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::HandshakeFailure => "the server refused: handshake_failure",
        AlertDescription::ProtocolVersion => "the server refused: protocol_version",
        AlertDescription::UnrecognisedName => "the server refused: unrecognized_name",
        AlertDescription::NoApplicationProtocol => {
            "the server refused: no_application_protocol (ALPN)"
        }
        AlertDescription::CertificateRequired => {
            "the server refused: certificate_required, of the client"
        }
        AlertDescription::AccessDenied => "the server refused: access_denied",
        AlertDescription::DecodeError => "the server refused: decode_error",
        AlertDescription::UnexpectedMessage => "the server refused: unexpected_message",
        AlertDescription::InternalError => "the server refused: internal_error",
        _ => "the server refused the TLS session",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use rustls::{InvalidMessage, PeerIncompatible};

    use super::*;

    fn check(error: Error, expect: Expect) {
        expect.assert_eq(describe(&error));
    }

    #[test]
    fn causes_have_names() {
        let other = CertificateError::BadEncoding;
        check(CertificateError::Expired.into(), expect!["the certificate has expired"]);
        check(
            CertificateError::NotValidForName.into(),
            expect!["the certificate is for another name"],
        );
        check(other.into(), expect!["the certificate is not valid"]);
        check(
            InvalidMessage::InvalidContentType.into(),
            expect!["what the server sends is not TLS"],
        );
        check(
            Error::AlertReceived(AlertDescription::ProtocolVersion),
            expect!["the server refused: protocol_version"],
        );
        check(
            Error::AlertReceived(AlertDescription::Unknown(200)),
            expect!["the server refused the TLS session"],
        );
        check(
            PeerIncompatible::NoCipherSuitesInCommon.into(),
            expect!["the server and the client have no kind of TLS in common"],
        );
        check(Error::FailedToGetRandomBytes, expect!["TLS failed"]);
    }
}
