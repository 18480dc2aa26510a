"""Study family easy to hard: easy-to-hard, item-hardness, hidden-states."""
