//! Numbers for tests, the same everywhere.

/// A linear congruential generator: each call gives a number below the one that it is given.
pub fn numbers(mut state: u32) -> impl FnMut(usize) -> usize {
    move |end| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % end
    }
}
