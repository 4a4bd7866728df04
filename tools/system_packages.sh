#!/bin/sh
# Fetch the optional programs where that is easy, and say what is used where it is not:
#   sh tools/system_packages.sh musescore3 fluidsynth [chromium]
# Nothing here stops the course: each program has a stand-in.
set -u

have() {
    case $1 in
        musescore3) finder="runtime.find_musescore()" ;;
        fluidsynth) finder="__import__('fluidsynth')" ;;   # raises without the C library
        chromium) finder="any(map(shutil.which, ('chromium', 'chromium-browser')))" ;;
    esac
    .venv/bin/python -c "import shutil; from lstmgan_utils import runtime
raise SystemExit(not $finder)" 2>/dev/null
}

install() {
    # Old package lists name files that are gone, so refresh those older than a day.
    [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -mtime -1 2>/dev/null)" ] ||
        timeout 300 apt-get -qq -o Acquire::Retries=1 update
    DEBIAN_FRONTEND=noninteractive timeout 900 apt-get -qq -o Acquire::Retries=1 \
        -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$1"
}

for package in "$@"; do
    have "$package" && continue
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing $package with apt-get"
        said=$(install "$package" 2>&1 </dev/null) || echo "$said" | tail -n 3
        have "$package" && continue
    fi
    case $package in
        musescore3) echo "MuseScore is missing: the built-in quantiser converts MIDI instead." ;;
        fluidsynth) echo "FluidSynth is missing: the built-in synthesiser plays instead." ;;
        chromium) echo "Chromium is missing: the tests that need a browser are skipped." ;;
    esac
done
exit 0
