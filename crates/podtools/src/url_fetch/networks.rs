//! Which addresses may be connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 networks that are not the public internet (the IANA special-purpose registry, multicast and reserved ones).
const SPECIAL_V4: [(Ipv4Addr, u8); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
    // Azure's platform address answers with a machine's secrets although it looks public.
    (Ipv4Addr::new(168, 63, 129, 16), 32),
];

/// Parts of 2000::/3, which is all that IPv6 calls global, that are not the public internet.
const SPECIAL_V6: [(Ipv6Addr, u8); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// The networks an administrator has allowed besides the public internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Networks(Vec<Cidr>);

/// A network, in IPv6 terms; IPv4 is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cidr {
    network: u128,
    prefix: u8,
}

impl Networks {
    /// Reads comma-separated CIDRs.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts
            .map(|part| {
                Cidr::parse(part)
                    .ok_or_else(|| format!("{part:?} is no network such as 10.1.0.0/16 or fd00::/8"))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether this address may be connected to.
    pub(super) fn allow(&self, address: IpAddr) -> bool {
        let bits = bits(address);
        self.0.iter().any(|cidr| cidr.contains(bits)) || is_public(address)
    }
}

impl Cidr {
    fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (width, shift) = match address {
            IpAddr::V4(_) => (32, 96),
            IpAddr::V6(_) => (128, 0),
        };
        let length = length.unwrap_or(width);
        (length <= width).then(|| Self::new(bits(address), length + shift))
    }

    fn new(bits: u128, prefix: u8) -> Self {
        Self {
            network: bits & mask(prefix),
            prefix,
        }
    }

    fn contains(self, bits: u128) -> bool {
        bits & mask(self.prefix) == self.network
    }
}

fn mask(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let bits = bits(address);
            !SPECIAL_V4.iter().any(|(network, prefix)| {
                Cidr::new(network.to_ipv6_mapped().to_bits(), prefix + 96).contains(bits)
            }) && !v4.is_unspecified()
        }
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_public(IpAddr::V4(v4)),
            None => {
                let bits = v6.to_bits();
                let global = Cidr::new(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0).to_bits(), 3);
                global.contains(bits)
                    && !SPECIAL_V6
                        .iter()
                        .any(|(network, prefix)| Cidr::new(network.to_bits(), *prefix).contains(bits))
            }
        },
    }
}

/// The IPv4 address that an IPv6 address leads to: mapped, through NAT64, or 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    let low = |shift: u32| Ipv4Addr::from_bits(u32::try_from((bits >> shift) & 0xffff_ffff).unwrap_or(0));
    if let Some(v4) = address.to_ipv4_mapped() {
        return Some(v4);
    }
    let nat64 = Cidr::new(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0).to_bits(), 96);
    let six_to_four = Cidr::new(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0).to_bits(), 16);
    if nat64.contains(bits) {
        Some(low(0))
    } else if six_to_four.contains(bits) {
        Some(low(80))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(networks: &str, address: &str) -> bool {
        Networks::parse(networks).unwrap().allow(address.parse().unwrap())
    }

    #[test]
    fn private_and_link_local_addresses_are_refused_in_every_spelling() {
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2001:db8::1",
            "2001::1",
            "::127.0.0.1",
            "fec0::1",
        ] {
            assert!(!allows("", address), "{address}");
        }
    }

    #[test]
    fn public_addresses_are_allowed() {
        for address in [
            "1.1.1.1",
            "172.32.0.1",
            "169.253.0.1",
            "2606:4700::1111",
            "64:ff9b::101:101",
            "2002:101:101::",
        ] {
            assert!(allows("", address), "{address}");
        }
    }

    #[test]
    fn an_administrator_may_allow_networks() {
        assert!(allows("10.1.0.0/16", "10.1.2.3"));
        assert!(allows("10.1.0.0/16", "::ffff:10.1.2.3"));
        assert!(!allows("10.1.0.0/16", "10.2.0.1"));
        assert!(allows("fd00::/8, 127.0.0.1", "fd12::1"));
        assert!(allows("fd00::/8, 127.0.0.1", "127.0.0.1"));
        assert!(!allows("fd00::/8, 127.0.0.1", "127.0.0.2"));
        assert!(allows("0.0.0.0/0", "10.0.0.1") && !allows("0.0.0.0/0", "fd00::1"));
        assert!(allows("::/0", "fd00::1"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "x",
            "10.0.0.0/33",
            "10.0.0/8",
            "fd00::/129",
            "10.0.0.0/-1",
            "10.0.0.0/",
            "/8",
        ] {
            assert!(Networks::parse(text).is_err(), "{text}");
        }
        assert_eq!(Networks::parse(" , "), Ok(Networks::default()));
    }
}
