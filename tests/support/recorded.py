"""Files that lie with the tests."""

from pathlib import Path

RECORDED_TRANSFER = Path(__file__).with_name("recorded_transfer.csv")
