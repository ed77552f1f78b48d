//! Random numbers that are the same for the same seed, on every machine and in every version.

/// A stream of numbers that follows from its seed alone.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice for one matter among many of a seed: another name or number gives an unrelated stream.
    #[must_use]
    pub fn about(seed: u64, name: &str, number: u64) -> Self {
        // FNV-1a, then a step of the stream for each part, so that neighbours have nothing in common.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        let seed = Self(seed).roll();
        let named = Self(seed ^ hash).roll();
        Self(named ^ Self(number).roll())
    }

    /// The next number (splitmix64).
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, but without, `limit`; 0 where the limit is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.roll().checked_rem(limit).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_for_ever() {
        let mut dice = Dice::new(1);
        assert_eq!(
            [dice.roll(), dice.roll()],
            [0x910a_2dec_8902_5cc1, 0xbeeb_8da1_658e_ec67]
        );
        let first = |name, number| Dice::about(7, name, number).roll();
        assert_eq!(first("create pods", 0), first("create pods", 0));
        assert_ne!(first("create pods", 0), first("create pods", 1));
        assert_ne!(first("create pods", 0), first("delete pods", 0));
        assert_ne!(Dice::about(8, "create pods", 0).roll(), first("create pods", 0));
    }

    #[test]
    fn every_face_comes_up_about_as_often() {
        let mut counts = [0_u32; 10];
        for number in 0..10_000 {
            let face = Dice::about(3, "list tasks", number).below(10);
            counts[usize::try_from(face).unwrap()] += 1;
        }
        assert!(counts.iter().all(|n| (800..1200).contains(n)), "{counts:?}");
        assert_eq!(Dice::new(3).below(0), 0);
    }
}
