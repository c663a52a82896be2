#!/usr/bin/env bash
# The executor against PyTorch: installs the peer (PyPI) in .venv, builds, and compares.
#   bench/compare.sh [ARGUMENTS of torch_compare.py]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[[ -x .venv/bin/pip ]] || python3 -m venv .venv || {
  echo "compare.sh: no virtual environment: apt-get install python3-venv" >&2
  exit 1
}
.venv/bin/pip install --quiet -r tools/golden/requirements.txt
./dev build bench >&2
exec .venv/bin/python bench/torch_compare.py --timer build/bench/bench/sample_timer "$@"
