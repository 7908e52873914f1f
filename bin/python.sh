# Sourced by the commands beside it: sets PY to a Python of 3.11 or newer, or ends with one line.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
PY=
for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3.14 python3 python; do
    if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        PY=$candidate
        break
    fi
done
if [ -z "$PY" ]; then
    echo "liveshop: needs Python 3.11 or newer: install it, or set PYTHON to its path" >&2
    exit 1
fi
