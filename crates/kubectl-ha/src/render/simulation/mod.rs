//! The output formats of a simulation: each is a function from a simulation to text.

mod autoscaler;
mod change;
mod headroom;
mod markdown;
mod pairs;
pub mod picture;
mod rollout;
mod svg;
mod table;
mod upgrade;

use ha_core::report::simulation::Simulation;

use self::picture::Picture;
use super::json;
use super::view::Page;
use crate::cli::SimulationFormat;
use crate::sanitize::{Safe, SafeSimulation};

impl SimulationFormat {
    /// Whether the format shows every text as it is, and escapes what a terminal must not get.
    pub fn escapes_by_itself(self) -> bool {
        self == Self::Json
    }
}

/// Writes a simulation in one format. Ends with a line break. `picture` is what the format svg shows.
pub fn render(
    format: SimulationFormat,
    simulation: &Simulation,
    safe: &SafeSimulation,
    picture: &Safe<Picture>,
    page: &Page,
) -> String {
    match format {
        SimulationFormat::Table => table::render(safe, page, false),
        SimulationFormat::Wide => table::render(safe, page, true),
        SimulationFormat::Json => json::to_string(simulation),
        SimulationFormat::Yaml => super::yaml::to_string(&**safe),
        SimulationFormat::Markdown => markdown::render(safe),
        SimulationFormat::Svg => svg::render(safe, picture),
    }
}
