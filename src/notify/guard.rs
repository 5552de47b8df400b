//! Which addresses a receiver's URL may lead to. A name is resolved once, every address is checked, and it is connected to a
//! checked one; so a name that points elsewhere the next time it is asked for does not help anybody (OWASP ASVS 1.3.6, 15.4.2).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Begins the reason why an address was refused.
pub const REFUSED: &str = "is a private address";

/// What is allowed beside public addresses.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    names: Vec<String>,
    networks: Vec<Network>,
}

/// Addresses that begin alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Guard {
    /// Of names, addresses, and networks such as 10.0.0.0/8.
    pub fn new(allowed: &[String]) -> Self {
        let networks = allowed.iter().filter_map(|text| Network::parse(text)).collect();
        Self { names: allowed.iter().map(|name| name.to_ascii_lowercase()).collect(), networks }
    }

    fn allows(&self, host: &str, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address)
            || self.names.iter().any(|name| name.eq_ignore_ascii_case(host))
            || self.networks.iter().any(|network| network.has(address))
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        Some(Self { address, bits: bits.unwrap_or(most) }).filter(|network| network.bits <= most)
    }

    fn has(&self, address: IpAddr) -> bool {
        let number = |address: IpAddr| match address {
            IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, 32),
            IpAddr::V6(v6) => (u128::from(v6), 128),
        };
        let ((own, family), (other, other_family)) = (number(self.address), number(address));
        family == other_family && (own ^ other).leading_zeros() >= self.bits
    }
}

/// Whether an address belongs to the internet, and not to a machine, a link, an organisation, or nobody.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_special = a == 0 || a >= 240 || a == 192 && b == 0 && c == 0 || a == 198 && (b == 18 || b == 19);
    !(v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_multicast()
        || v4.is_documentation()
        || is_shared
        || is_special)
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    let first = v6.segments()[0];
    // Global unicast is 2000::/3; of it, documentation, and what carries IPv4 addresses inside (6to4, Teredo), is not.
    let carries = first == 0x2002 || first == 0x2001 && v6.segments()[1] == 0;
    let is_documentation = first == 0x2001 && v6.segments()[1] == 0x0db8;
    first & 0xe000 == 0x2000 && !carries && !is_documentation
}

/// Resolves names to allowed addresses only.
#[derive(Debug)]
pub struct GuardedResolver(pub Guard);

/// An address that is not allowed.
#[derive(Debug)]
struct NotAllowed(String, IpAddr);

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(host, address) = self;
        write!(f, "{address} of {host} {REFUSED}: allow it with allow_private = [\"{host}\"] in [alerts]")
    }
}

impl std::error::Error for NotAllowed {}

impl Resolver for GuardedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let resolved = DefaultResolver::default().resolve(uri, config, timeout)?;
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        match resolved.iter().find(|address: &&SocketAddr| !self.0.allows(host, address.ip())) {
            Some(address) => Err(ureq::Error::Other(Box::new(NotAllowed(host.to_owned(), address.ip())))),
            None => Ok(resolved),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_nobodys_business() {
        let check = |address: &str, public: bool| {
            let address: IpAddr = address.parse().expect("an address");
            assert_eq!(Guard::default().allows("host", address), public, "{address}");
        };
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "ff02::1",
            "2002:7f00:1::",
            "2001:0:7f00:1::",
            "64:ff9b::7f00:1",
            "2001:db8::1",
        ] {
            check(address, false);
        }
        for address in ["8.8.8.8", "100.63.0.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            check(address, true);
        }
    }

    #[test]
    fn what_is_allowed_by_name_address_or_network() {
        let check = |allowed: &str, host: &str, address: &str, expected: bool| {
            let guard = Guard::new(&[allowed.to_owned()]);
            assert_eq!(
                guard.allows(host, address.parse().expect("an address")),
                expected,
                "{allowed} {host} {address}"
            );
        };
        check("alerts.lan", "Alerts.LAN", "10.0.0.1", true);
        check("alerts.lan", "other.lan", "10.0.0.1", false);
        check("10.0.0.0/8", "x", "10.200.0.1", true);
        check("10.0.0.0/8", "x", "172.16.0.1", false);
        check("127.0.0.1", "x", "127.0.0.1", true);
        check("127.0.0.1", "x", "127.0.0.2", false);
        check("fd00::/8", "x", "fd12::1", true);
        check("0.0.0.0/0", "x", "::1", false);
        check("10.0.0.0/33", "x", "10.0.0.0", false);
    }
}
