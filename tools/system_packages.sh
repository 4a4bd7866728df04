#!/bin/sh
# Fetch the optional programs where that is easy, and say what is used where it is not:
#   sh tools/system_packages.sh course|test
# Nothing here stops the course: each program has a stand-in.
set -u
purpose=$1

have() {
    for name in "$@"; do
        if command -v "$name" >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

have_musescore() {
    if [ -n "${MUSESCORE:-}" ] && [ -x "$MUSESCORE" ]; then return 0; fi
    have mscore4portable mscore musescore mscore3 musescore3 MuseScore4.exe || \
        [ -x "/Applications/MuseScore 4.app/Contents/MacOS/mscore" ]
}

have_fluidsynth() {   # the library that the lessons play with, not the program of that name
    .venv/bin/python -c 'from lstmgan_utils.runtime import find_soundfont as found
raise SystemExit(not found())' 2>/dev/null
}

have_chromium() { have chromium chromium-browser google-chrome; }

missing_packages() {
    have_musescore || echo musescore3
    have_fluidsynth || echo fluidsynth
    if [ "$purpose" = test ]; then have_chromium || echo chromium; fi
}

install() {
    # Old package lists name files that are gone, so refresh those older than a day.
    if [ -z "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -mtime -1 2>/dev/null)" ]; then
        timeout 300 apt-get -qq -o Acquire::Retries=1 update </dev/null
    fi
    for package in "$@"; do   # one by one: a package that is not to be had keeps none of the others
        DEBIAN_FRONTEND=noninteractive timeout 900 apt-get -qq -o Acquire::Retries=1 \
            -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$package" </dev/null
    done
}

missing=$(missing_packages)
if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing with apt-get:" $missing
    log=$(mktemp)
    install $missing >"$log" 2>&1 || tail -n 3 "$log"
    rm -f "$log"
fi

have_musescore || echo "MuseScore is missing: the built-in quantiser converts MIDI to MXL instead."
have_fluidsynth || echo "FluidSynth is missing: the built-in synthesiser plays the music instead."
if [ "$purpose" = test ]; then
    have_chromium || echo "Chromium is missing: the tests that need a browser are skipped."
fi
exit 0
