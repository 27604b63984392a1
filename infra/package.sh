#!/usr/bin/env bash
# Collects the packages that the function app needs, for Python 3.13 on Linux, on any machine;
# given a file name, also builds the zip to deploy.
#   infra/package.sh [app.zip]
# PYTHON names the interpreter (default python3); only its pip is used.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
packages=.python_packages/lib/site-packages

rm -rf .python_packages
"$python" -m pip install --quiet --disable-pip-version-check --no-compile --target "$packages" \
  --requirement requirements.txt --only-binary=:all: --implementation cp --python-version 3.13 \
  --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64
[[ $# -gt 0 ]] || exit 0

rm -f "$1"
find enforcer -name __pycache__ -prune -exec rm -rf {} +
"$python" -m zipfile --create "$1" function_app.py host.json requirements.txt enforcer .python_packages
