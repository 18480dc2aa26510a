"""What is measured besides answers in the study family easy to hard."""
