//! Generated files: man pages and JSON Schemas. `cargo xtask` calls these.

use std::fs;
use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;
use ha_core::report::Report;
use ha_core::report::simulation::Simulation;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::cli::Cli;
use crate::config::Config;
use crate::render::json;

/// Writes a man page for the command and for each verb.
pub(super) fn man_pages(directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    clap_mangen::generate_to(Cli::command(), directory)
        .with_context(|| format!("cannot write man pages into {}", directory.display()))
}

/// Writes the schemas of the report, of the simulation and of the configuration.
pub(super) fn schemas(directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    for (name, schema) in all_schemas() {
        let path = directory.join(name);
        fs::write(&path, schema).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The schemas by file name.
fn all_schemas() -> [(&'static str, String); 3] {
    [
        ("report.schema.json", text::<Report>("Report of kubectl ha", Direction::Written)),
        ("simulation.schema.json", text::<Simulation>("Simulation of kubectl ha", Direction::Written)),
        ("config.schema.json", text::<Config>("Configuration of kubectl ha (.kubectl-ha.yaml)", Direction::Read)),
    ]
}

/// Whether this program reads a document or writes it: what is optional differs.
#[derive(Clone, Copy)]
enum Direction {
    Read,
    Written,
}

fn text<T: JsonSchema>(title: &str, direction: Direction) -> String {
    let settings = match direction {
        Direction::Read => SchemaSettings::draft07(),
        Direction::Written => SchemaSettings::draft07().for_serialize(),
    };
    let mut schema: Schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    json::to_string(&schema)
}
