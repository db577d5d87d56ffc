//! The requests of a script, chosen and rendered before the load starts.
//!
//! ```text
//! weights -shuffled-> order of kinds -variables drawn-> requests as bytes
//! ```
//!
//! Under load nothing is drawn and nothing formatted: a connection walks through the pool from an
//! offset of its own, one request further each time.

mod draw;
mod kind;
#[cfg(test)]
mod tests;
mod walk;
mod zipf;

use std::net::SocketAddr;

pub(super) use self::walk::Walk;
use self::{draw::Draw, kind::Kind};
use super::{
    error::LoadError,
    random::Random,
    request::Request,
    script::{Pick, Script},
};

/// The requests of a pool, where more than one request is possible.
const USUAL: u128 = 4_096;
/// The most bytes that requests with variables may take.
const MOST_BYTES: usize = 64 << 20;
/// No request takes less than this, with its bookkeeping.
const LEAST_BYTES: u128 = 32;

/// A sequence of requests with weights and variables applied; the same for the same seed.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Each distinct request once.
    requests: Vec<Request>,
    order: Vec<Slot>,
    /// The places of each kind of request; none of a script that has only one.
    of_kind: Vec<Vec<u32>>,
    kinds: usize,
}

/// A place in the sequence.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    request: u32,
    kind: u32,
}

impl Pool {
    /// Renders the requests of `script` for the server at `addr`.
    ///
    /// The pool has one request if only one is possible. Otherwise it has 4,096, or as many more
    /// as the longest sequential variable needs to have each of its values asked for, rounded up
    /// so that the requests are in exactly the proportions of their weights.
    ///
    /// # Errors
    /// When a template is wrong, or when requests with variables take more than 64 MiB.
    pub fn render(script: &Script, addr: SocketAddr) -> Result<Self, LoadError> {
        let invalid = |message: String| LoadError::invalid(&script.name, message);
        let kinds: Result<Vec<Kind<'_>>, String> = {
            let parse = |request| Kind::parse(request, &script.vars, &script.environment);
            script.requests.iter().map(parse).collect()
        };
        let kinds = kinds.map_err(invalid)?;
        let length = Length::of(script, &kinds).map_err(invalid)?;
        let mut draws: Vec<Draw<'_>> = (1..)
            .zip(&script.vars)
            .map(|(stream, var)| Draw::new(var, Random::new(script.seed, stream)))
            .collect();
        let mut shared = vec![None; kinds.len()];
        let (mut requests, mut order, mut bytes) = (Vec::new(), Vec::new(), 0);
        for place in shuffled(script, length.requests) {
            let Some(kind) = kinds.get(place) else { continue };
            let known = shared.get(place).copied().flatten();
            let request = known.unwrap_or(requests.len());
            order.push(Slot { request: request as u32, kind: place as u32 });
            if known.is_some() {
                continue;
            }
            let rendered = kind.render(&mut draws, addr, script.authorization.as_ref());
            if kind.is_fixed() {
                shared[place] = Some(request);
            } else {
                bytes += rendered.bytes().len();
            }
            if bytes > MOST_BYTES {
                return Err(invalid(length.too_long(&kind.request.name)));
            }
            requests.push(rendered);
        }
        Ok(Self { requests, of_kind: of_kind(&order, kinds.len()), order, kinds: kinds.len() })
    }

    /// How many requests it has; never 0.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// The request at `index`, counted on from the first again after the last.
    pub fn get(&self, index: usize) -> &Request {
        &self.requests[self.slot(index).request as usize]
    }

    /// The first request of each kind, in the order of the script.
    pub fn firsts(&self) -> impl Iterator<Item = &Request> {
        let of_kind = |kind| self.order.iter().find(move |slot| slot.kind as usize == kind);
        (0..self.kinds).filter_map(of_kind).map(|slot| &self.requests[slot.request as usize])
    }

    /// The place of the request at `index` among those of the script.
    pub fn kind(&self, index: usize) -> usize {
        self.slot(index).kind as usize
    }

    /// How many requests the script has.
    pub fn kinds(&self) -> usize {
        self.kinds
    }

    fn slot(&self, index: usize) -> Slot {
        self.order[index % self.order.len()]
    }
}

/// The places of each of several kinds of request.
fn of_kind(order: &[Slot], kinds: usize) -> Vec<Vec<u32>> {
    let several = if kinds > 1 { kinds } else { 0 };
    let mut of_kind = vec![Vec::new(); several];
    for (place, slot) in (0..).zip(order) {
        if let Some(places) = of_kind.get_mut(slot.kind as usize) {
            places.push(place);
        }
    }
    of_kind
}

/// How long a pool must be, and why.
struct Length {
    requests: usize,
    /// The sequential variable that made it longer than usual.
    cause: Option<String>,
}

impl Length {
    fn of(script: &Script, kinds: &[Kind<'_>]) -> Result<Self, String> {
        if let [only] = kinds
            && only.is_fixed()
        {
            return Ok(Self { requests: 1, cause: None });
        }
        let weight = |kind: &Kind<'_>| u128::from(kind.request.weight.get());
        let round: u128 = kinds.iter().map(weight).sum();
        let (mut requests, mut cause) = (USUAL, None);
        for (place, var) in script.vars.iter().enumerate() {
            let users = kinds.iter().filter(|kind| kind.variables.contains(&place));
            let share: u128 = users.map(weight).sum();
            if var.pick != Pick::Sequential || share == 0 {
                continue;
            }
            let needed = ((u128::from(draw::last(&var.values)) + 1) * round).div_ceil(share);
            if needed > requests {
                (requests, cause) = (needed, Some(var.name.clone()));
            }
        }
        let requests = requests.next_multiple_of(round / divisor(script));
        let length = Self { requests: usize::try_from(requests).unwrap_or(usize::MAX), cause };
        if requests * LEAST_BYTES > MOST_BYTES as u128 {
            return Err(length.too_long(&script.request().name));
        }
        Ok(length)
    }

    /// What to say if so many requests are too many bytes, of which `request` has most.
    fn too_long(&self, request: &str) -> String {
        let requests = self.requests;
        match &self.cause {
            Some(var) => format!(
                "vars.{var}: to have all of its values asked for in turn, {requests} requests \
                 would have to be kept ready, more than {} MiB: give it fewer values, or pick = \
                 \"random\"",
                MOST_BYTES >> 20
            ),
            None => format!(
                "request '{request}': {requests} requests with variables are kept ready, and they \
                 are more than {} MiB: make the body smaller, or leave variables out of it",
                MOST_BYTES >> 20
            ),
        }
    }
}

/// So many places of requests, in exact proportion to the weights, in an order of the seed's.
fn shuffled(script: &Script, length: usize) -> Vec<usize> {
    let weight = |place: usize| script.requests[place].weight.get() / divisor(script) as u32;
    let round = (0..script.requests.len())
        .flat_map(|place| std::iter::repeat_n(place, weight(place) as usize));
    let round: Vec<usize> = round.take(length).collect();
    let mut order: Vec<usize> = round.iter().copied().cycle().take(length).collect();
    Random::new(script.seed, 0).shuffle(&mut order);
    order
}

/// The greatest common divisor of the weights.
fn divisor(script: &Script) -> u128 {
    let weights = script.requests.iter().map(|request| u128::from(request.weight.get()));
    weights.reduce(greatest_common_divisor).unwrap_or(1)
}

fn greatest_common_divisor(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
