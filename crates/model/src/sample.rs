//! The shape that all regular measurements share: numbered scalar fields, each a quantity with a unit.
//!
//! A sample type is declared once, with [`sample!`](macro@crate::sample); its columns on the wire, its
//! series in the history and its documentation follow from that one declaration. Field numbers
//! belong to the wire: a retired number is never used again, a new field takes a new number, and an
//! older reader skips what it does not know.

use crate::units::Unit;

/// One column of a sample type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field {
    /// The number on the wire, unique within the sample type.
    pub number: u32,
    /// The name in the history and the API.
    pub name: &'static str,
    /// The unit that people see.
    pub unit: Unit,
    /// `wire value × scale` is the value in that unit.
    pub scale: f64,
}

/// A measurement made of scalar fields and, rarely, lists of whole numbers.
pub trait Sample: Default {
    /// The number of the sample type on the wire.
    const KIND: u32;
    /// Its scalar columns.
    const FIELDS: &'static [Field];
    /// The wire numbers of its list columns.
    const LISTS: &'static [u32];

    /// The wire value of the scalar at this index of [`Self::FIELDS`]; `None` if not measured.
    fn cell(&self, index: usize) -> Option<i64>;
    /// Sets a scalar; a number that the quantity cannot hold leaves it unset and returns `false`.
    fn set_cell(&mut self, index: usize, value: i64) -> bool;
    /// The list at this index of [`Self::LISTS`].
    fn list(&self, index: usize) -> Vec<i64>;
    /// Sets a list; `false` if the numbers make no sense there.
    fn set_list(&mut self, index: usize, values: &[i64]) -> bool;
}

/// A value that stands in a list column.
pub trait List: Default {
    /// As whole numbers.
    fn to_wire(&self) -> Vec<i64>;
    /// From whole numbers; `None` if they make no sense.
    fn from_wire(values: &[i64]) -> Option<Self>;
}

/// Declares a sample type: `sample! { /// doc  Name = KIND { /// doc  1 field: Type, } lists { 20 name: Type, } }`.
#[macro_export]
macro_rules! sample {
    ($(#[$doc:meta])* $name:ident = $kind:literal {
        $($(#[$fdoc:meta])* $number:literal $field:ident: $ty:ty,)*
    } $(lists { $($(#[$ldoc:meta])* $lnumber:literal $list:ident: $lty:ty,)* })?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
        pub struct $name {
            $($(#[$fdoc])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$ty>,)*
            $($($(#[$ldoc])* pub $list: $lty,)*)?
        }

        impl $crate::sample::Sample for $name {
            const KIND: u32 = $kind;
            const FIELDS: &'static [$crate::sample::Field] = &[
                $($crate::sample::Field {
                    number: $number,
                    name: stringify!($field),
                    unit: <$ty as $crate::units::Scalar>::UNIT,
                    scale: <$ty as $crate::units::Scalar>::SCALE,
                },)*
            ];
            const LISTS: &'static [u32] = &[$($($lnumber,)*)?];

            fn cell(&self, index: usize) -> Option<i64> {
                let mut _at = 0;
                $(
                    if index == _at {
                        return self.$field.map($crate::units::Scalar::to_wire);
                    }
                    _at += 1;
                )*
                None
            }

            fn set_cell(&mut self, index: usize, value: i64) -> bool {
                let mut _at = 0;
                $(
                    if index == _at {
                        self.$field = <$ty as $crate::units::Scalar>::from_wire(value);
                        return self.$field.is_some();
                    }
                    _at += 1;
                )*
                false
            }

            fn list(&self, _index: usize) -> Vec<i64> {
                let mut _at = 0;
                $($(
                    if _index == _at {
                        return $crate::sample::List::to_wire(&self.$list);
                    }
                    _at += 1;
                )*)?
                Vec::new()
            }

            fn set_list(&mut self, _index: usize, _values: &[i64]) -> bool {
                let mut _at = 0;
                $($(
                    if _index == _at {
                        let Some(list) = $crate::sample::List::from_wire(_values) else { return false };
                        self.$list = list;
                        return true;
                    }
                    _at += 1;
                )*)?
                false
            }
        }
    };
}
