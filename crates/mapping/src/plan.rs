//! The plan: where each column of a result goes, decided once.

use outflow_core::{CallType, Code, Column, Error};

use crate::fields::{self, ColumnRole, Kind, ReservedField, Section};
use crate::required::{self, ReservedSet};
use crate::tree::{self, Clash, Content, Leaf, Node};

/// How the rows of one result become calls. Compiled once, used for every row.
#[derive(Debug)]
pub struct Plan {
    pub(crate) call_type: CallType,
    pub(crate) columns: Vec<Column>,
    /// The column of each [`ReservedField`].
    pub(crate) reserved_columns: [Option<usize>; ReservedField::ALL.len()],
    /// One for each [`Section`] of this type of call.
    pub(crate) parts: Vec<Root>,
    /// The column of the trait `email`, for identify calls.
    pub(crate) email: Option<usize>,
    warnings: Vec<Warning>,
}

/// What is likely to be a mistake, and is none for sure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What it is.
    pub code: Code,
    /// The column that it is about, if it is one.
    pub column: Option<String>,
    /// A sentence without a full stop.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// A part of the call with all columns that go into it.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) part: Section,
    /// `,"traits":`
    pub(crate) key: Box<[u8]>,
    /// The column that is the whole part, as JSON.
    pub(crate) whole: Option<usize>,
    /// The columns that are members of it.
    pub(crate) nodes: Vec<Node>,
}

impl Plan {
    /// A call of more bytes is the rejection R009.
    pub const MAX_CALL_BYTES: usize = 16 << 20;

    /// Decides where the columns go.
    ///
    /// # Errors
    /// All that is wrong with the columns: Q004 (two fill the same field), Q005 (a required one is
    /// missing), Q009 (one fits nowhere).
    pub fn compile(call_type: CallType, columns: &[Column]) -> Result<Plan, Vec<Error>> {
        let roots = Section::ALL.into_iter().filter_map(|part| {
            let key = tree::key(part.name(call_type)?);
            Some(Root { part, key, whole: None, nodes: Vec::new() })
        });
        let mut plan = Plan {
            call_type,
            columns: columns.to_vec(),
            reserved_columns: [None; ReservedField::ALL.len()],
            parts: roots.collect(),
            email: None,
            warnings: Vec::new(),
        };
        let mut errors: Vec<Error> = (0..columns.len()).filter_map(|c| plan.add(c).err()).collect();
        plan.email = plan.find_email();
        errors.extend(plan.missing());
        plan.warn();
        if errors.is_empty() { Ok(plan) } else { Err(errors) }
    }

    /// What is likely to be a mistake and is none for sure.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    pub(crate) fn part(&self, part: Section) -> Option<&Root> {
        self.parts.iter().find(|root| root.part == part)
    }

    fn add(&mut self, column: usize) -> Result<(), Error> {
        let name = &self.columns[column].name;
        let role = fields::role(self.call_type, name).map_err(|why| unplaced(name, &why))?;
        match role {
            ColumnRole::ReservedField(reserved) => {
                let slot = &mut self.reserved_columns[reserved as usize];
                if let Some(other) = *slot {
                    return Err(self.same(other, column, reserved.name()));
                }
                *slot = Some(column);
                // The reference page knows a page's category as a property, other readers of calls
                // as a field: it is written as both.
                match reserved {
                    ReservedField::Category => {
                        self.insert(Section::Body, &[reserved.name().to_owned()], column, Kind::Text)
                    }
                    _ => Ok(()),
                }
            }
            ColumnRole::Whole(part) => {
                let root = self.root(part);
                match root.whole.replace(column) {
                    Some(other) => {
                        Err(self.same(other, column, part.name(self.call_type).unwrap_or_default()))
                    }
                    None => Ok(()),
                }
            }
            ColumnRole::Member(part, path, kind) => self.insert(part, &path, column, kind),
        }
    }

    fn root(&mut self, part: Section) -> &mut Root {
        self.parts
            .iter_mut()
            .find(|root| root.part == part)
            .expect("columns are placed in parts that the type has")
    }

    fn insert(&mut self, part: Section, path: &[String], column: usize, kind: Kind) -> Result<(), Error> {
        let leaf = Leaf::new(&self.columns, column, kind, part.place(path));
        let clash = match tree::insert(&mut self.root(part).nodes, path, leaf) {
            Ok(()) => return Ok(()),
            Err(clash) => clash,
        };
        let name = |c: usize| &self.columns[c].name;
        Err(match clash {
            Clash::Same(other) => {
                let part = part.name(self.call_type).unwrap_or_default();
                self.same(other, column, &format!("{part}.{}", path.join(".")))
            }
            Clash::Nested(other) => {
                let message = format!(
                    "the columns \"{}\" and \"{}\" cannot both be placed: one would be a value and an object at once",
                    name(other),
                    name(column)
                );
                Error::new(Code::ColumnNotPlaceable, message)
                    .at(format!("column \"{}\"", name(column)))
                    .help("rename one of them, or select the object whole, as JSON")
            }
        })
    }

    fn same(&self, other: usize, column: usize, field: &str) -> Error {
        let (first, second) = (&self.columns[other].name, &self.columns[column].name);
        Error::new(
            Code::FieldFilledTwice,
            format!("the columns \"{first}\" and \"{second}\" both fill {field}"),
        )
        .at(format!("columns {} and {} of the result", other + 1, column + 1))
        .help("rename one of them, or leave it out")
    }

    fn find_email(&self) -> Option<usize> {
        if self.call_type != CallType::Identify {
            return None;
        }
        let key = tree::key(fields::EMAIL);
        self.part(Section::Body)?.nodes.iter().find_map(|node| match &node.content {
            Content::Leaf(leaf) if node.key == key => Some(leaf.column),
            _ => None,
        })
    }

    fn missing(&self) -> Vec<Error> {
        let mut filled = ReservedSet::default();
        for reserved in ReservedField::ALL {
            if self.reserved_columns[reserved as usize].is_some() {
                filled.add(reserved);
            }
        }
        let email = self.email.is_some() || self.part(Section::Body).is_some_and(|root| root.whole.is_some());
        required::needs(self.call_type)
            .iter()
            .filter(|need| !(need.met_by(filled) || need.or_email && email))
            .map(|need| need.error(self.call_type))
            .collect()
    }

    fn warn(&mut self) {
        let person = self.reserved_columns[ReservedField::UserId as usize]
            .or(self.reserved_columns[ReservedField::AnonymousId as usize]);
        if self.call_type == CallType::Group && person.is_none() {
            let says = "the group query has no \"userId\" column, so its calls add no person to a group";
            self.warnings.push(Warning {
                code: Code::GroupWithoutPerson,
                column: None,
                message: says.to_owned(),
                help: "select the person AS userId, if people are to be added".to_owned(),
            });
        }
        let opaque = self.columns.iter().filter(|column| column.ty.is_opaque());
        let warnings: Vec<Warning> = opaque.map(database_text).collect();
        self.warnings.extend(warnings);
    }
}

/// A column of a type whose text only the database reads.
fn database_text(column: &Column) -> Warning {
    let Column { name, declared, .. } = column;
    let help = match declared.as_str() {
        "money" => format!("select a number: {name}::numeric AS {name}"),
        _ => format!("select JSON: to_jsonb({name}) AS {name}"),
    };
    let message = format!(
        "the column {name} is of type {declared}, whose values are sent as texts that only the database reads"
    );
    Warning { code: Code::DatabaseText, column: Some(name.clone()), message, help }
}

fn unplaced(column: &str, why: &str) -> Error {
    Error::new(Code::ColumnNotPlaceable, format!("the column \"{column}\" cannot be placed: {why}"))
        .at(format!("column \"{column}\""))
        .help("rename the column with AS, or leave it out")
}
