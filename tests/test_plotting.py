"""Pictures show what they are given: measured in the axes, not looked at."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb

from lstmgan_utils import plotting
from lstmgan_utils.pianoroll import encode, note_array

NOTES = note_array([(0, 24, 60), (24, 24, 60), (48, 96, 67)])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def bars(ax):
    """List the (left, right, middle) of all drawn rectangles, per collection."""
    found = []
    for collection in ax.collections:
        if isinstance(collection, PolyCollection):
            paths = [path.vertices for path in collection.get_paths()]
            found.append([(v[:, 0].min(), v[:, 0].max(), v[:, 1].mean().round()) for v in paths])
    return found


@pytest.mark.parametrize("roll", [NOTES, encode(NOTES)], ids=["notes", "roll"])
def test_notes_and_their_silent_steps_are_drawn(roll):
    fig, ax = plotting.plot_roll(roll)
    silent, ones = bars(ax)
    assert [bar[:2] for bar in sorted(ones)] == [(0, 23), (24, 47), (48, 143)]
    assert [bar[:2] for bar in sorted(silent)] == [(23, 24), (47, 48), (143, 144)]
    assert ax.get_xlim() == (0, 144) and fig is ax.figure


def test_measures_are_numbered_after_the_pickup_and_octaves_are_named():
    _, given = plt.subplots()
    _, ax = plotting.plot_roll(NOTES, given, metre="3/8", pickup=12, pitches=(58, 73))
    assert ax is given and ax.get_xticks().tolist() == [12, 48, 84, 120]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "3", "4"]
    assert ax.get_yticks().tolist() == [60, 72]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["C4", "C5"]


def test_long_song_stays_readable():
    long = note_array((24 * i, 24, 60 + i % 5) for i in range(800))
    _, ax = plotting.plot_roll(long)
    assert len(bars(ax)) == 1, "no room for silent steps"
    assert len(ax.get_xticks()) <= 17


def test_values_between_are_drawn_in_shades():
    _, ax = plotting.plot_roll(encode(NOTES) * 0.6)
    (image,) = ax.images
    assert image.get_array().shape == (128, 144) and image.get_array().max() == 0.6


@pytest.mark.parametrize("empty", [NOTES[:0], np.zeros((96, 128)), np.zeros((0, 128))])
def test_silence_is_drawn_too(empty):
    _, ax = plotting.plot_roll(empty)
    assert sum(map(len, bars(ax))) == 0


def test_batch_shares_its_pitches():
    _, axes = plotting.plot_batch([NOTES, encode(NOTES), note_array([(0, 24, 40)])], columns=2)
    assert axes.shape == (2, 2)
    assert len({ax.get_ylim() for ax in axes.flat[:3]}) == 1
    low, high = axes[0, 0].get_ylim()
    assert low < 40 and high > 67
    assert not axes[1, 1].axison


def test_silence_among_notes_takes_no_room():
    high = note_array([(0, 24, 100)])
    _, axes = plotting.plot_batch([high, NOTES[:0]])
    assert axes[0, 0].get_ylim() == plotting.plot_roll(high)[1].get_ylim()


def test_array_is_drawn_as_it_is():
    values = np.arange(6).reshape(2, 3)
    _, ax = plotting.plot_array(values, first_row=10)
    assert np.array_equal(ax.images[0].get_array(), values)
    assert ax.get_ylim() == (11.5, 9.5), "the first row at the top"


def test_curves_differ_in_more_than_color():
    curves = {"d_loss": [3, 2, 1], "g_loss": ([10, 20], [1, 2])}
    _, ax = plotting.plot_curves(curves)
    first, second = ax.lines
    assert first.get_xdata().tolist() == [1, 2, 3] and second.get_xdata().tolist() == [10, 20]
    assert first.get_linestyle() != second.get_linestyle()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(curves)


def test_neighbouring_colors_differ_in_brightness():
    brightness = [np.dot(to_rgb(color), (0.2126, 0.7152, 0.0722)) for color in plotting.COLORS]
    assert min(abs(np.diff(brightness))) > 0.05


def test_score_shows_each_note():
    pytest.importorskip("verovio")
    svg = plotting.score_svg(NOTES)
    assert svg.startswith("<svg")
    assert svg.count('class="note"') == 4, "the last note is tied over a measure line"
    long = note_array((24 * i, 24, 60 + i % 5) for i in range(800))
    assert plotting.score_svg(long).count('class="note"') == 800, "all pages"
    svg = plotting.score_svg(NOTES, tempo=93, program=73)
    assert "93" in svg and "Flute" in svg and "Piano" not in svg


def test_missing_verovio_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "verovio", None)
    with pytest.raises(ImportError, match="pip install verovio"):
        plotting.score_svg(NOTES)


@pytest.mark.parametrize(("pitch", "name"), [(60, "C4"), (127, "G9"), (0, "C-1"), (70, "B♭4")])
def test_pitches_have_names(pitch, name):
    assert plotting.pitch_name(pitch) == name
