//! The output formats of a simulation: each is a function from a simulation to text.

mod change;
mod markdown;
mod table;

use ha_core::report::simulation::Simulation;

use super::json;
use super::view::Page;
use crate::cli::SimulationFormat;
use crate::sanitize::SafeSimulation;

/// Writes a simulation in one format. Ends with a line break.
pub fn render(format: SimulationFormat, simulation: &Simulation, safe: &SafeSimulation, page: &Page) -> String {
    match format {
        SimulationFormat::Table => table::render(safe, page, false),
        SimulationFormat::Wide => table::render(safe, page, true),
        SimulationFormat::Json => json::to_string(simulation),
        SimulationFormat::Yaml => super::yaml::to_string(&**safe),
        SimulationFormat::Markdown => markdown::render(safe),
    }
}
