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
    return resampling.resampling_panel(1.0, folder=tmp_path / "generated")


def notes_of(panel):
    return panel.samples[panel.place][1]


def pitches(panel):
    return np.frombuffer(panel.player.rows, "<i4").reshape(-1, 3)[:, 2].tolist()


def said(panel):
    """The words of the status line, without markup."""
    return re.sub("<[^>]*>", "", panel.status.value).strip()


def test_first_sample_waits_for_a_click_and_later_ones_play_at_once(panel):
    assert len(panel.samples) == 1 and len(pitches(panel)) == 32 and not panel.player.autoplay
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
    assert pitches(panel) == expected["pitch"].tolist()
    assert len(panel.samples) == (1 if (name, value) == ("seed", 0) else 2)


def test_any_program_can_start_and_sliders_are_bounded(tmp_path):
    panel = resampling.resampling_panel(1.0, Settings(program=5), folder=tmp_path)
    assert panel.controls["program"].value == 5 and len(panel.samples) == 1
    assert ("piano", 0) in panel.controls["program"].options
    panel.controls["measures"].value = 1e9
    assert panel.settings.measures == 200 and panel.controls["amount"].step == 0.001


def test_tempo_and_instrument_change_the_sound_and_no_note(panel):
    before, take = pitches(panel), panel.player.take
    panel.controls["tempo"].value = 77
    panel.controls["program"].value = 73
    assert panel.player.tempo == 77 and panel.settings.program == 73
    assert pitches(panel) == before and len(panel.samples) == 1 and panel.player.take == take + 2


def test_a_blend_morphs_into_the_other_seed_from_the_last_measure_on():
    start, end = sampling.draw_latent(3, 8, "3/4"), sampling.draw_latent(4, 8, "3/4")
    ways = [Settings(seed=3, other_seed=4, amount=amount, metre="3/4") for amount in (0, 0.5, 1)]
    none, half, whole = map(sampling.latent_of, ways)
    np.testing.assert_array_equal(none, start)
    np.testing.assert_allclose(whole, end, atol=1e-6)
    np.testing.assert_array_equal(half[:9], start[:9])  # three measures as they were
    np.testing.assert_allclose(half[15:], end[15:], atol=1e-6)


def test_a_metre_is_chosen_from_a_menu_and_reaches_player_and_length(panel):
    assert panel.controls["metre"].options == ("4/4", "3/4", "6/8")
    panel.controls["metre"].value = "3/4"
    assert len(notes_of(panel)) == 24 and panel.player.steps_per_measure == 72 and said(panel) == ""
    assert {*panel.buttons} == {"any_seed", "resample", "export", "A", "B", "score", "play"}


def test_any_seed_brings_other_music(panel, monkeypatch):
    first = pitches(panel)
    monkeypatch.setattr(resampling.random, "randrange", lambda stop: 4321 % stop)
    panel.buttons["any_seed"].click()
    assert panel.controls["seed"].value == 4321 and pitches(panel) != first


def test_history_and_a_b(panel):
    first = pitches(panel)
    panel.buttons["resample"].click()
    second = pitches(panel)
    panel.buttons["B"].click()
    assert pitches(panel) == first and panel.controls["seed"].value == 0
    panel.buttons["A"].click()
    assert pitches(panel) == second and panel.controls["seed"].value == 1
    panel.buttons["resample"].click()
    panel.pick["B"].value = 0
    assert pitches(panel) == first and len(panel.samples) == 3


def test_export_names_its_files_after_the_seed(panel, tmp_path):
    panel.controls["seed"].value = 7
    panel.controls["transpose"].value = 2
    panel.buttons["export"].click()
    names = sorted(path.name for path in (tmp_path / "generated").iterdir())
    assert [name.rsplit(".", 1)[0] for name in names] == ["seed_0007_key_+2_8_measures"] * 4
    assert {name.rsplit(".", 1)[1] for name in names} >= {"mid", "mxl", "png"}
    assert said(panel).count("seed_0007") == 1
    link = r'download="([^"]+)" [^>]*href="data:[^,]+,([^"]+)"'
    links = dict(re.findall(link, panel.status.value))
    assert sorted(links) == names
    for name, code in links.items():
        assert base64.b64decode(code) == (tmp_path / "generated" / name).read_bytes()
    back = pianoroll.read_midi(tmp_path / "generated" / "seed_0007_key_+2_8_measures.mid")
    np.testing.assert_array_equal(back["pitch"], notes_of(panel)["pitch"])


def test_file_stem_tells_samples_apart():
    changed = [{}, {"amount": 0.5}, {"amount": 0.501}, {"amount": 0.5, "other_seed": 2}]
    single = {"seed": 1, "temperature": 1.1, "transpose": -1, "measures": 9, "metre": "3/4",
              "weights": "outputs/runs/mine"}  # fmt: skip
    changed += [{name: value} for name, value in single.items()]
    stems = [sampling.file_stem(Settings(**change)) for change in changed]
    assert len(set(stems)) == len(stems) and all(stem.startswith("seed_000") for stem in stems)


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
    (tmp_path / "outputs" / "runs" / "no run").mkdir()
    monkeypatch.setattr(resampling.runtime, "project_root", lambda: tmp_path)
    monkeypatch.setattr(sampling, "WEIGHTS", tmp_path / "shipped")
    loaded = []

    def load(folder):
        loaded.append(folder.name)
        if folder.name == "early":
            raise FileNotFoundError(f"{folder} holds no save yet; train on to the first one")
        return 2.0

    monkeypatch.setattr(sampling, "load_run", load)
    return loaded


def test_weights_are_a_menu_of_what_ships_and_what_was_trained(panel, runs, tmp_path):
    panel.buttons["resample"].click()  # the menu finds what was trained since the panel opened
    menu = panel.controls["weights"]
    assert dict(menu.options) == {
        "folk (comes with the course)": "folk",
        "piano (comes with the course)": "piano",
        "early (trained here)": "outputs/runs/early",
        "good (trained here)": "outputs/runs/good",
    }
    menu.value = "outputs/runs/good"
    panel.buttons["resample"].click()
    assert runs == ["good"]  # loaded once
    expected = sampling.sample_with(2.0, Settings(seed=2, weights="outputs/runs/good"))
    np.testing.assert_array_equal(notes_of(panel), expected)
    menu.value = "outputs/runs/early"
    assert "early holds no save yet; train on" in said(panel)
    assert menu.value == panel.settings.weights == "outputs/runs/good" and len(panel.samples) == 4
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = resampling.resampling_panel(weights=elsewhere, folder=tmp_path)
    assert other.controls["weights"].value == str(elsewhere) and runs[-1] == "elsewhere"


def test_wrong_weights_are_said_at_once(tmp_path):
    with pytest.raises(ValueError, match="no weights named 'jazz'.*'folk'.*run folder"):
        resampling.resampling_panel(weights="jazz", folder=tmp_path)


def test_score_appears_when_asked_for(panel, monkeypatch):
    monkeypatch.setattr(resampling, "engraved", lambda notes, *_: f"{len(notes)} notes")
    panel.controls["measures"].value = 200
    assert panel.score.value == ""
    panel.buttons["score"].value = True
    assert panel.score.value == f"{4 * resampling.SCORE_MEASURES} notes"
    panel.buttons["score"].value = False
    assert panel.score.value == ""


def test_panel_shows_itself_with_a_stand_in(panel, monkeypatch):
    monkeypatch.setattr(player, "still_player", lambda *_: "<img alt='roll'>")
    bundle, _ = panel._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.model_id
    assert bundle["text/html"] == "<img alt='roll'>"
