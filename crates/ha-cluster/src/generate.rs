//! Clusters of any size from a seed.
