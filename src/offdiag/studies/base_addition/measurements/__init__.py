"""What is measured besides answers in the study family base addition."""
