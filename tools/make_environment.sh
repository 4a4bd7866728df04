#!/bin/sh
# Make .venv and install the course into it: sh tools/make_environment.sh EXTRAS [PYTHON]
# Run from the project's folder. What is already in place is kept, so a second call is quick.
set -eu
extras=$1
wanted=${2:-}

# A command of that name may exist and not work (a pyenv shim), so each candidate is run.
suits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

find_python() {
    if [ -n "$wanted" ]; then
        if suits "$wanted"; then echo "$wanted"; return; fi
        echo "PYTHON=$wanted is not a working Python 3.11, 3.12 or 3.13." >&2
        return 1
    fi
    for candidate in python3.12 python3.11 python3.13 python3 python \
        /usr/bin/python3 "$HOME"/.pyenv/versions/3.1[123].*/bin/python; do
        if suits "$candidate"; then echo "$candidate"; return; fi
    done
    if command -v uv >/dev/null 2>&1; then echo 3.12; return; fi   # uv brings a Python of its own
    echo "No working Python 3.11, 3.12 or 3.13 found: install one, or name it:" \
        "make course PYTHON=/path/to/python3.12" >&2
    return 1
}

make_venv() {
    python=$(find_python) || exit 1
    echo "Making .venv with $python"
    rm -rf .venv
    if command -v uv >/dev/null 2>&1; then
        uv venv --quiet --seed --python "$python" .venv
    elif ! "$python" -m venv .venv; then
        # Debian and Ubuntu keep part of venv in a package of its own.
        version=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            apt-get -qq update || true
            DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$version"
            "$python" -m venv --clear .venv
        else
            echo "Python's venv is incomplete: install $version (or uv), then run make again." >&2
            exit 1
        fi
    fi
}

# A .venv that was cut off half-made answers no, and is made anew.
if ! { suits .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
    make_venv
fi

if command -v uv >/dev/null 2>&1; then
    uv=uv
else
    [ -x .venv/bin/uv ] || .venv/bin/python -m pip install --quiet -c constraints.txt uv || true
    uv=.venv/bin/uv
fi

echo "Installing lstm-gan[$extras] (the first time this downloads about 1 GB)"
if "$uv" --version >/dev/null 2>&1; then
    "$uv" pip install --quiet --python .venv/bin/python -c constraints.txt -e ".[$extras]"
else
    .venv/bin/python -m pip install --quiet -c constraints.txt -e ".[$extras]"
fi
