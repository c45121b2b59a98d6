"""What a set of questions and their answers says of the search: `baukasten eval`."""
