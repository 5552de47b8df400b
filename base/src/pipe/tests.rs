//! Pipes as text, and the tables they make against a plain count.
