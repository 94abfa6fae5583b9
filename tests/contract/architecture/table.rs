//! The table that the imports are held to. `ARCHITECTURE.md` draws it.

/// A file or folder of `src/`, or all folders of one kind.
pub struct Room {
    /// Its path; `*` at its end stands for any folder that is not named itself.
    pub name: &'static str,
    /// The rooms it may import from besides itself; `*` for all.
    pub sees: &'static [&'static str],
}

impl Room {
    /// Whether a path leads into this room.
    pub fn holds(&self, path: &[String]) -> bool {
        let mut path = path.iter();
        self.name
            .split('/')
            .all(|part| path.next().is_some_and(|step| part == "*" || part == step))
    }
}

const fn room(name: &'static str, sees: &'static [&'static str]) -> Room {
    Room { name, sees }
}

const PROVIDER: &[&str] = &[
    "clock",
    "config",
    "domain",
    "providers",
    "providers/lenient",
    "providers/port",
    "providers/shape",
    "providers/testing",
    "telemetry",
    "upstream",
];

const USE_CASES: &[&str] = &[
    "clock",
    "config",
    "domain",
    "providers/choose",
    "providers/port",
    "providers/registry",
    "seal",
    "store",
    "spans",
    "telemetry",
    "timing",
];

/// Every room of the house, from the ground up.
pub const ROOMS: &[Room] = &[
    room("domain", &[]),
    room("clock", &[]),
    room("timing", &[]),
    room("spans", &[]),
    room("simulators", &[]),
    room("config", &["domain"]),
    room("telemetry", &["clock", "config", "domain"]),
    room("seal", &["clock", "config", "domain"]),
    room("store", &["clock", "config", "domain", "timing"]),
    room(
        "upstream",
        &["clock", "config", "domain", "spans", "telemetry", "timing"],
    ),
    room("providers", &[]),
    room("providers/lenient", &["domain"]),
    room("providers/shape", &["providers/lenient", "upstream"]),
    room("providers/testing", &["config"]),
    room("providers/port", &["config", "domain", "upstream"]),
    room("providers/*", PROVIDER),
    room(
        "providers/registry",
        &["clock", "config", "domain", "providers/port", "providers/*"],
    ),
    room(
        "providers/choose",
        &["config", "domain", "providers/port", "providers/registry"],
    ),
    room("usecases", USE_CASES),
    room(
        "events",
        &["config", "domain", "seal", "store", "telemetry", "upstream", "usecases"],
    ),
    room("api", &["config", "domain", "spans", "telemetry", "timing", "usecases"]),
    room(
        "app",
        &[
            "api",
            "clock",
            "config",
            "domain",
            "events",
            "providers/registry",
            "seal",
            "store",
            "telemetry",
            "upstream",
            "usecases",
        ],
    ),
    room("cli", &["*"]),
    room("fuzzing", &["*"]),
    room("measuring", &["*"]),
];

/// Crates that lead outside, and the rooms that are their only doors.
pub const DOORS: &[(&str, &[&str])] = &[
    ("reqwest", &["upstream", "simulators"]),
    ("hyper", &["upstream", "simulators"]),
    ("deadpool_redis", &["store"]),
    ("redb", &["store"]),
    ("actix_web", &["api", "app"]),
    ("utoipa_swagger_ui", &["api"]),
    ("clap", &["cli"]),
    ("opentelemetry", &["spans"]),
    ("opentelemetry_sdk", &["spans"]),
    ("opentelemetry_otlp", &["spans"]),
];
