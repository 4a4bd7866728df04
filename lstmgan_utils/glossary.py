"""What every statistic of `describe` means: unit, range, value on silence, formula and source."""

_PHRASES = {
    f"repetition_{size}": (
        "share", "0..1", "NaN",
        f"phrases of {size} measures that equal an earlier one, note for note / phrases that could",
        "—",
    ) for size in (1, 2, 4, 8)
}  # fmt: skip
_SIMILARITIES = {
    f"similarity_{lag}": (
        "share", "0..1", "NaN",
        f"mean over measures: notes (place, pitch) shared with the measure {lag} before / notes of "
        "either", "after Wu & Yang 2020 (SI)",
    ) for lag in (1, 2, 4, 8)
}  # fmt: skip
GLOSSARY = {  # name: (unit, range, value on silence, formula, source)
    "n_notes": ("notes", "0..", "0", "number of notes", "—"),
    "notes_per_beat": ("notes/beat", "0..", "0", "notes / (time steps / 24)", "—"),
    "silence": ("share", "0..1", "1", "time steps in which nothing sounds / time steps", "—"),
    "empty_measure_rate": (
        "share", "0..1", "1", "measures without a sounding step / measures", "MuseGAN 2018 (EB)"),
    "longest_rest": ("steps", "0..", "its length", "longest run of silent time steps", "—"),
    "longest_note": ("steps", "1..", "NaN", "largest duration", "—"),
    "mean_duration": ("steps", "1..", "NaN", "mean duration", "—"),
    "qualified_note_rate": (
        "share", "0..1", "NaN", "notes of 3 steps or more / notes", "MuseGAN 2018 (QN)"),
    "polyphony": (
        "pitches", "1..", "NaN", "mean number of pitches where at least one sounds", "MusPy 2020"),
    "overlap_rate": (
        "share", "0..1", "0", "time steps with 2 pitches or more / time steps",
        "MuseGAN 2018, its code (PP)"),
    "polyphony_rate": (
        "share", "0..1", "0", "time steps with more than 2 pitches / time steps",
        "BinaryMuseGAN 2018 (PP), MusPy 2020"),
    "pitch_range": (
        "semitones", "0..127", "NaN", "highest pitch − lowest pitch", "Yang & Lerch 2020"),
    "tone_span": (
        "semitones", "0..127", "NaN", "the pitch range, by its other name", "C-RNN-GAN 2016"),
    "used_pitch_classes": (
        "classes", "1..12", "NaN",
        "mean number of pitch classes that sound in a measure, empty measures left out",
        "MuseGAN 2018 (UPC)"),
    "pitch_class_entropy": (
        "bits", "0..3.585", "NaN", "−Σ p log2 p over the 12 pitch classes of the notes",
        "MusPy 2020"),
    "scale_consistency": (
        "share", "7/12..1", "NaN",
        "notes in the major or natural minor scale that fits best / notes",
        "C-RNN-GAN 2016, MusPy 2020"),
    "top_pitch_share": ("share", "0..1", "NaN", "notes of the commonest pitch / notes", "—"),
    "mean_interval": (
        "semitones", "0..127", "NaN", "mean size of the melodic intervals",
        "Yang & Lerch 2020 (PS)"),
    "repeated_pitch_rate": (
        "share", "0..1", "NaN", "melodic intervals of 0 semitones / intervals",
        "—"),
    "step_rate": ("share", "0..1", "NaN", "melodic intervals of 1 or 2 semitones / intervals", "—"),
    "groove_consistency": (
        "share", "0..1", "NaN",
        "1 − mean share of steps whose onset differs from the measure before",
        "Wu & Yang 2020 (GS), MusPy 2020"),
    **_PHRASES,
    **_SIMILARITIES,
    "rhythm_repetition": (
        "share", "0..1", "NaN", "measures with the onsets of an earlier one / measures that could",
        "—"),
    "ending_longer": (
        "share", "0..1", "NaN",
        "4-measure phrases whose last note is longer than the median note / phrases", "—"),
    "ending_home": (
        "share", "0..1", "NaN", "4-measure phrases whose last note is the home note / phrases",
        "home note: Krumhansl & Kessler 1982"),
}  # fmt: skip
