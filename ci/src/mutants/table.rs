//! The table of mutants: who they are, and what must find them how soon.

use crate::shell::Failure;

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// The name of its patch.
    pub(crate) name: String,
    /// The properties of which one must fire; `any` for whichever.
    pub(crate) properties: Vec<String>,
    /// Seeds per scenario within which it must be found.
    pub(crate) seeds_max: u64,
}

impl Mutant {
    /// Whether `property` is one that should find this mutant.
    pub(crate) fn expects(&self, property: &str) -> bool {
        self.properties.iter().any(|expected| expected == "any" || expected == property)
    }
}

/// Reads `name | property, property | seeds | description`, one mutant a line; `#` begins a
/// comment.
///
/// # Errors
/// A line reads otherwise, or a name comes twice.
pub(crate) fn parse(text: &str) -> Result<Vec<Mutant>, Failure> {
    let mut mutants: Vec<Mutant> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let shape = "name | property, property | seeds | description";
        let wrong = || Failure::new(format!("`{line}` does not read `{shape}`"));
        let [name, properties, seeds, description] = fields[..] else {
            return Err(wrong());
        };
        let seeds_max = seeds.parse().map_err(|_| wrong())?;
        let properties: Vec<String> = properties.split(',').map(|p| p.trim().to_owned()).collect();
        if name.is_empty() || description.is_empty() || properties.iter().any(String::is_empty) {
            return Err(wrong());
        }
        if mutants.iter().any(|mutant| mutant.name == name) {
            return Err(Failure::new(format!("`{name}` stands twice in the table of mutants")));
        }
        mutants.push(Mutant { name: name.to_owned(), properties, seeds_max });
    }
    Ok(mutants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_mutant() {
        let mutants =
            parse("# comment\n\na-b | x, y | 20 | What it breaks.\n").expect("it is well");
        let properties = vec!["x".to_owned(), "y".to_owned()];
        assert_eq!(mutants, [Mutant { name: "a-b".to_owned(), properties, seeds_max: 20 }]);
        assert!(mutants[0].expects("y") && !mutants[0].expects("z"));
        assert!(parse("a | any | 1 | d").expect("it is well")[0].expects("z"));
    }

    #[test]
    fn a_line_of_another_shape_is_refused() {
        for text in
            ["a", "a | x | 1", "a | x | many | d", "a | x, | 1 | d", " | x | 1 | d", "a | x | 1 |"]
        {
            let failure = parse(text).expect_err("a field is missing");
            assert!(failure.to_string().contains("does not read"), "{failure}");
        }
        assert!(parse("a | x | 1 | d\na | x | 1 | d").is_err());
    }
}
