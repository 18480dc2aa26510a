"""What is measured besides answers in the study family trigger 2d."""
