#!/usr/bin/env bash
# Installs the real Unsloth and the real vLLM (CPU builds) into the active environment, beside `pip install -e .`.
# usage: requirements/install-cpu-stack.sh [PYTHON]
set -euo pipefail
python=${1:-python}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
"$python" -m pip install --quiet -r "$here/cpu-stack.txt"
"$python" -m pip install --quiet --no-deps -r "$here/cpu-stack-no-deps.txt"
"$python" - <<'PY'
import importlib.util

if importlib.util.find_spec("torchvision"):
    raise SystemExit("torchvision is installed: `pip uninstall torchvision`, its CUDA build breaks transformers here")
PY
