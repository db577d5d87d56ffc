//! What colour a frame gets: the hue says whose code it is, the shade tells neighbours apart.

mod go;

use std::collections::{BTreeMap, BTreeSet};

use inferno::flamegraph::color::Color;

use crate::{
    fold::{Folded, KERNEL_SUFFIX, Language, Owner, owner},
    unit::Samples,
};

/// What is known about a target's names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Palette {
    /// Crates or namespaces that are the target's own code, such as `hyper_target`.
    pub own: BTreeSet<String>,
    /// Names of processes and threads, which are not code.
    pub roots: BTreeSet<String>,
    /// The classes of names that say too little by themselves.
    pub classes: BTreeMap<String, Class>,
}

/// Whose code a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The target's own.
    Own,
    /// A crate or namespace that the target uses.
    Library,
    /// What runs asynchronous tasks and polls for events.
    Runtime,
    /// Go's runtime: its scheduler, its timers, its changes of stacks.
    GoRuntime,
    /// Allocation and collection of memory in Go's runtime.
    GoMemory,
    /// The language's standard library.
    Standard,
    /// Code in Python, whoever's it is.
    Python,
    /// A function without a namespace, as in libc.
    Native,
    /// The kernel.
    Kernel,
    /// Code without a name, or callers that could not be found.
    Unnamed,
    /// A process or thread.
    Root,
}

impl Class {
    /// All that can have time of their own, as the legend lists them.
    pub const ALL: [Self; 10] = [
        Self::Own,
        Self::Library,
        Self::Python,
        Self::Runtime,
        Self::GoRuntime,
        Self::GoMemory,
        Self::Standard,
        Self::Native,
        Self::Kernel,
        Self::Unnamed,
    ];

    /// What the legend calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Own => "own code",
            Self::Library => "libraries",
            Self::Runtime => "async runtime",
            Self::GoRuntime => "Go runtime",
            Self::GoMemory => "Go allocation and GC",
            Self::Standard => "standard library",
            Self::Python => "Python code",
            Self::Native => "native code",
            Self::Kernel => "kernel",
            Self::Unnamed => "no name",
            Self::Root => "process, thread",
        }
    }

    /// Hue in degrees, saturation and lightness in percent. Light enough for black text; blue
    /// against orange is told apart by colour-blind eyes as well.
    fn hsl(self) -> (f64, f64, f64) {
        match self {
            Self::Own => (8.0, 84.0, 68.0),
            Self::Library => (40.0, 90.0, 68.0),
            Self::Runtime => (158.0, 42.0, 66.0),
            Self::GoRuntime => (158.0, 42.0, 66.0),
            Self::GoMemory => (290.0, 38.0, 76.0),
            Self::Standard => (82.0, 45.0, 70.0),
            Self::Python => (335.0, 62.0, 78.0),
            Self::Native => (28.0, 28.0, 72.0),
            Self::Kernel => (212.0, 62.0, 74.0),
            Self::Unnamed => (0.0, 0.0, 70.0),
            Self::Root => (215.0, 14.0, 86.0),
        }
    }

    /// The colour of the class itself.
    pub(super) fn color(self) -> Color {
        let (hue, saturation, lightness) = self.hsl();
        rgb(hue, saturation, lightness)
    }

    /// The class's colour, shaded by the name alone: a frame keeps its colour whatever other
    /// frames there are.
    pub(super) fn shade(self, name: &str) -> Color {
        let (hue, saturation, lightness) = self.hsl();
        let hash = fnv1a(name);
        let spread = |bits: u64, width: f64| ((bits & 0xffff) as f64 / 65_535.0 - 0.5) * width;
        if self == Self::Root {
            return rgb(hue, saturation, lightness);
        }
        rgb(hue + spread(hash >> 16, 14.0), saturation, lightness + spread(hash >> 32, 12.0))
    }
}

/// Crates that run tasks, poll for events or park threads.
const RUNTIMES: [&str; 11] = [
    "async_executor",
    "async_io",
    "async_std",
    "futures",
    "mio",
    "parking_lot",
    "parking_lot_core",
    "polling",
    "signal_hook",
    "smol",
    "tokio",
];

impl Palette {
    /// Whose code the frame is, by its name in folded text.
    pub fn class(&self, name: &str) -> Class {
        match self.classes.get(name) {
            Some(class) => *class,
            None => self.class_in(name, Language::Other),
        }
    }

    /// Whose code the frame of a language is, by its full name.
    pub fn class_in(&self, name: &str, language: Language) -> Class {
        match language {
            Language::Go => go::class(name),
            Language::Python => Class::Python,
            Language::Other => self.class_of_other(name),
        }
    }

    fn class_of_other(&self, name: &str) -> Class {
        if name.ends_with(KERNEL_SUFFIX) {
            return Class::Kernel;
        }
        if name.starts_with('[') {
            return Class::Unnamed;
        }
        if self.roots.contains(name) {
            return Class::Root;
        }
        if let Some(Owner::Package(package)) = owner(name) {
            return class_of_java(&package);
        }
        let Some(space) = namespace(name) else {
            return if self.own.contains(name) { Class::Own } else { Class::Native };
        };
        if self.own.contains(space) {
            return Class::Own;
        }
        match space {
            "std" | "core" | "alloc" | "__rustc" | "__gnu_cxx" | "__cxxabiv1" => Class::Standard,
            _ if RUNTIMES.contains(&space) || space.starts_with("futures_") => Class::Runtime,
            _ => Class::Library,
        }
    }

    /// The samples that each class has of its own, in the order of [`Class::ALL`].
    pub fn self_samples(&self, folded: &Folded) -> Vec<(Class, Samples)> {
        let mut sums = Class::ALL.map(|class| (class, Samples(0)));
        for (stack, samples) in folded.iter() {
            let leaf = stack.rsplit(';').next().unwrap_or(stack);
            let class = self.class(leaf);
            if let Some((_, sum)) = sums.iter_mut().find(|(of, _)| *of == class) {
                *sum += samples;
            }
        }
        sums.into()
    }
}

/// Packages that come with the machine that runs Java.
const JAVA: [&str; 8] =
    ["java", "javax", "jdk", "sun", "com.sun", "org.ietf", "org.w3c", "org.xml"];

fn class_of_java(package: &str) -> Class {
    let is_in = |outer: &str| {
        package.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    match package {
        // Libraries have packages.
        "" => Class::Own,
        _ if JAVA.iter().any(|outer| is_in(outer)) => Class::Standard,
        _ => Class::Library,
    }
}

/// The crate or namespace of a function: `tokio` of `<tokio::task::Task as Future>::poll`.
pub(super) fn namespace(name: &str) -> Option<&str> {
    // Of a signature of C++, what the function gives comes first.
    if let Some(Owner::Namespace(space)) = owner(name) {
        return space;
    }
    let mut rest = name;
    loop {
        let stripped = ["<", "&", "*const ", "*mut ", "mut ", "dyn ", "impl "]
            .into_iter()
            .find_map(|prefix| rest.strip_prefix(prefix));
        match stripped {
            Some(shorter) => rest = shorter,
            None => break,
        }
    }
    let (space, _) = rest.split_once("::")?;
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    if space.chars().all(is_name) {
        return (!space.is_empty()).then_some(space);
    }
    // `<T as core::ops::Drop>::drop` and `<(A, B) as alloc::string::ToString>::to_string`: the
    // type has no namespace of its own.
    let (_, behind) = name.split_once(" as ")?;
    let (space, _) = behind.split_once("::")?;
    (!space.is_empty() && space.chars().all(is_name)).then_some(space)
}

/// FNV-1a, 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>): the same on every machine.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// From hue in degrees, saturation and lightness in percent (CSS Color 4, section 7.1).
fn rgb(hue: f64, saturation: f64, lightness: f64) -> Color {
    let (s, l) = (saturation / 100.0, lightness / 100.0);
    let channel = |n: f64| {
        let k = (n + hue.rem_euclid(360.0) / 30.0) % 12.0;
        let value = l - s * l.min(1.0 - l) * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0);
        (value * 255.0).round() as u8
    };
    Color { r: channel(0.0), g: channel(8.0), b: channel(4.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_classes() {
        let palette = Palette {
            own: ["app".to_owned(), "main".to_owned()].into(),
            roots: ["worker".to_owned()].into(),
            classes: [("http.(*conn).serve".to_owned(), Class::Standard)].into(),
        };
        for (name, class) in [
            ("app::handler", Class::Own),
            ("main", Class::Own),
            ("<app::User as serde::Serialize>::serialize", Class::Own),
            ("serde_json::to_vec", Class::Library),
            ("<&mut hyper::Conn as tokio::io::AsyncRead>::poll_read", Class::Library),
            ("<tokio::net::TcpStream as mio::Source>::register", Class::Runtime),
            ("futures_util::future::map", Class::Runtime),
            ("std::thread::spawn", Class::Standard),
            ("<alloc::vec::Vec<app::User> as core::ops::Drop>::drop", Class::Standard),
            ("<T as core::convert::Into<U>>::into", Class::Standard),
            ("std::unique_ptr<app::User> app::clone<app::User>(app::User const&)", Class::Own),
            ("std::vector<int>::push_back(int const&)", Class::Standard),
            ("void boost::asio::post<int>(int)", Class::Library),
            ("handle(char const*)", Class::Native),
            ("java.lang.String Shop.render(int)", Class::Own),
            ("int java.util.HashMap.hash(java.lang.Object)", Class::Standard),
            ("void io.netty.channel.Loop.run()", Class::Library),
            ("malloc", Class::Native),
            ("tcp_sendmsg_[k]", Class::Kernel),
            ("[libc.so.6]", Class::Unnamed),
            ("[truncated]", Class::Unnamed),
            ("worker", Class::Root),
            ("http.(*conn).serve", Class::Standard),
        ] {
            assert_eq!(palette.class(name), class, "{name}");
        }
        assert_eq!(palette.class_in("main.main", Language::Go), Class::Own);
        assert_eq!(palette.class_in("handler (app.py:7)", Language::Python), Class::Python);
    }

    #[test]
    fn shades_stay_near_their_class() {
        assert_eq!(Class::Kernel.shade("read"), Class::Kernel.shade("read"));
        assert_ne!(Class::Kernel.shade("read"), Class::Kernel.shade("write"));
        let Color { r, g, b } = Class::Kernel.color();
        assert!(b > g && g > r);
        assert_eq!(rgb(0.0, 100.0, 50.0), Color { r: 255, g: 0, b: 0 });
        assert_eq!(rgb(120.0, 100.0, 25.0), Color { r: 0, g: 128, b: 0 });
    }
}
