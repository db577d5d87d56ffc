//! Dates of cookies, in whatever order their parts come (RFC 6265, section 5.1.1).

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// The first year of that calendar that a date may have.
const FIRST_YEAR: u64 = 1601;

/// The instant in seconds since 1970, 0 for those before; none if the text is no date.
pub(super) fn parse(text: &str) -> Option<u64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let is_delimiter = |c: char| !c.is_ascii_alphanumeric() && c != ':';
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        // The first of its kind counts, and a number of two digits is the day before the year.
        if time.is_none() && token.contains(':') {
            time = time_of(token);
        } else if day.is_none() && number(token, 1..=2).is_some() {
            day = number(token, 1..=2);
        } else if month.is_none() && month_of(token).is_some() {
            month = month_of(token);
        } else if year.is_none() {
            year = number(token, 2..=4);
        }
    }
    let (day, month, year) = (day?, month?, full(year?));
    if !(1..=31).contains(&day) || year < FIRST_YEAR {
        return None;
    }
    Some(days_since_1970(year, month, day) * 86_400 + time?)
}

/// Seconds since midnight.
fn time_of(token: &str) -> Option<u64> {
    let mut parts = token.split(':').map(|part| number(part, 1..=2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let is_time = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
    is_time.then_some(hour * 3_600 + minute * 60 + second)
}

/// The number of a month, from 1.
fn month_of(token: &str) -> Option<u64> {
    let start = token.get(..3)?.to_ascii_lowercase();
    (1..).zip(MONTHS).find(|(_, name)| *name == start).map(|(number, _)| number)
}

/// The digits at the start of `token`, if there are so many.
fn number(token: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u64> {
    let count = token.bytes().take_while(u8::is_ascii_digit).count();
    digits.contains(&count).then(|| token.get(..count)?.parse().ok()).flatten()
}

/// A year of two digits is one of 1970 to 2069.
fn full(year: u64) -> u64 {
    match year {
        70..=99 => 1900 + year,
        0..=69 => 2000 + year,
        year => year,
    }
}

/// Days from the first of 1970; none of them for dates before.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    if year < 1970 {
        return 0;
    }
    // Leap years among all those before this one, and those before 1970.
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let is_leap = leaps(year) > leaps(year - 1);
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let in_year = before.get(month as usize - 1).copied().unwrap_or(0) + day - 1;
    (year - 1970) * 365 + leaps(year - 1) - leaps(1969) + in_year + u64::from(is_leap && month > 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_three_forms_are_dates() {
        // RFC 9110, 5.6.7 has the instant in each.
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text), Some(784_111_777), "{text}");
        }
        assert_eq!(parse("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse("Tue, 29 Feb 2000 00:00:00 GMT"), Some(951_782_400));
        assert_eq!(parse("Wed, 01 Mar 2000 00:00:00 GMT"), Some(951_868_800));
        assert_eq!(parse("Fri, 01 Mar 2069 00:00:00 GMT"), Some(3_129_321_600));
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "0",
            "-1",
            "Thu, 01 Jan 1970",
            "1970-01-01T00:00:00Z",
            "Thu, 32 Jan 1970 00:00:00",
            "25:00:00 1 Jan 2000",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_date_or_not(text in "([0-9]{0,5}|Jan|Feb|[:\\- ,]|é){0,12}") {
            let _ = parse(&text);
        }
    }
}
