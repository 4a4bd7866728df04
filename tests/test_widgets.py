"""The panel: each knob reaches the plain functions, takes are kept, errors are said, files made."""

import base64
import json
import re

import ipywidgets
import numpy as np
import pytest

from lstmgan_utils import controls, pianoroll, player, sampling, takes, widgets
from lstmgan_utils.takes import Knobs


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
    return widgets.resampling_panel(1.0, folder=tmp_path / "generated")


def notes_of(panel):
    return panel.takes[panel.place][1]


def pitches(panel):
    return np.frombuffer(panel.player.rows, "<i4").reshape(-1, 3)[:, 2].tolist()


def test_first_take_is_shown_at_once(panel):
    assert len(panel.takes) == 1 and len(pitches(panel)) == 32
    assert "<b>32</b> notes, 4.0 a measure" in panel.count.value


EXTREMES = {
    "seed": (0, controls.LARGEST_SEED),
    "measures": (1, 200),
    "amount": (0.5, 1.0),
    "walk": (True,),
    "transpose": (-12, 12),
    "temperature": (0.0, 2.0),
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in EXTREMES.items() for v in vs])
def test_knobs_reach_the_sampler(panel, name, value):
    panel.controls[name].value = value
    expected = takes.sample_take(1.0, Knobs(**{name: value}))
    np.testing.assert_array_equal(notes_of(panel), expected)
    assert pitches(panel) == expected["pitch"].tolist()
    assert len(panel.takes) == (1 if (name, value) == ("seed", 0) else 2)


@pytest.mark.parametrize("name", ["measures", "amount", "temperature", "tempo", "transpose"])
def test_sliders_stop_where_the_functions_do(name):
    control = controls.make_controls(Knobs())[name]
    control.value = 1e9
    assert control.value == control.max
    assert (name != "measures") or (control.min, control.max) == (1, 200)


def test_any_program_can_start(tmp_path):
    panel = widgets.resampling_panel(1.0, Knobs(program=5), folder=tmp_path)
    assert panel.controls["program"].value == 5 and len(panel.takes) == 1
    assert ("piano", 0) in panel.controls["program"].options


def test_tempo_and_instrument_change_the_sound_and_no_note(panel):
    before, take = pitches(panel), panel.player.take
    panel.controls["tempo"].value = 77
    panel.controls["program"].value = 73
    assert panel.player.tempo == 77 and panel.knobs.program == 73
    assert pitches(panel) == before and len(panel.takes) == 1 and panel.player.take == take + 2


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_details_and_song_redraw_their_own_rows(panel, seed):
    panel.controls["seed"].value = seed
    drawn = sampling.draw_latent(seed)
    panel.buttons["details"].click()
    other_details = takes.latent_of(panel.knobs)
    assert (other_details[0] == drawn[0]).all() and (other_details[1:] != drawn[1:]).all()
    panel.buttons["resample"].click()
    assert panel.knobs.details is None and panel.knobs.seed == seed + 1
    drawn = sampling.draw_latent(seed + 1)
    panel.buttons["song"].click()
    other_song = takes.latent_of(panel.knobs)
    assert (other_song[0] != drawn[0]).all() and (other_song[1:] == drawn[1:]).all()


def test_blend_ends_at_the_other_seed_and_walk_goes_there():
    start, end = sampling.draw_latent(3), sampling.draw_latent(4)
    blended = takes.latent_of(Knobs(seed=3, other_seed=4, amount=1.0))
    np.testing.assert_allclose(blended, end, atol=1e-6)
    walked = takes.latent_of(Knobs(seed=3, other_seed=4, walk=True))
    np.testing.assert_allclose(walked[-1], end[-1], atol=1e-6)
    assert np.abs(walked[1] - start[1]).max() < 0.2 < np.abs(walked[16] - start[16]).max()


def test_resample_and_dice_bring_other_music(panel, monkeypatch):
    first = pitches(panel)
    panel.buttons["resample"].click()
    assert pitches(panel) != first and panel.controls["seed"].value == 1
    monkeypatch.setattr(widgets.random, "randrange", lambda stop: 4321 % stop)
    panel.buttons["dice"].click()
    assert panel.controls["seed"].value == 4321 and len(panel.takes) == 3


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
    assert pitches(panel) == first and len(panel.takes) == 3


def test_export_names_its_files_after_the_seed(panel, tmp_path):
    panel.controls["seed"].value = 7
    panel.controls["transpose"].value = 2
    panel.buttons["export"].click()
    names = sorted(path.name for path in (tmp_path / "generated").iterdir())
    assert [name.rsplit(".", 1)[0] for name in names] == ["seed_0007_key_+2_8_measures"] * 4
    assert {name.rsplit(".", 1)[1] for name in names} >= {"mid", "mxl", "png"}
    links = dict(
        re.findall(r'download="([^"]+)" [^>]*href="data:[^,]+,([^"]+)"', panel.status.value)
    )
    assert sorted(links) == names
    for name, code in links.items():
        assert base64.b64decode(code) == (tmp_path / "generated" / name).read_bytes()
    back = pianoroll.read_midi(tmp_path / "generated" / "seed_0007_key_+2_8_measures.mid")
    np.testing.assert_array_equal(back["pitch"], notes_of(panel)["pitch"])


def test_file_stem_tells_takes_apart():
    changed = [
        Knobs(),
        Knobs(seed=1),
        Knobs(amount=0.5),
        Knobs(amount=0.5, other_seed=2),
        Knobs(walk=True),
        Knobs(details=1),
        Knobs(song=1),
        Knobs(temperature=1.1),
        Knobs(transpose=-1),
        Knobs(measures=9),
        Knobs(weights="outputs/runs/mine"),
    ]
    stems = [takes.file_stem(knobs) for knobs in changed]
    assert len(set(stems)) == len(stems) and all(stem.startswith("seed_000") for stem in stems)


def test_silence_is_said_and_not_exported(panel, monkeypatch):
    monkeypatch.setattr(sampling, "sample", lambda *_, **__: pianoroll.note_array([]))
    panel.buttons["resample"].click()
    assert "<b>0</b> notes" in panel.count.value and panel.player.rows == b""
    panel.buttons["export"].click()
    assert "silent" in panel.status.value and not panel.folder.exists()


def test_unknown_weights_are_named_and_the_knobs_go_back(panel, monkeypatch):
    def refuse(name):
        raise FileNotFoundError(f"{name} is not there; choose folk")

    monkeypatch.setattr(sampling, "load_pretrained", refuse)
    panel.controls["weights"].value = "jazz"
    assert "jazz is not there" in panel.status.value
    assert panel.controls["weights"].value == "folk" and len(panel.takes) == 1


def test_run_folders_are_offered_and_loaded_once(panel, monkeypatch, tmp_path):
    run = tmp_path / "outputs" / "runs" / "mine"
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps({}))
    monkeypatch.setattr(widgets.runtime, "project_root", lambda: tmp_path)
    loaded = []
    monkeypatch.setattr(sampling, "load_run", lambda folder: loaded.append(folder) or 2.0)
    assert controls.known_weights() == ["folk", "outputs/runs/mine"]
    panel.controls["weights"].value = "outputs/runs/mine"
    panel.buttons["resample"].click()
    assert loaded == [run]
    np.testing.assert_array_equal(
        notes_of(panel), takes.sample_take(2.0, Knobs(seed=1, weights="outputs/runs/mine"))
    )


def test_score_appears_when_asked_for(panel, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        widgets, "engraved", lambda notes, _, metre: drawn.append((len(notes), metre)) or "<svg>"
    )
    panel.controls["measures"].value = 200
    assert panel.score.value == "" and not drawn
    panel.buttons["score"].value = True
    assert panel.score.value == "<svg>" and drawn == [(4 * widgets.SCORE_MEASURES, "4/4")]
    panel.buttons["score"].value = False
    assert panel.score.value == ""


def test_panel_shows_itself_with_a_stand_in(panel, monkeypatch):
    monkeypatch.setattr(player, "still_player", lambda *_: "<img alt='roll'>")
    bundle, _ = panel._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == panel.model_id
    assert bundle["text/html"] == "<img alt='roll'>"


def test_no_output_widget_is_filled_while_loading(panel):
    def inside(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from inside(child)

    found = list(inside(panel))
    assert panel.player in found and len(found) > 20
    assert not any(isinstance(widget, ipywidgets.Output) for widget in found)
