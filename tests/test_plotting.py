"""Pictures show what they are given: measured in the axes, not looked at."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from lstmgan_utils import plotting
from lstmgan_utils.pianoroll import encode, note_array

NOTES = note_array([(0, 24, 60), (24, 24, 60), (48, 96, 67)])
LONG = note_array((24 * i, 24, 60 + i % 5) for i in range(800))


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def bars(ax):
    """List the (left, right) of all drawn rectangles, per collection."""
    corners = [[path.vertices[:, 0] for path in drawn.get_paths()] for drawn in ax.collections]
    return [sorted((x.min(), x.max()) for x in drawn) for drawn in corners]


@pytest.mark.parametrize("roll", [NOTES, encode(NOTES)], ids=["notes", "roll"])
def test_notes_and_their_silent_steps_are_drawn(roll):
    fig, ax = plotting.plot_roll(roll)
    silent, ones = bars(ax)
    assert ones == [(0, 23), (24, 47), (48, 143)]
    assert silent == [(23, 24), (47, 48), (143, 144)]
    assert ax.get_xlim() == (0, 144) and fig is ax.figure


def test_measures_are_numbered_after_the_pickup_and_octaves_are_named():
    _, given = plt.subplots()
    _, ax = plotting.plot_roll(NOTES, given, metre="3/8", pickup=12, pitches=(58, 73))
    assert ax is given and ax.get_xticks().tolist() == [12, 48, 84, 120]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "3", "4"]
    assert ax.get_yticks().tolist() == [60, 72]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["C4", "C5"]
    assert [*map(plotting.pitch_name, (127, 0, 70))] == ["G9", "C-1", "B♭4"]


def test_long_song_stays_readable_and_silence_is_drawn_too():
    _, ax = plotting.plot_roll(LONG)
    assert len(bars(ax)) == 1, "no room for silent steps"
    assert len(ax.get_xticks()) <= 17
    for empty in (NOTES[:0], np.zeros((96, 128)), np.zeros((0, 128))):
        assert sum(map(len, bars(plotting.plot_roll(empty)[1]))) == 0


def test_a_batch_shares_its_pitches_and_silence_takes_no_room():
    low = note_array([(0, 24, 40)])
    _, axes = plotting.plot_batch([NOTES, encode(NOTES), low], columns=2)
    assert axes.shape == (2, 2) and not axes[1, 1].axison
    (limits,) = {ax.get_ylim() for ax in axes.flat[:3]}
    assert limits[0] < 40 and limits[1] > 67
    _, axes = plotting.plot_batch([low, NOTES[:0]])
    assert axes[0, 0].get_ylim() == plotting.plot_roll(low)[1].get_ylim()


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
    brightness = [np.dot(to_rgb(color), (0.2126, 0.7152, 0.0722)) for color in plotting.COLORS]
    assert min(abs(np.diff(brightness))) > 0.05


def test_score_shows_each_note_the_tempo_and_the_instrument(monkeypatch):
    pytest.importorskip("verovio")
    svg = plotting.score_svg(NOTES, tempo=93, program=73)
    assert svg.startswith("<svg") and "93" in svg and "Flute" in svg and "Piano" not in svg
    assert svg.count('class="note"') == 4, "the last note is tied over a measure line"
    assert plotting.score_svg(LONG).count('class="note"') == 800, "all pages"
    monkeypatch.setitem(sys.modules, "verovio", None)
    with pytest.raises(ImportError, match="pip install verovio"):
        plotting.score_svg(NOTES)
