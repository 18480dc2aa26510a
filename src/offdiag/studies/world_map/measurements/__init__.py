"""What is measured besides answers in the study family world map."""
