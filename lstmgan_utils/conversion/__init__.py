"""MIDI files to scores: `convert_folder` does a folder; the modules below it do one step each.

`beats` finds the beats of free playing, `quantizer` turns played times into written ones,
`score_check` compares a score with its performance; `engines` runs them, or MuseScore.
"""

from .engines import SUFFIXES, convert_folder

__all__ = ["SUFFIXES", "convert_folder"]
