#!/bin/sh
# Fetch the optional programs where that is easy, and say what is used where it is not:
#   sh tools/system_packages.sh course|test
# Nothing here stops the course: each program has a stand-in.
set -u

have() {
    .venv/bin/python -c "import shutil; from lstmgan_utils import runtime
raise SystemExit(not ($1))" 2>/dev/null
}

install() {
    # Old package lists name files that are gone, so refresh those older than a day.
    [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -mtime -1 2>/dev/null)" ] ||
        timeout 300 apt-get -qq -o Acquire::Retries=1 update
    DEBIAN_FRONTEND=noninteractive timeout 900 apt-get -qq -o Acquire::Retries=1 \
        -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$1"
}

fetch() {   # PACKAGE, a Python expression that finds it, what happens without it
    have "$2" && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing $1 with apt-get"
        said=$(install "$1" 2>&1 </dev/null) || echo "$said" | tail -n 3
    fi
    have "$2" || echo "$1 is missing: $3"
}

fetch musescore3 "runtime.find_musescore()" "the built-in quantiser converts MIDI files instead"
fetch fluidsynth "__import__('fluidsynth')" "the built-in synthesiser plays the music instead"
[ "$1" = course ] || fetch chromium "shutil.which('chromium') or shutil.which('chromium-browser')" \
    "the tests that need a browser are skipped"
