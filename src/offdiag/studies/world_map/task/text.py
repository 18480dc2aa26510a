"""Write rows as ASCII characters, ``dist(c_0865,c_4879)=769``, thousands at once.

Everything is array arithmetic on character codes, as a loop over rows in Python would take longer than the training
update that needs them.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from offdiag.studies.world_map.task.geometries import GEOMETRIES, Geometry
from offdiag.studies.world_map.task.world import Ints

TEXT_VERSION = 1
Bytes = NDArray[np.uint8]
_ZERO, _END_OF_LINE = ord("0"), ord("\n")


@dataclass(frozen=True, eq=False)
class Characters:
    """Rows of ASCII codes, left-aligned and padded with zeros.

    Attributes:
        codes: (rows, longest). prompt: (rows,) characters up to and with the ``=``. total: (rows,) with the answer.
    """

    codes: Bytes
    prompt: Ints
    total: Ints

    def lines(self) -> list[str]:
        """Return the rows as texts."""
        ended = np.full((len(self.codes), self.codes.shape[1] + 1), _END_OF_LINE, np.uint8)
        ended[:, :-1] = self.codes
        flat = ended.ravel()
        text: str = flat[flat != 0].tobytes().decode("ascii")
        return text.splitlines()


def names(ids: Ints, digits: int) -> list[str]:
    """Return the name of each id, such as ``c_0057``."""
    return [f"c_{number:0{digits}d}" for number in ids.tolist()]


@cache
def longest_prompt(digits: int) -> int:
    """Return the length of the longest question of any geometry, with ids of so many digits, in characters."""
    return max(len(_template(geometry, max(geometry.sizes), digits)) for geometry in GEOMETRIES.values())


def written(geometry: Geometry, ids: Ints, digits: int, cities: Ints, sizes: Ints, answers: Ints) -> Characters:
    """Return the rows of one geometry as characters.

    Args:
        ids: of all cities. digits: of an id.
        cities: (rows, widest) positions in ``ids``. sizes: (rows,) how many of them count. answers: (rows,).
    """
    id_codes = _decimal(ids, digits)
    answer_codes, answer_lengths = _answers(geometry, answers)
    width = answer_codes.shape[1]
    prompt_length = {size: len(_template(geometry, size, digits)) for size in geometry.sizes if size <= cities.shape[1]}
    codes = np.zeros((len(cities), max(prompt_length.values()) + width), np.uint8)
    prompt = np.zeros(len(cities), np.int32)
    for size, length in prompt_length.items():
        rows = slice(None) if len(geometry.sizes) == 1 else np.flatnonzero(sizes == size)
        chosen = cities[rows]
        part = np.empty((len(chosen), length + width), np.uint8)
        part[:, :length] = _template(geometry, size, digits)
        for place, start in enumerate(_places(geometry, size, digits)):
            part[:, start : start + digits] = id_codes[chosen[:, place]]
        part[:, length:] = answer_codes[rows]
        codes[rows, : length + width] = part
        prompt[rows] = length
    return Characters(codes, prompt, prompt + answer_lengths)


def _template(geometry: Geometry, size: int, digits: int) -> Bytes:
    text = geometry.written(["c_" + "#" * digits] * size)
    return np.frombuffer(text.encode("ascii"), np.uint8)


def _places(geometry: Geometry, size: int, digits: int) -> list[int]:
    """Return where the ids begin in a row of this size."""
    text = geometry.written(["c_" + "#" * digits] * size)
    return [i + 1 for i in range(len(text)) if text[i : i + 2] == "_#"]


def _answers(geometry: Geometry, answers: Ints) -> tuple[Bytes, Ints]:
    """Return the answers as codes padded with zeros on the right, and their lengths."""
    if geometry.words:
        widest = max(map(len, geometry.words))
        filled = "".join(word.ljust(widest, "\0") for word in geometry.words).encode("ascii")
        table = np.frombuffer(filled, np.uint8).reshape(-1, widest)
        return table[answers], np.array([len(word) for word in geometry.words], np.int32)[answers]
    width = len(str(answers.max(initial=0)))
    lengths = np.ones(len(answers), np.int32)
    for power in range(1, width):
        lengths += answers >= 10**power
    # Shift each number to the left end of the field, where its digits begin, then blank what stands behind them.
    codes = _decimal(answers * (10 ** np.arange(width, dtype=np.int32))[width - lengths], width)
    codes[np.arange(width) >= lengths[:, None]] = 0
    return codes, lengths


def _decimal(values: Ints, width: int) -> Bytes:
    """Return each value in ``width`` decimal digits, (rows, width)."""
    codes = np.empty((len(values), width), np.uint8)
    for place in reversed(range(width)):
        values, codes[:, place] = np.divmod(values, np.int32(10))
    return codes + np.uint8(_ZERO)
