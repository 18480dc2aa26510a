"""What others measured on these sums; ``docs/studies/base-addition.md`` says how the numbers were obtained."""

from importlib.resources import files

from offdiag.published import read_published

PUBLISHED = read_published(files("offdiag.studies.base_addition") / "published.csv")
