#!/bin/sh
# Build, beside .venv, what the lessons meet elsewhere: sh tools/colab_stack.sh [FOLDER]
#   FOLDER/kernel  Google Colab's packages, and the course put into them as a setup cell does it
#   FOLDER/lab     JupyterLab 3.6, whose widgets speak with Colab's ipywidgets 7
#   FOLDER/voila   Voilà, which serves a lesson as an app
# tests/widgets/test_browser_colab.py uses it when LSTMGAN_STACKS names the folder.
set -eu
folder=${1:-build/stacks}
uv=.venv/bin/uv
[ -x "$uv" ] || uv=uv

environment() {   # NAME PYTHON: an empty one, unless it is there
    [ -x "$folder/$1/bin/python" ] || "$uv" venv --quiet --python "$2" "$folder/$1"
}

install() {   # NAME PACKAGES: into that environment
    name=$1
    shift
    "$uv" pip install --quiet --python "$folder/$name/bin/python" "$@"
}

echo "Building Colab's packages, JupyterLab 3.6 and Voilà in $folder (about 3 GB)"
environment kernel 3.13   # as Colab; these versions first, so that the course meets them
install kernel -r tests/colab_versions.txt \
    ipykernel==6.17.1 h5py==3.16.0 protobuf==5.29.6 pillow==11.3.0
install kernel -e ".[extras]"
install kernel -c tests/colab_versions.txt hypothesis nbformat pytest symusic
environment lab ">=3.11,<3.13"   # JupyterLab 3.6 knows no later Python
install lab "jupyterlab==3.6.*" "notebook<7" jupyterlab_widgets==1.1.11 anywidget==0.9.21 \
    "setuptools<80"
environment voila ">=3.11,<3.14"
install voila "voila==0.5.*" "ipywidgets>=8" anywidget
