//! The steps of CI, each callable by hand.
fn main() {}
