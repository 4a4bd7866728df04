"""How long from a slider to the new sound, for 8 and for 200 measures, stage by stage."""

from statistics import median
from time import perf_counter

import pytest

from lstmgan_utils import audio, sampling
from lstmgan_utils.sampling import Settings, sample_with
from lstmgan_utils.widgets.player import encode_song
from lstmgan_utils.widgets.resampling import ResamplingPanel

pytestmark = pytest.mark.benchmark
TARGETS = {8: 0.5, 200: 5.0}  # seconds, on two cores with nothing else to do
REPEATS = {8: 9, 200: 3}


@pytest.fixture(scope="module")
def generator():
    return sampling.load_pretrained("folk")


def seconds(action, repeats):
    """Median time of an action that is given the number of the repeat."""
    action(0)  # the first call also loads the soundfont and traces the network
    times = []
    for i in range(1, repeats + 1):
        began = perf_counter()
        action(i)
        times.append(perf_counter() - began)
    return median(times)


@pytest.mark.parametrize("measures", TARGETS)
def test_slider_to_sound(generator, measures, tmp_path):
    panel = ResamplingPanel(generator, Settings(measures=measures), folder=tmp_path)
    notes, repeats = panel.samples[0][1], REPEATS[measures]
    whole = seconds(lambda i: panel.turn(seed=i), repeats)
    stages = {
        "sample": lambda i: sample_with(generator, Settings(seed=i, measures=measures)),
        "render": lambda _: audio.render(notes),
        "render and encode": lambda _: encode_song(notes),
    }
    print(f"\nslider to sound, {measures} measures: {whole:.2f} s (target {TARGETS[measures]} s)")
    for name, action in stages.items():
        print(f"  {name}: {seconds(action, repeats):.3f} s")
    assert len(panel.samples) == repeats + 2 and whole < 2 * TARGETS[measures]


def test_first_paint_of_the_panel(generator, tmp_path):
    began = perf_counter()
    ResamplingPanel(generator, folder=tmp_path)
    elapsed = perf_counter() - began
    print(f"\npanel built with its first sample: {elapsed:.2f} s (target 2 s)")
    assert elapsed < 4


@pytest.mark.parametrize("form", audio.available_forms())
def test_encoding(form):
    samples, rate = audio.render(sampling.sample(sampling.load_pretrained("folk"), 0, 8))
    took = seconds(lambda _: audio.encode_audio(samples, rate, form=form), 5)
    size = len(audio.encode_audio(samples, rate, form=form)[0])
    minutes = len(samples) / rate / 60
    print(f"\n{form}: {took / minutes:.2f} s and {size / 1e6 / minutes:.2f} MB a minute of music")
    assert size > 1000
