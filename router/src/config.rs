//! Options, as plain structs. Reading them from a file, and judging what people wrote, is the root package's.

/// The receiving side: connections, journal, memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterConfig {
    /// The journal.
    pub journal: JournalOptions,
    /// Memory for recent records that followers read without going to disk, in bytes. Default 16 MiB.
    pub ring_bytes: usize,
    /// Memory for frames that were read from sockets and are not yet journaled and parsed, in bytes, over all
    /// connections. When it is used up, sockets are not read. Default 32 MiB.
    pub in_flight_bytes: usize,
    /// Bytes that one shipper may have sent and not yet seen acknowledged. Default 8 MiB.
    pub window_bytes: u64,
    /// Connections at the same time; more are closed at once. Default 1024.
    pub connections_max: usize,
}

impl Default for RouterConfig {
    fn default() -> Self {
        Self {
            journal: JournalOptions::default(),
            ring_bytes: 16 << 20,
            in_flight_bytes: 32 << 20,
            window_bytes: 8 << 20,
            connections_max: 1024,
        }
    }
}

/// The journal on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalOptions {
    /// Size of a segment, reserved when it is begun, in bytes. Default 64 MiB.
    pub segment_bytes: u64,
    /// All segments together, in bytes. At the cap acknowledgements stop until followers have moved on; nothing is
    /// dropped. Default 10 GiB.
    pub disk_bytes_max: u64,
    /// Space kept in reserve and given up when the disk is full, so that deletions can run, in bytes. Default 64 MiB.
    pub ballast_bytes: u64,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, disk_bytes_max: 10 << 30, ballast_bytes: 64 << 20 }
    }
}

/// One route. Routes are judged in order, after the journal. A line goes to the sinks of every route
/// whose query matches it, up to and including the first `drop` route that matches: that ends its way, and keeps it out of
/// the index too. A line that no route matches is indexed and goes to no sink.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteConfig {
    /// A query, as in a search: `level:>=warn service:checkout`.
    pub when: String,
    /// Names of sinks.
    pub to: Vec<String>,
    /// The line ends here: not indexed, and not seen by later routes. It stays in the journal until that is released.
    pub drop: bool,
}

/// One destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkConfig {
    /// Name that routes use; letters, digits, `-` and `_`.
    pub name: String,
    /// What happens while the destination does not take lines. Default `block`.
    pub on_stuck: OnStuck,
    /// Where the lines go.
    pub kind: SinkKind,
}

/// See [`SinkConfig::on_stuck`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnStuck {
    /// The journal keeps what the sink has not got; when the journal's cap is reached, acknowledgements stop.
    #[default]
    Block,
    /// The journal goes on without the sink; what it missed is counted.
    Detach,
}

/// The kinds of sinks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkKind {
    /// A file that rotates by size; every line exactly once.
    File {
        /// Path of the current file; older ones get `.1`, `.2` and so on, the highest is the newest.
        path: String,
        /// Rotate at this size, in bytes. Default 64 MiB.
        rotate_bytes: u64,
        /// Rotated files that are kept. Default 8.
        keep: u64,
    },
    /// Raw lines over TCP, each ended by a newline; at least once: after a lost connection lines may come again.
    Tcp {
        /// `host:port`.
        address: String,
    },
    /// Standard output, from the present on.
    Stdout,
}
