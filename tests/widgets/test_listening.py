"""The blind test deals fairly, tells the truth, and keeps nothing but its CSV."""

import csv
import re

import pytest

from lstmgan_utils.pianoroll import note_array
from lstmgan_utils.widgets.listening import BlindTest, BlindTestPanel, deal

REAL = [note_array([(0, 24, 60 + i)]) for i in range(10)]
OURS = [note_array([(0, 24, 80 + i)]) for i in range(10)]


def test_deal_takes_half_of_each_and_mixes_them():
    clips = deal(REAL, OURS, seed=1)
    assert len(clips) == 12 and sum(is_real for _, is_real in clips) == 6
    assert all((notes["pitch"][0] < 80) == is_real for notes, is_real in clips)
    assert len({notes["pitch"][0] for notes, _ in clips}) == 12, "no clip twice"
    orders = {tuple(is_real for _, is_real in deal(REAL, OURS, seed=s)) for s in range(9)}
    assert len(orders) > 4


def test_answers_scores_and_csv(tmp_path):
    path = tmp_path / "outputs" / "answers.csv"
    test = BlindTest(deal(REAL, OURS, 4, seed=2), path, seed=2)
    truth = [is_real for _, is_real in test.clips]
    said = [test.answer(real) for real in (truth[0], not truth[1], truth[2], truth[3])]
    assert [text.split(":")[0] for text in said] == ["Right", "Wrong", "Right", "Right"]
    # 3 or 4 right of 4 by guessing: (4 + 1) / 16
    assert "3 of 4 right" in said[-1] and "31%" in said[-1]
    with pytest.raises(ValueError, match="another seed"):
        test.answer(True)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    words = {True: "real", False: "generated"}
    assert ",".join(rows[0]) == "seed,clip,source,answer" and len(rows) == 5
    assert rows[2] == ["2", "2", words[truth[1]], words[not truth[1]]]


def test_panel_plays_answers_stops_and_leaves_the_clips_with_folded_answers():
    clips = deal(REAL, OURS, 2, seed=3)
    panel = BlindTestPanel(BlindTest(clips))
    assert "Clip 1" in panel.sound.value and "<audio" in panel.sound.value
    panel.buttons[0].click()
    assert "clip 1 was" in panel.text.value and "Clip 2" in panel.sound.value
    panel.buttons[1].click()
    assert "of 2 right" in panel.text.value and all(button.disabled for button in panel.buttons)
    still = panel._repr_mimebundle_()["text/html"]  # where no kernel runs
    sounds, answers = still.split("<summary>Answers</summary>")
    assert sounds.count("<audio") == 2 and "generated" not in sounds
    said = re.findall(r"<li>(.*?)</li>", answers)
    assert said == ["real" if real else "generated" for _, real in clips]
