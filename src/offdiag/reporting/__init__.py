"""The report of a study: tables, figures and one self-contained HTML page that is safe to open and to send on."""

from offdiag.reporting.write import RECORDS_PER_CELL, write_report

__all__ = ["RECORDS_PER_CELL", "write_report"]
