"""The study ``matrix``: your own data sets, each taught and asked, without a line of code."""
