"""Beat tracking: where the beats fall in free playing, of which the file's own ticks know nothing.

As in the quantiser, hypotheses (the next beat is at this onset, one, two … beats from the last) are
judged by how well they explain the onsets between; the cheapest way through the piece is found by
dynamic programming over onset and tempo.
"""

import dataclasses

import numpy as np
from scipy.ndimage import uniform_filter1d

from ..pianoroll import RESOLUTION

TICKING = 0.35  # how sharply onsets must gather in the file's own beats for these to be believed
FEWEST = 24  # notes below which nothing can be told
TOGETHER = 0.035  # seconds within which notes are one chord
LOOSE = 0.03  # seconds by which an onset misses its place
BITS = {0: 0, 12: 0.6, 6: 1.3, 18: 1.3, 8: 2.2, 16: 2.2, 3: 3, 9: 3, 15: 3, 21: 3, 4: 3.2, 20: 3.2}
NO_PLACE = 6.0  # the cost of an onset that fits none of these places in the beat
PERIODS = np.geomspace(0.27, 1.6, 64)  # seconds a beat
COMFORT, WIDTH = 0.7, 0.5  # seconds a beat that people like to tap, and octaves around it
CHANGE, JUMP = 0.1, 8.0  # octaves by which the tempo moves from beat to beat; the cost of a break
SILENT, SKIPPED = 1.0, 2.0  # the cost of a beat without an onset, of an onset outside all beats
AHEAD, MOST = 4.5, 6  # the next onset on a beat: at most so many seconds, and beats, from the last
FINE = 10  # parts of a time step, for the table of costs
UNCLEAR = 1.1  # cost of an onset above which the beat is not believed


def find_beat(performance):
    """Return a Performance that counts in beats: the same if its ticks carry them.

    Else its times count beats that were found, `by_ear`. Raises ValueError where no steady beat was
    found. Introduced in lesson 01.
    """
    notes = np.concatenate([part.notes for part in performance.parts])
    if len(notes) < FEWEST or _gathering(notes["onset"]) >= TICKING:
        return performance
    times, ends = (_to_seconds(notes[side], performance.tempos) for side in ("onset", "end"))
    beats, cost = _track(*_find_chords(times, notes["pitch"], ends))
    if cost > UNCLEAR or len(beats) < 8:
        raise ValueError("no steady beat found: it was played freely, so any score would be noise; "
                         "play it to a click, or leave it out")  # fmt: skip
    return _follow(performance, beats, times.min(), ends.max())


def _gathering(onsets):
    """Compute how sharply onsets gather on one grid: 1 when all lie on it, near 0 for noise."""
    return max(abs(np.exp(2j * np.pi * onsets / unit).mean()) for unit in (24, 12, 8, 6, 4, 3))


def _to_seconds(steps, tempos):
    """Return time steps in seconds; tempos: list of (time step, quarters a minute)."""
    at, pace = np.array([(0, 120), *tempos], float).T
    ends = np.append(at[1:], 1e7)
    seconds = np.cumsum((ends - at) * 60 / pace / RESOLUTION)
    return np.interp(steps, np.append(0, ends), np.append(0, seconds))


def _find_chords(times, pitches, ends):
    """Return (onset of each chord in seconds, how much it stands out, -3 to 3)."""
    order = np.argsort(times)
    times, pitches, ends = times[order], pitches[order].astype(float), ends[order]
    starts = [0]
    for place, time in enumerate(times):
        if time - times[starts[-1]] > TOGETHER:
            starts.append(place)
    sizes = np.diff([*starts, len(times)])
    when = np.add.reduceat(times, starts) / sizes
    long = np.maximum.reduceat(ends - times, starts).clip(0.05, 4)
    gap = np.append(np.diff(when), 1.0).clip(0.03, 2)
    low = -np.minimum.reduceat(pitches, starts)
    signs = np.array([np.log(sizes), low, np.log(gap), np.log(long)])
    around = [uniform_filter1d(x, 25, mode="constant") for x in (signs, np.ones(signs.shape))]
    above = (signs - around[0] / around[1]) / (signs.std(axis=1, keepdims=True) + 1e-3)
    return when, above.clip(-1.5, 1.5).sum(axis=0) / 2


def _place_costs():
    """Return what an onset costs by period and place in the beat: (periods, fine steps)."""
    phase = np.arange(RESOLUTION * FINE) / FINE
    costs = np.full((len(PERIODS), len(phase)), NO_PLACE)
    for place, bits in BITS.items():
        off = ((phase - place + RESOLUTION / 2) % RESOLUTION / RESOLUTION - 0.5) * PERIODS[:, None]
        costs = np.minimum(costs, bits + off**2 / (2 * LOOSE**2))
    return costs


def _track(when, stress):
    """Find the cheapest beats: (seconds of each, cost of a chord), in one pass over the chords."""
    octaves = np.log2(PERIODS)
    change = np.minimum((octaves[:, None] - octaves) ** 2 / (2 * CHANGE**2), JUMP)
    best = np.tile(SKIPPED * np.arange(len(when))[:, None], len(PERIODS))
    best[8:] = np.inf  # the first beat is among the first chords
    back = np.full((*best.shape, 3), -1)  # chord and period of the beat before; beats from there
    table = _place_costs()
    for chord in range(len(when) - 1):
        come = best[chord] + change
        source, come = come.argmin(axis=1), come.min(axis=1)
        for n_beats in range(1, MOST + 1):
            to, period, cost = _next_beats(chord, n_beats, when, table)
            cost += come[period] - stress[to]
            better = cost < best[to, period]
            to, period = to[better], period[better]
            best[to, period] = cost[better]
            back[to, period] = np.stack(np.broadcast_arrays(chord, source[period], n_beats), -1)
    best += SKIPPED * np.arange(len(when))[::-1, None]
    chord, period = np.unravel_index(best.argmin(), best.shape)
    return _way_back(when, chord, period, back), best.min() / len(when)


def _next_beats(chord, n_beats, when, table):
    """List where the next beat with an onset may be: (chords, places in PERIODS, costs)."""
    stop = max(np.searchsorted(when, when[chord] + AHEAD), chord + 2)
    ahead = when[chord + 1 : stop] - when[chord]
    periods = ahead / n_beats
    pause = (np.arange(len(ahead)) == 0) & (n_beats == MOST)  # however long it may be
    fit = np.flatnonzero((periods >= PERIODS[0]) & (pause | (periods <= PERIODS[-1])))
    place = np.searchsorted(PERIODS[:-1], periods[fit])
    phase = np.rint(ahead / periods[fit, None] * RESOLUTION * FINE).astype(int)
    costs = table[place[:, None], phase % (RESOLUTION * FINE)]
    cost = (costs * (np.arange(len(ahead)) < fit[:, None])).sum(axis=1)
    tempo = np.log2(PERIODS[place] / COMFORT) ** 2 / (2 * WIDTH**2)
    return chord + 1 + fit, place, cost + n_beats * tempo + (n_beats - 1) * SILENT


def _way_back(when, chord, period, back):
    """Follow the cheapest way from its end to its start: seconds of the beats."""
    beats = [when[chord : chord + 1]]
    while back[chord, period, 0] >= 0:
        before, source, n_beats = back[chord, period]
        beats.append(np.linspace(when[before], when[chord], n_beats, endpoint=False))
        chord, period = before, source
    return np.concatenate(beats[::-1])


def _follow(performance, beats, start, stop):
    """Count a performance's times in beats, one a quarter note; continue them at both ends."""
    first, last = beats[1] - beats[0], beats[-1] - beats[-2]
    before = np.arange(np.ceil(max(beats[0] - start - TOGETHER, 0) / first), 0, -1)
    after = np.arange(1, np.ceil(max(stop - beats[-1], 0) / last) + 2)
    beats = np.concatenate([beats[0] - first * before, beats, beats[-1] + last * after])

    def count(steps):
        seconds = _to_seconds(steps, performance.tempos)
        return np.interp(seconds, beats, np.arange(len(beats)) * RESOLUTION)

    parts = [dataclasses.replace(part, notes=part.notes.copy()) for part in performance.parts]
    for notes in (part.notes for part in parts):
        notes["onset"], notes["end"] = count(notes["onset"]), count(notes["end"])
        notes.sort()
    paces = 240 / (beats[4:] - beats[:-4])[::4]  # one for each measure of four
    tempos = [(4 * RESOLUTION * measure, pace) for measure, pace in enumerate(paces.tolist())]
    keys = [(float(count(np.float64(step))), *key) for step, *key in performance.keys]
    flaws = ("played without a click: its beats were found by ear", *performance.flaws)
    changes = {"metres": [], "keys": keys, "tempos": tempos, "flaws": flaws, "by_ear": True}
    return dataclasses.replace(performance, parts=parts, **changes)
