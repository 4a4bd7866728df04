#!/bin/sh
# Make .venv, where it is not in place, and install the course: sh tools/make_environment.sh EXTRAS [PYTHON]
set -eu
extras=$1
wanted=${2:-}

# A command of that name may exist and not work (a pyenv shim), so each candidate is run.
suits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}
has_uv() { uv --version >/dev/null 2>&1; }
find_python() {
    if [ -n "$wanted" ]; then set -- "$wanted"; else
        set -- python3.12 python3.11 python3.13 python3 python /usr/bin/python3 \
            "$HOME"/.pyenv/versions/3.1[123].*/bin/python
    fi
    for candidate in "$@"; do
        if suits "$candidate"; then echo "$candidate"; return; fi
    done
    if [ -z "$wanted" ] && has_uv; then echo 3.12; return; fi   # uv brings a Python of its own
    echo "${wanted:-This machine} has no working Python 3.11, 3.12 or 3.13: install one, or" \
        "name it: make course PYTHON=/path/to/python3.12" >&2
    return 1
}

make_venv() {
    echo "Making .venv with $python"
    if has_uv; then
        uv venv --quiet --seed --python "$python" .venv
    elif ! "$python" -m venv --clear .venv; then
        # Debian and Ubuntu keep part of venv in a package of its own.
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        echo "Python's venv is incomplete: it needs $package (or uv)." >&2
        apt-get -qq update || true
        DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$package"
        "$python" -m venv --clear .venv
    fi
}

# A .venv that was cut off half-made answers no, and is made anew.
if ! suits .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    rm -rf .venv
    python=$(find_python)
    make_venv
fi
echo "Installing lstm-gan[$extras] (the first time this downloads about 1 GB)"
.venv/bin/python -m pip install --quiet -c constraints.txt uv
.venv/bin/uv pip install --quiet --python .venv/bin/python -c constraints.txt -e ".[$extras]"
