#!/bin/sh
# Pin the versions of .venv for every Python from 3.11 on: sh tools/make_constraints.sh
# uv keeps what the old file pins where it still fits, and adds markers where versions must differ.
set -eu
uv=$(command -v uv || echo .venv/bin/uv)
new=$(mktemp constraints.XXXXXX)
trap 'rm -f "$new"' EXIT
"$uv" pip freeze --python .venv/bin/python --exclude-editable | grep -v '^setuptools==' >"$new"
echo uv | "$uv" pip compile --universal --python-version 3.11 --quiet --no-header --no-annotate \
    --extra notebooks --extra test --extra bench --extra cluster pyproject.toml - -o "$new"
chmod 644 "$new"
mv "$new" constraints.txt
