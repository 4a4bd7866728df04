"""The panel: each setting reaches the plain functions; samples, errors and files are kept."""

import base64
import re

import numpy as np
import pytest

from lstmgan_utils import pianoroll, sampling
from lstmgan_utils.sampling import Settings
from lstmgan_utils.widgets import player, resampling


def sample(generator, seed=0, measures=8, *, latent, metre, temperature, transpose):
    """One note a beat, its pitch read off the random values."""
    pitch = 60 + np.round(3 * temperature * generator * latent[:, 0]).astype(int) % 24 + transpose
    return pianoroll.note_array((24 * i, 24, p) for i, p in enumerate(pitch))


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """A generator that needs no training (a number), and sound that needs no rendering."""
    monkeypatch.setattr(sampling, "sample", sample)
    monkeypatch.setattr(player, "encode_song", lambda *_: (b"sound", "audio/test"))


@pytest.fixture
def panel(tmp_path):
    return resampling.ResamplingPanel(1.0, folder=tmp_path / "generated")


def notes_of(panel):
    return panel.samples[panel.place][1]


def said(panel):
    """The words of the status line, without markup."""
    return re.sub("<[^>]*>", "", panel.status.value).strip()


def test_first_sample_waits_for_a_click_and_later_ones_play_at_once(panel):
    assert len(notes_of(panel)) == 32 and not panel.player.autoplay
    panel.buttons["resample"].click()
    assert panel.player.autoplay and panel.player.title == "#2 seed 1"
    panel.buttons["play"].value = False
    panel.buttons["resample"].click()
    assert not panel.player.autoplay and said(panel) == ""


EXTREMES = {"seed": (0, resampling.LARGEST_SEED), "measures": (1, 200), "amount": (0.5, 1.0)}
EXTREMES |= {"transpose": (-12, 12), "temperature": (0.0, 2.0), "metre": ("3/4", "6/8")}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in EXTREMES.items() for v in vs])
def test_settings_reach_the_sampler(panel, name, value):
    panel.controls[name].value = value
    expected = sampling.sample_with(1.0, Settings(**{name: value}))
    np.testing.assert_array_equal(notes_of(panel), expected)
    rows = np.frombuffer(panel.player.rows, "<i4").reshape(-1, 3)
    assert rows[:, 2].tolist() == expected["pitch"].tolist()
    assert len(panel.samples) == (1 if (name, value) == ("seed", 0) else 2)


def test_any_program_can_start_and_sliders_are_bounded():
    panel = resampling.ResamplingPanel(1.0, Settings(program=5))
    assert panel.controls["program"].value == 5
    panel.controls["measures"].value = 1e9
    assert panel.settings.measures == 200


def test_tempo_and_instrument_change_the_sound_and_no_note(panel):
    before = notes_of(panel)
    panel.controls["tempo"].value = 77
    panel.controls["program"].value = 73
    assert (panel.player.tempo, panel.settings.program, panel.player.shown) == (77, 73, 4)
    assert notes_of(panel) is before and len(panel.samples) == 1


def test_a_blend_morphs_into_the_other_seed_from_the_last_measure_on():
    start, end = sampling.draw_latent(3, 8, "3/4"), sampling.draw_latent(4, 8, "3/4")
    half = sampling.latent_of(Settings(seed=3, other_seed=4, amount=0.5, metre="3/4"))
    np.testing.assert_array_equal(half[:9], start[:9])  # three measures as they were
    np.testing.assert_allclose(half[15:], end[15:], atol=1e-6)


def test_a_metre_reaches_player_and_length(panel):
    panel.controls["metre"].value = "3/4"
    assert len(notes_of(panel)) == 24 and panel.player.steps_per_measure == 72


def test_any_seed_brings_other_music(panel):
    panel.buttons["any_seed"].click()
    assert panel.controls["seed"].value == panel.settings.seed != 0 and len(panel.samples) == 2


def test_history_and_a_b(panel):
    panel.buttons["resample"].click()
    panel.buttons["B"].click()
    assert panel.place == 0 and panel.controls["seed"].value == 0
    panel.buttons["A"].click()
    assert panel.place == 1 and panel.controls["seed"].value == 1
    panel.buttons["resample"].click()
    panel.pick["B"].value = 0
    assert panel.place == 0 and len(panel.samples) == 3


def test_export_names_its_files_after_the_seed(panel):
    panel.controls["seed"].value = 7
    panel.controls["transpose"].value = 2
    panel.buttons["export"].click()
    files = {path.suffix: path for path in panel.folder.iterdir()}
    assert {path.stem for path in files.values()} == {"seed_0007_key_+2_8_measures"}
    assert len(files) == 4 and {".mid", ".mxl", ".png"} < {*files}
    assert said(panel).count("seed_0007") == 1
    link = r'download="([^"]+)" href="data:[^,]+,([^"]+)"'
    links = dict(re.findall(link, panel.status.value))
    for path in files.values():
        assert base64.b64decode(links[path.name]) == path.read_bytes()
    back = pianoroll.read_midi(files[".mid"])
    np.testing.assert_array_equal(back["pitch"], notes_of(panel)["pitch"])


def test_file_stem_tells_samples_apart():
    changes = [{}, {"amount": 0.5}, {"amount": 0.501}, {"amount": 0.5, "other_seed": 2}]
    single = {"seed": 1, "temperature": 1.1, "transpose": -1, "measures": 9, "metre": "3/4"}
    changes += [{name: value} for name, value in (single | {"weights": "runs/mine"}).items()]
    stems = {sampling.file_stem(Settings(**change)) for change in changes}
    assert len(stems) == len(changes)


def test_silence_is_said_and_not_exported(panel, monkeypatch):
    monkeypatch.setattr(sampling, "sample", lambda *_, **__: pianoroll.note_array([]))
    panel.buttons["resample"].click()
    assert panel.player.rows == panel.player.audio == b""
    panel.buttons["export"].click()
    assert "silent" in said(panel) and not panel.folder.exists()


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Run folders "good" and "early" (no save yet); shipped weights are two, "folk" and "piano"."""
    for name in ("outputs/runs/good", "outputs/runs/early", "shipped/folk", "shipped/piano"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "outputs/runs/no run").mkdir()
    loaded = []

    def load(folder):
        loaded.append(folder.name)
        if folder.name == "early":
            raise FileNotFoundError(f"{folder} holds no save yet; train on to the first one")
        return 2.0

    monkeypatch.setattr(resampling.runtime, "project_root", lambda: tmp_path)
    monkeypatch.setattr(sampling, "WEIGHTS", tmp_path / "shipped")
    monkeypatch.setattr(sampling, "load_run", load)
    return loaded


def test_weights_are_a_menu_of_what_ships_and_what_was_trained(runs, tmp_path):
    panel = resampling.ResamplingPanel(1.0)
    menu = panel.controls["weights"]
    trained = ("outputs/runs/early", "outputs/runs/good")
    assert menu.options == ("folk", "piano", *trained)
    menu.value = "outputs/runs/good"
    panel.buttons["resample"].click()
    assert runs == ["good"]  # loaded once
    expected = sampling.sample_with(2.0, Settings(seed=1, weights="outputs/runs/good"))
    np.testing.assert_array_equal(notes_of(panel), expected)
    menu.value = "outputs/runs/early"
    assert "early holds no save yet; train on" in said(panel)
    assert menu.value == panel.settings.weights == "outputs/runs/good" and len(panel.samples) == 3
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = resampling.ResamplingPanel(weights=elsewhere, folder=tmp_path)
    assert other.controls["weights"].value == str(elsewhere) and runs[-1] == "elsewhere"


def test_wrong_weights_are_said_at_once():
    with pytest.raises(ValueError, match="no weights named 'jazz'.*'folk'.*run folder"):
        resampling.ResamplingPanel(weights="jazz")


def test_score_appears_when_asked_for(panel, monkeypatch):
    monkeypatch.setattr(resampling.plotting, "score_svg", lambda *_, **__: "<svg/>")
    panel.controls["measures"].value = 200
    assert panel.score.value == ""
    panel.buttons["score"].value = True
    assert f'alt="Score of {4 * resampling.SCORE_MEASURES} notes"' in panel.score.value
    panel.buttons["score"].value = False
    assert panel.score.value == ""


def test_panel_shows_itself_with_a_stand_in(panel):
    bundle, _ = panel._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.model_id
    assert "<audio" in bundle["text/html"] and 'alt="Piano roll of 32 notes"' in bundle["text/html"]
