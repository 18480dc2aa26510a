"""Reading of files that others made: text in UTF-8, JSON, JSON lines and tables, each with true places for errors."""

from offdiag.files.json_values import LONGEST, json_lines, json_list, json_value
from offdiag.files.located import Located, checked
from offdiag.files.tables import table_rows
from offdiag.files.text import TextFile, advice_on, split_lines, text_lines

__all__ = [
    "LONGEST",
    "Located",
    "TextFile",
    "advice_on",
    "checked",
    "json_lines",
    "json_list",
    "json_value",
    "split_lines",
    "table_rows",
    "text_lines",
]
