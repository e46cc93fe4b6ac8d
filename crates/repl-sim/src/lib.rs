//! The laboratory: many nodes in virtual time under a seed.
