# Sourced by the scripts beside it. Makes .venv from the committed, hashed locks with nothing but Python and pip.
#
#   ensure_env runtime|dev|bench    leaves $ROOT and $BIN (the environment's programs) set, or stops with one line
#
# PYTHON=/path/to/python3 chooses the interpreter, TOOLGATE_VENV another folder than .venv.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=${TOOLGATE_VENV:-$ROOT/.venv}
set_places() { BIN=$VENV/bin BUSY=$VENV.busy MAKING=$VENV.making; }
set_places

say() { printf 'toolgate: %s\n' "$*" >&2; }
die() { say "$*"; exit 2; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  local name
  for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
    if new_enough "$name"; then command -v "$name"; return; fi
  done
  local found
  found=$("${PYTHON:-python3}" -V 2>&1 | head -n 1)
  die "found ${found:-no Python}, expected Python 3.11 or newer: install it, or set PYTHON=/path/to/python3"
}

lock_of() { [ "$1" = runtime ] && echo "$ROOT/requirements.lock" || echo "$ROOT/requirements-$1.lock"; }

# What the environment must have been made from: the kind, the lock, the project's own metadata and the place.
fingerprint() {
  local metadata
  metadata=$(sed '/^\[tool/,$d' "$ROOT/pyproject.toml")
  printf '%s %s\n' "$1" "$(cat "$(lock_of "$1")" - <<<"$metadata $VENV" | sha256)"
}

sha256() { "$PY" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'; }

# A development environment serves for running too.
is_current() {
  [ -f "$VENV/.made-from" ] || return 1
  local made
  made=$(cat "$VENV/.made-from")
  [ "$made" = "$(fingerprint "$1")" ] || { [ "$1" = runtime ] && [ "$made" = "$(fingerprint dev)" ]; }
}

# An environment that these scripts did not make belongs to somebody: it is used, never replaced.
is_foreign() { [ -d "$VENV" ] && [ ! -f "$VENV/.made-from" ] && [ ! -f "$MAKING" ]; }

take_turn() {
  local told=
  until mkdir "$BUSY" 2>/dev/null; do
    if [ -f "$BUSY/pid" ] && ! kill -0 "$(cat "$BUSY/pid")" 2>/dev/null; then rm -rf "$BUSY"; continue; fi
    [ -n "$told" ] || say "waiting for another run that is making $VENV (if there is none: rm -r $BUSY)"
    told=1
    sleep 1
  done
  trap 'rm -rf "$BUSY"' EXIT
  echo $$ >"$BUSY/pid"
}

install() {
  local label=$1 total=$2 log=$VENV/install.log; shift 2
  "$BIN/python" -m pip --disable-pip-version-check --no-input install --progress-bar off "$@" 2>&1 | tee "$log" |
    awk -v label="$label" -v total="$total" -v tty="$([ -t 2 ] && echo 1)" '
      /^Collecting/ { n++; if (tty) printf "\r%s: %d of at most %d packages ", label, n, total
                      else if (n % 20 == 0) printf "%s: %d of at most %d packages\n", label, n, total; fflush() }
      /^Installing collected/ { printf "%s%s: unpacking\n", tty ? "\r" : "", label; fflush() }' >&2
  [ "${PIPESTATUS[0]}" = 0 ] || { tail -n 5 "$log" >&2; die "pip could not install the locked packages, all of it in $log"; }
}

make_env() {
  local lock
  lock=$(lock_of "$1")
  "$PY" -c 'import ensurepip, venv' 2>/dev/null ||
    die "$PY has no venv module: install it (Debian, Ubuntu: apt-get install python3-venv), or set PYTHON to another Python"
  say "making $VENV with $("$PY" -V) (once; a minute or two)"
  touch "$MAKING"
  "$PY" -m venv --clear "$VENV" || die "$PY -m venv failed, see above"
  install "toolgate: packages" "$(grep -c '==' "$lock")" --require-hashes --only-binary :all: -r "$lock"
  install "toolgate: this checkout" 1 --no-deps --no-build-isolation -e "$ROOT"
  fingerprint "$1" >"$VENV/.made-from"
  rm -f "$MAKING" "$VENV/install.log"
}

ensure_env() {
  PY=$(find_python) || exit 2
  if is_foreign; then
    "$BIN/python" -c 'import toolgate' 2>/dev/null ||
      die "$VENV is not ours and has no toolgate in it: remove it, or set TOOLGATE_VENV to another folder"
    return
  fi
  is_current "$1" && return
  take_turn
  is_current "$1" || make_env "$1"
  rm -rf "$BUSY"
  trap - EXIT
}

sources_fingerprint() {
  (cd "$ROOT" && find hatch_build.py pyproject.toml firewall -name '*.py' -o -name pyproject.toml | LC_ALL=C sort | xargs cat) | sha256
}

# Installs toolgate with its data path compiled, unless that is done, TOOLGATE_PLAIN=1 or no C compiler is there.
install_data_path() {
  local now=plain
  PY=$(find_python) || exit 2
  if [ "${TOOLGATE_PLAIN:-}" != 1 ] && command -v "${CC:-cc}" >/dev/null; then now=$(sources_fingerprint); fi
  if is_foreign || [ "$(cat "$VENV/.compiled-from" 2>/dev/null || echo plain)" = "$now" ]; then return; fi
  rm -f "$VENV/.compiled-from"
  if [ "$now" = plain ]; then
    install "toolgate: this checkout" 1 --no-deps --no-build-isolation --force-reinstall -e "$ROOT"
    return
  fi
  say "compiling the data path (once per change of the sources; a minute)"
  TOOLGATE_COMPILE=1 install "toolgate: compiled" 1 --no-deps --no-build-isolation --force-reinstall "$ROOT"
  echo "$now" >"$VENV/.compiled-from"
}
