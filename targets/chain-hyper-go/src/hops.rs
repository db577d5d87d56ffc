//! Headers that concern one connection, and are not passed on to the next.

use hyper::{
    HeaderMap,
    header::{
        CONNECTION, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
        TRANSFER_ENCODING, UPGRADE,
    },
};

const SINGLE_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Removes what concerns one connection only, and what `Connection` names beside (RFC 9110, 7.6.1).
pub fn remove(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&SINGLE_HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn removed_from(headers: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut map: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        remove(&mut map);
        map.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn headers_for_the_other_end_stay() {
        let headers = [("content-type", "application/json"), ("engine", "go"), ("date", "x")];
        assert_eq!(removed_from(&headers), ["content-type", "engine", "date"]);
    }

    #[test]
    fn headers_of_one_connection_go() {
        let headers = [("transfer-encoding", "chunked"), ("keep-alive", "5"), ("te", "x")];
        assert_eq!(removed_from(&headers), [""; 0]);
    }

    #[test]
    fn what_connection_names_goes_too() {
        let headers =
            [("connection", "close, X-Hop ,, not a name"), ("x-hop", "1"), ("x-end", "2")];
        assert_eq!(removed_from(&headers), ["x-end"]);
    }
}
