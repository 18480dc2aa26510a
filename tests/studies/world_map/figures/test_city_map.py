import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.figures import save
from offdiag.studies.world_map.figures.city_map import COLOURS, WorldMapFigure, draw_city_map
from offdiag.studies.world_map.task import World
from offdiag.studies.world_map.task.world import REGIONS

SMALL = {"count": 60, "new_count": 8, "id_digits": 3}


def dots(figure):
    """Offsets by region."""
    return {c.get_gid(): np.asarray(c.get_offsets()) for c in figure.axes[0].collections}


@pytest.mark.parametrize("world", [World(**SMALL), World(**SMALL, per_degree=1), World(count=60, new="china")])
def test_every_city_is_one_dot_in_degrees(world):
    cities, drawn = world.build(), dots(draw_city_map(world))
    assert sum(map(len, drawn.values())) == len(cities)
    new = np.stack([cities.x, cities.y], axis=1)[cities.new] / world.per_degree
    assert np.allclose(drawn["new"], new)
    for region in set(cities.region[~cities.new].tolist()):
        assert len(drawn[region]) == ((cities.region == region) & ~cities.new).sum()


def test_the_legend_counts_and_the_title_tells():
    figure = draw_city_map(World(count=60, new="china"))
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    n_new = int(World(count=60, new="china").build().new.sum())
    assert f"New: China ({n_new})" in texts
    assert not any(text.startswith("China") for text in texts)
    assert figure.get_suptitle() == f"{60 - n_new} ordinary cities and {n_new} new ones"


def test_regions_have_colours_of_their_own():
    assert set(COLOURS) == set(REGIONS)
    assert len(set(COLOURS.values())) == len(REGIONS)


def test_it_is_a_figure_of_a_study_and_shows_scattered_cities_whole(tmp_path):
    frames = Frames(cells=pd.DataFrame(), records=pd.DataFrame())
    figure = WorldMapFigure(name="world", world=World(**SMALL, new="scattered")).plot(frames)
    low, high = figure.axes[0].get_ylim()
    assert low <= -90
    assert high >= 90
    assert all(path.stat().st_size > 1000 for path in save(figure, tmp_path, "world"))
