"""The rivals, fitted to the same training tunes and for the same wall time as our model."""

import time

import numpy as np

from lstmgan_utils.evaluation.baselines import LikelihoodLSTM, Markov, MeasureShuffle, Noise

__all__ = ["LikelihoodLSTM", "Markov", "MeasureShuffle", "Noise", "line_up"]


def line_up(songs, seeds, *, measures=8, minutes=5.0, say=print):
    """Let every rival learn and write.

    Args:
        songs: Songs to learn from.
        seeds: list of ints, one piece each.
        measures: int.
        minutes: float, wall time of training for the LSTM; the others need seconds.
        say: function that is told how long each took.

    Returns:
        dict of the rival's name to its list of note arrays.
    """
    rivals = {
        "likelihood LSTM": LikelihoodLSTM(minutes=minutes),
        "Markov chain": Markov(),
        "shuffled measures": MeasureShuffle(),
        "noise": Noise(),
    }
    pieces = {}
    for name, rival in rivals.items():
        start = time.monotonic()
        rival.fit(songs)
        fitted = time.monotonic()
        pieces[name] = rival.sample_many(seeds, measures)
        if name == "likelihood LSTM":
            say(f"{name}: {len(rival.losses)} batches; loss on unseen tunes, every "
                f"{rival.check_every}: {np.round(rival.unseen_losses, 3).tolist()}")  # fmt: skip
        say(f"{name}: learned in {fitted - start:.0f} s, wrote {len(seeds)} pieces in "
            f"{time.monotonic() - fitted:.0f} s")  # fmt: skip
    return pieces
