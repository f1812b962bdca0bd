//! The report: what every format shows.
