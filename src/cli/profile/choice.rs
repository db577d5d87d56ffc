//! What is typed for an address and for CPUs, and what it means.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use crate::{
    target::{Cpus, split_cpus},
    unit::Bytes,
};
use anyhow::{Context, bail};

/// Kibibytes from 1 to 63: what the kernel puts into one record.
pub(crate) fn stack_copy(text: &str) -> Result<Bytes, String> {
    match text.parse::<u64>() {
        Ok(kib @ 1..=63) => Ok(Bytes(kib << 10)),
        _ => Err(format!("'{text}' is not a whole number of KiB from 1 to 63")),
    }
}

/// The address in a URL such as `http://127.0.0.1:8080`.
#[derive(Debug, Clone)]
pub(crate) struct Url(pub(crate) SocketAddr);

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let address = address.replace("localhost", "127.0.0.1");
        address.parse().map(Self).map_err(|_| {
            format!("'{text}' is not the address of a server, such as http://127.0.0.1:8080")
        })
    }
}

/// The URL of a PostgreSQL database.
pub(crate) fn db_url(text: &str) -> Result<String, String> {
    let rest = ["postgres://", "postgresql://"].iter().find_map(|start| text.strip_prefix(start));
    match rest {
        Some(rest) if !rest.is_empty() => Ok(text.to_owned()),
        _ => Err(format!(
            "'{text}' is not the URL of a database, such as postgres://user@127.0.0.1:5432/name"
        )),
    }
}

/// Which CPUs the server and the load get.
#[derive(Debug, Clone)]
pub struct CpuChoice {
    pub server: Cpus,
    pub load: Cpus,
}

impl CpuChoice {
    /// The choice that was made, if its CPUs may be used, or the usual one.
    pub fn or_usual(choice: Option<&Self>) -> anyhow::Result<Self> {
        let available = Cpus::available().context("cannot tell which CPUs are available")?;
        let Some(Self { server, load }) = choice else {
            let split = split_cpus(available.as_slice());
            return Ok(Self { server: split.server, load: split.load });
        };
        let known =
            |cpus: &Cpus| cpus.as_slice().iter().all(|cpu| available.as_slice().contains(cpu));
        if let Some(wrong) = [server, load].into_iter().find(|cpus| !known(cpus)) {
            bail!("cannot use the CPUs {wrong}: those that may be used are {available}");
        }
        Ok(Self { server: server.clone(), load: load.clone() })
    }
}

impl FromStr for CpuChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("'{text}' is not of the form server=LIST,load=LIST");
        let (first, second) = text
            .split_once(",load=")
            .and_then(|(server, load)| Some((server.strip_prefix("server=")?, load)))
            .or_else(|| {
                let (load, server) = text.split_once(",server=")?;
                Some((server, load.strip_prefix("load=")?))
            })
            .ok_or_else(form)?;
        let cpus = |list: &str| list.parse::<Cpus>().map_err(|error| error.to_string());
        Ok(Self { server: cpus(first)?, load: cpus(second)? })
    }
}

/// The name of an engine in scripts.
pub(crate) fn engine(text: &str) -> Result<crate::load::EngineKind, String> {
    let all = crate::load::EngineKind::ALL;
    all.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|kind| kind.as_str()).collect();
        format!("no engine '{text}'; there are {}", names.join(", "))
    })
}

/// A number of requests a second.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err(format!("'{text}' is not a number of requests a second, such as 20000")),
    }
}

/// A time to come, as precise as it is known.
pub(crate) fn minutes(left: Duration) -> String {
    match left.as_secs_f64().ceil() as u64 {
        seconds @ 0..=99 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_choices_name_both_sides_in_any_order() {
        let choice: CpuChoice = "server=0-2,5,load=3".parse().expect("this is the form");
        assert_eq!(
            (choice.server.as_slice(), choice.load.as_slice()),
            (&[0, 1, 2, 5][..], &[3][..])
        );
        let choice: CpuChoice = "load=1,server=0".parse().expect("the order does not matter");
        assert_eq!((choice.server.as_slice(), choice.load.as_slice()), (&[0][..], &[1][..]));
        for wrong in ["", "0,1", "server=0", "server=x,load=1", "server=,load=1"] {
            assert!(wrong.parse::<CpuChoice>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn urls_are_addresses() {
        assert!("http://127.0.0.1:80/".parse::<Url>().is_ok());
        assert!("localhost:8080".parse::<Url>().is_ok());
        assert!("http://example.org".parse::<Url>().is_err());
    }

    #[test]
    fn a_database_is_named_by_its_url() {
        assert!(db_url("postgres://me@127.0.0.1/x").is_ok() && db_url("postgresql://x").is_ok());
        for wrong in ["", "x", "mysql://me@host/x", "postgres://"] {
            assert!(db_url(wrong).is_err_and(|error| error.contains("such as postgres://user")));
        }
    }

    #[test]
    fn engines_and_rates_say_what_they_may_be() {
        assert!(engine("wrk2").is_ok());
        assert!(engine("ab").is_err_and(|error| error.contains("builtin, wrk, wrk2")));
        assert_eq!(rate("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "inf", "nan", "1k"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
