//! Parameters of statements, each with its type: a statement without a name has to tell it.

use tokio_postgres::types::{ToSql, Type};

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `boolean`
    Flag(bool),
    /// `smallint`
    Small(Option<i16>),
    /// `integer`
    Int(Option<i32>),
    /// `bigint`
    Big(Option<i64>),
    /// `text`
    Text(Option<String>),
    /// `bytea`
    Bytes(Option<Vec<u8>>),
    /// `smallint[]`
    Smalls(Vec<Option<i16>>),
    /// `integer[]`
    Ints(Vec<Option<i32>>),
    /// `bigint[]`
    Bigs(Vec<Option<i64>>),
    /// `text[]`
    Texts(Vec<Option<String>>),
    /// `bytea[]`
    ByteStrings(Vec<Option<Vec<u8>>>),
}

/// A value as the client library takes it.
pub(super) struct Parameter<'a> {
    pub(super) value: &'a (dyn ToSql + Sync),
    pub(super) of: Type,
}

impl Value {
    pub(super) fn parameter(&self) -> Parameter<'_> {
        let value: &(dyn ToSql + Sync) = match self {
            Self::Flag(value) => value,
            Self::Small(value) => value,
            Self::Int(value) => value,
            Self::Big(value) => value,
            Self::Text(value) => value,
            Self::Bytes(value) => value,
            Self::Smalls(value) => value,
            Self::Ints(value) => value,
            Self::Bigs(value) => value,
            Self::Texts(value) => value,
            Self::ByteStrings(value) => value,
        };
        Parameter {
            value,
            of: self.of(),
        }
    }

    /// Its type.
    pub(super) fn of(&self) -> Type {
        match self {
            Self::Flag(_) => Type::BOOL,
            Self::Small(_) => Type::INT2,
            Self::Int(_) => Type::INT4,
            Self::Big(_) => Type::INT8,
            Self::Text(_) => Type::TEXT,
            Self::Bytes(_) => Type::BYTEA,
            Self::Smalls(_) => Type::INT2_ARRAY,
            Self::Ints(_) => Type::INT4_ARRAY,
            Self::Bigs(_) => Type::INT8_ARRAY,
            Self::Texts(_) => Type::TEXT_ARRAY,
            Self::ByteStrings(_) => Type::BYTEA_ARRAY,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Flag(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Big(Some(value))
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(Some(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}
