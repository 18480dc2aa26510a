"""Finding of the self-examination, and its form as JSON."""

from dataclasses import asdict, dataclass

from offdiag.identity import Json


@dataclass(frozen=True)
class Finding:
    """One thing that was examined, and whether it is in order.

    Attributes:
        name: what. ok: whether it is as it should be; None where that was not or cannot be judged.
        detail: what was found, with numbers.
        remedy: what to do about it; empty where nothing is to be done.
    """

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""

    @property
    def mark(self) -> str:
        """Return ``ok``, ``NOT OK``, or ``-`` where it cannot be judged."""
        return "-" if self.ok is None else "ok" if self.ok else "NOT OK"

    def to_json(self) -> dict[str, Json]:
        """Return all fields as JSON values."""
        return asdict(self)
