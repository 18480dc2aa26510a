"""The identities of all steps of the built-in studies are those of the stores that people have.

If one fails, finished steps of every store become stale: change an identity on purpose only (see stored_identities.py).
"""

import json

import pytest

from support.stored_identities import FILE, NEED_DATA, scales, summary_of

STORED = json.loads(FILE.read_text())


def test_every_scale_of_every_study_is_held():
    assert set(scales()) == set(STORED)


@pytest.mark.parametrize("planned", [planned for planned in STORED if planned not in NEED_DATA])
def test_the_steps_of_a_scale_are_those_of_the_stores(planned):
    assert summary_of(planned) == STORED[planned]


@pytest.mark.parametrize("planned", NEED_DATA)
def test_the_steps_of_a_scale_on_real_data_are_those_of_the_stores(planned, real):
    assert summary_of(planned) == STORED[planned]
