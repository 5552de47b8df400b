//! Space and inodes of file systems: which there are from `/proc/self/mounts`, how full they are from `statvfs`.
//!
//! ```text
//! device mountpoint type options 0 0       blank, tab, newline and backslash as three octal digits: /media/my\040disk
//! ```
//! Only types that are known to be local are asked, and the root: a file system of the network whose server is away would
//! block the question for ever. A device counts once, at its first mount: bind mounts repeat it, one for each container.

use crate::meter::emit::{Emit, Metric};
use std::borrow::Cow;
use std::collections::BTreeSet;

const USAGE: Metric =
    Metric::gauge("system_filesystem_usage_bytes", "bytes", "Space of file systems by state.");
const LIMIT: Metric = Metric::gauge("system_filesystem_limit_bytes", "bytes", "Size of file systems.");
const INODES: Metric =
    Metric::gauge("system_filesystem_inodes_usage", "", "Inodes of file systems by state.");

/// What this file writes.
pub const METRICS: &[Metric] = &[USAGE, LIMIT, INODES];

/// More are not looked at in one collection.
const MOUNTS_MAX: usize = 256;
const LOCAL: [&str; 18] = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "bcachefs", "nilfs2", "vfat",
    "msdos", "exfat", "ntfs", "ntfs3", "hfsplus", "tmpfs",
];
/// Where mounts are that tell nothing of the host.
const BESIDE_THE_POINT: [&str; 5] = ["/proc", "/sys", "/dev", "/run/user", "/run/credentials"];

/// How full a file system is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Space {
    /// Bytes for whoever asks.
    pub free: f64,
    /// Bytes in use.
    pub used: f64,
    /// Bytes for root only.
    pub reserved: f64,
    /// Inodes not in use.
    pub inodes_free: f64,
    /// Inodes in use.
    pub inodes_used: f64,
}

/// A line of `/proc/self/mounts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    device: Cow<'a, str>,
    /// Where.
    pub point: Cow<'a, str>,
    kind: &'a str,
    mode: &'static str,
}

/// The file systems to ask, each once.
pub fn mounts(text: &str) -> Vec<Mount<'_>> {
    let mut seen = BTreeSet::new();
    let wanted = text.lines().filter_map(mount).filter(is_wanted);
    let first = wanted.filter(|mount| {
        // What has no device is another file system at each mount.
        let what = if mount.device.starts_with('/') { &mount.device } else { &mount.point };
        seen.insert(what.clone().into_owned())
    });
    first.take(MOUNTS_MAX).collect()
}

/// Writes what `space` says of each mount.
pub fn filesystems(text: &str, space: impl Fn(&str) -> Option<Space>, emit: &mut Emit) {
    for mount in mounts(text) {
        let Some(space) = space(&mount.point) else {
            continue;
        };
        let Mount { device, point, kind, mode } = &mount;
        let whole = [("device", device.as_ref()), ("mountpoint", point), ("type", kind), ("mode", mode)];
        let with = |state| {
            let [device, point, kind, mode] = whole;
            [device, point, kind, mode, ("state", state)]
        };
        emit.put(&LIMIT, &whole, space.used + space.free + space.reserved);
        for (state, value) in [("used", space.used), ("free", space.free), ("reserved", space.reserved)] {
            emit.put(&USAGE, &with(state), value);
        }
        if space.inodes_used + space.inodes_free > 0.0 {
            for (state, value) in [("used", space.inodes_used), ("free", space.inodes_free)] {
                emit.put(&INODES, &with(state), value);
            }
        }
    }
}

/// Asks the kernel; `None` when it does not say, or when there is nothing that could fill up.
pub fn space(path: &std::path::Path) -> Option<Space> {
    let told = rustix::fs::statvfs(path).ok().filter(|told| told.f_blocks > 0)?;
    let bytes = |blocks: u64| blocks as f64 * told.f_frsize as f64;
    Some(Space {
        free: bytes(told.f_bavail),
        used: bytes(told.f_blocks.saturating_sub(told.f_bfree)),
        reserved: bytes(told.f_bfree.saturating_sub(told.f_bavail)),
        inodes_free: told.f_ffree as f64,
        inodes_used: told.f_files.saturating_sub(told.f_ffree) as f64,
    })
}

fn mount(line: &str) -> Option<Mount<'_>> {
    let mut words = line.split(' ');
    let (device, point) = (unescaped(words.next()?), unescaped(words.next()?));
    let (kind, options) = (words.next()?, words.next()?);
    let mode = if options.split(',').any(|option| option == "ro") { "ro" } else { "rw" };
    Some(Mount { device, point, kind, mode })
}

fn is_wanted(mount: &Mount<'_>) -> bool {
    let point = mount.point.as_ref();
    let is_below =
        |dir: &&str| point.strip_prefix(*dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    // A container's root is an overlay; of those below, the host has one for each container.
    let is_root = point == "/" && mount.kind != "rootfs";
    is_root || (LOCAL.contains(&mount.kind) && !BESIDE_THE_POINT.iter().any(is_below))
}

fn unescaped(word: &str) -> Cow<'_, str> {
    if !word.contains('\\') {
        return Cow::Borrowed(word);
    }
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((&byte, more)) = rest.split_first() {
        let digits = more.first_chunk::<3>().filter(|_| byte == b'\\');
        let code = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        out.push(code.unwrap_or(byte));
        rest = if code.is_some() { &more[3..] } else { more };
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}
