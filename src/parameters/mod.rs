//! Parameters of the nodes as typed settings; without ROS.
//!
//! A struct of settings is the table of its parameters, and their only one:
//!
//! | of a field | is the parameter's |
//! | --- | --- |
//! | name in serde | name; fields of a nested struct follow its name and a dot |
//! | type | type; the unit variants of an enum are the choices |
//! | documentation | description: a noun phrase with its unit in brackets |
//! | value in [`Default`] | default |
//! | `#[schemars(range(min = …, max = …))]`, of arrays `inner(range(…))` | bounds |
//! | `#[schemars(extend("readOnly" = true))]` | being fixed when the node starts |
//!
//! Descriptors, YAML files and pages are made from it; values that users give are parsed into it once.
//!
//! | file | holds |
//! | --- | --- |
//! | [`declaration`] | what is declared about a parameter, read from the schema of the settings |
//! | [`accept`] | values as tools of ROS send them → the declared type, within its bounds |
//! | [`table`] | the values of a node and the settings parsed from them |
//! | [`document`] | YAML file and page |
//! | [`nodes`] | the settings of both nodes |

pub mod accept;
pub mod declaration;
pub mod document;
pub mod nodes;
pub mod table;
