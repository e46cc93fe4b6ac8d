//! The forms of directives that have a field in `Config`: macros, because each is two functions
//! that name the field.
//!
//! Whoever uses one imports `Field`, `Kind` and what else its form is made of.

macro_rules! yes_no {
    ($($field:ident).+) => {
        Kind::YesNo(Field { get: |c| c.$($field).+, set: |c, on| c.$($field).+ = on })
    };
}

// A number that passed the row's bounds fits the field; if a row had them wrong the field would
// keep its value, and the test that sets every row's bounds would fail.
macro_rules! number {
    ($($field:ident).+, $min:expr, $max:expr) => {
        Kind::Number {
            min: $min,
            max: $max,
            field: Field {
                get: |c| i64::try_from(c.$($field).+).unwrap_or(i64::MAX),
                set: |c, number| c.$($field).+ = number.try_into().unwrap_or(c.$($field).+),
            },
        }
    };
}

macro_rules! seconds {
    ($($field:ident).+, $min:expr, $max:expr) => {
        Kind::Number {
            min: $min,
            max: $max,
            field: Field {
                get: |c| i64::try_from(c.$($field).+.as_secs()).unwrap_or(i64::MAX),
                set: |c, secs| c.$($field).+ = Duration::from_secs(secs.unsigned_abs()),
            },
        }
    };
}

macro_rules! memory {
    ($($field:ident).+, $min:expr) => {
        Kind::Memory {
            min: $min,
            max: BYTES_MAX,
            field: Field { get: |c| c.$($field).+, set: |c, bytes| c.$($field).+ = bytes },
        }
    };
}

macro_rules! choice {
    ($($field:ident).+, $choice:ty) => {
        Kind::Choice {
            words: <$choice>::WORDS,
            field: Field {
                get: |c| c.$($field).+.word(),
                set: |c, word| c.$($field).+ = <$choice>::from_word(word).unwrap_or(c.$($field).+),
            },
        }
    };
}

macro_rules! text {
    ($($field:ident).+) => {
        text!($($field).+, |_| Ok(()))
    };
    ($($field:ident).+, $accept:expr) => {
        Kind::Text {
            accept: $accept,
            field: Field {
                get: |c| String::clone(&c.$($field).+),
                set: |c, text| c.$($field).+ = text,
            },
        }
    };
}
