//! The scenarios of this project.
