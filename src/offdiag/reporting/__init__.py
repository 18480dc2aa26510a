"""Reports of studies: tables, figures and one self-contained HTML page that is safe to open and to pass on."""

from offdiag.reporting.write import RECORDS_PER_CELL, write_report

__all__ = ["RECORDS_PER_CELL", "write_report"]
