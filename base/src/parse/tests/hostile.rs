//! Lines that only an enemy or a broken program writes.
