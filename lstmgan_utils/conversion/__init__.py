"""MIDI files to scores: `convert_folder` does a folder; the modules below it do one step each.

`performance` reads a MIDI file as it was played, `quantizer` writes it down, `musescore` lets
MuseScore do it, `score_check` compares a score with its performance.
"""

from .engines import SUFFIXES, choose, convert_folder, name_outputs

__all__ = ["SUFFIXES", "choose", "convert_folder", "name_outputs"]
