"""Sound: level, clicks, pitch, both engines, every encoder, silence."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile

from lstmgan_utils import audio
from lstmgan_utils.pianoroll import note_array

SCALE = note_array((24 * i, 24, pitch) for i, pitch in enumerate((60, 62, 64, 65, 67, 69, 71, 72)))
EMPTY = note_array([])


@pytest.fixture
def built_in(monkeypatch):
    """Play as where FluidSynth is missing."""
    monkeypatch.setattr(audio, "find_soundfont", lambda: None)


@pytest.fixture(params=["built-in", "fluidsynth"])
def engine(request):
    """Play by both synthesisers, one after the other."""
    if request.param == "built-in":
        request.getfixturevalue("built_in")
    elif not audio.find_soundfont():
        pytest.skip("no FluidSynth library")


def rms(samples):
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


@pytest.mark.parametrize("program", [0, 13, 19, 24, 40, 56, 71, 73])
def test_every_family_has_the_same_loudness_and_does_not_clip(engine, program):
    samples, rate = audio.render(SCALE, program=program)
    assert samples.dtype == np.float32 and samples.ndim == 1 and rate == 22050
    assert 0.08 < rms(samples[: 4 * rate]) < 0.13
    assert np.abs(samples).max() < 0.95


def test_128_notes_at_once_do_not_clip(engine):
    samples, _ = audio.render(note_array((0, 96, pitch) for pitch in range(128)))
    flat = (np.diff(samples) == 0) & (np.abs(samples[1:]) > 0.5)
    assert np.abs(samples).max() < 0.95 and flat.sum() < 10


@pytest.mark.parametrize("tempo, pitch", [(60, 45), (120, 69), (240, 81)])
def test_a_note_sounds_at_its_time_and_in_tune(engine, tempo, pitch):
    note = note_array([(48, 96, pitch)])
    samples, rate = audio.render(note, tempo, program=73)
    start = np.flatnonzero(np.abs(samples) > 0.02)[0] / rate
    assert start == pytest.approx(2 * 60 / tempo, abs=0.1)
    assert len(samples) / rate == pytest.approx(6 * 60 / tempo + 1, abs=0.05)
    held = samples[int(start * rate) :][: int(3 * 60 / tempo * rate)]
    power = np.abs(np.fft.rfft(held * np.hanning(len(held))))
    expected, heard = 440 * 2 ** ((pitch - 69) / 12), power.argmax() * rate / len(held)
    nearest = expected * max(1, round(heard / expected))  # a low flute's second harmonic is louder
    assert heard == pytest.approx(nearest, rel=0.01)


@pytest.mark.parametrize("program", [0, 19])
def test_built_in_notes_start_and_end_without_a_click(built_in, program):
    def treble(samples):  # the share of the energy above 5 kHz
        power = np.abs(np.fft.rfft(samples)) ** 2
        return power[5000 * len(samples) // audio.RATE :].sum() / power.sum()

    low = note_array((24 * i, 20, 40) for i in range(8))
    samples, _ = audio.render(low, program=program)
    assert treble(samples) < 1e-7
    samples[5000:] = np.roll(samples, 37)[5000:]  # a jump: this share must notice it
    assert treble(samples) > 1e-7


def test_the_beat_is_heard(built_in):
    onbeat, _ = audio.render(note_array([(0, 12, 60), (36, 12, 60)]))
    first, second = onbeat[: audio.RATE // 4], onbeat[audio.RATE * 3 // 4 :][: audio.RATE // 4]
    assert rms(first) > 1.1 * rms(second)


def test_silence_is_zeros_and_is_said():
    samples, _ = audio.render(EMPTY)
    assert len(samples) and not samples.any()
    shown = audio.play(EMPTY, caption="empty").data
    assert audio.SILENT in shown and "<audio" not in shown


def test_level_leaves_pauses_out_of_the_loudness():
    tone = np.sin(np.arange(audio.RATE) * 0.1).astype(np.float32)
    with_pause = audio.level(np.append(tone, np.zeros(9 * audio.RATE, np.float32)))
    np.testing.assert_allclose(with_pause[: len(tone)], audio.level(tone), rtol=0.02, atol=1e-3)


@pytest.mark.parametrize("form", audio.available_forms())
def test_every_form_comes_back_as_long_and_as_loud_and_leaves_nothing_else(form, tmp_path):
    samples, rate = audio.render(SCALE)
    path = audio.write_audio(SCALE, tmp_path / "new" / f"scale.{form}")
    back, back_rate = soundfile.read(path)
    assert back_rate == rate and len(back) == pytest.approx(len(samples), abs=0.2 * rate)
    assert rms(back) == pytest.approx(rms(samples), rel=0.05) and np.abs(back).max() < 1
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    with pytest.raises(ValueError, match="xyz.*wav"):
        audio.write_audio(SCALE, path.with_suffix(".xyz"))


def test_long_vorbis_does_not_crash():
    noise = np.random.default_rng(0).normal(0, 0.1, 90 * audio.RATE).astype(np.float32)
    data, _ = audio.encode_audio(noise, form="ogg")
    assert len(soundfile.read(io.BytesIO(data))[0]) == len(noise)


@pytest.mark.parametrize("wrong", [{"tempo": 0}, {"program": 128}], ids=str)
def test_wrong_arguments_are_named(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"{name}={value!r}"):
        audio.render(SCALE, **wrong)


def test_play_holds_its_own_sound_keeps_it_light_and_escapes_its_caption():
    shown = audio.play(SCALE, caption='a < "b"').data
    source = re.search(r'src="data:(audio/[a-z]+);base64,([^"]+)"', shown)
    assert source and len(base64.b64decode(source[2])) > 1000
    assert "a &lt; &quot;b&quot;" in shown and "http" not in shown
    long = note_array((24 * i, 24, 60 + i % 12) for i in range(120))
    whole, cut = audio.play(long, seconds=1000).data, audio.play(long, seconds=10).data
    assert len(cut) < len(whole) / 4 and "first 10 seconds" in cut
    assert len(whole) < 0.8e6  # a minute as base64, 4/3 of 0.6 MB
