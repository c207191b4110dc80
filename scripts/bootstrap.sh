# Sourced by scripts/demo and scripts/test: makes .venv hold exactly what requirements/ pins, and names its Python.
# Wants $root, the checkout; gives $python. Only a Python from 3.11 up with its venv module is needed before.

say() { printf '%s %s\n' "$(date -u +%H:%M:%S)" "$*" >&2; }

fail() { printf '\n%s\n' "$*" >&2; exit 1; }

usable() { "$1" -c 'import sys, ensurepip, venv, sqlite3, ssl; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    if [ -n "$candidate" ] && usable "$candidate"; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

# Debian splits the venv module off into a package of its own; root may simply fetch it.
need_venv_module() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing python3-venv, which making virtual environments takes"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv; } >&2 ||
      fail "apt-get could not install python3-venv; install it by hand and start again."
  else
    fail "No Python from 3.11 up with its venv module was found. On Debian: apt-get install python3.11 python3-venv
Or name one: PYTHON=/path/to/python3.11 $0"
  fi
}

# pip is asked where uv finds no packages: pip may be configured for a mirror that uv does not know of.
install_packages() {
  pip_install "$root/requirements/uv.txt" || return 1
  UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true} "$root/.venv/bin/uv" pip sync --quiet --python "$python" --require-hashes \
    "$root/requirements/uv.txt" "$root/requirements/all.txt" && return
  say "trying pip instead, which takes longer"
  pip_install "$root/requirements/all.txt"
}

# Gives .venv/bin/justin; fetches nothing, for what builds it is among the packages.
install_checkout() {
  "$python" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable "$root"
}

pip_install() {
  "$python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$1"
}

make_environment() {
  wanted="$(cat "$root/requirements/uv.txt" "$root/requirements/all.txt" | cksum) $root"
  if [ "$(cat "$root/.venv/.installed" 2>/dev/null)" = "$wanted" ] && "$python" -c '' 2>/dev/null; then
    return
  fi
  base=$(find_python) || { need_venv_module && base=$(find_python); } || fail "Still no usable Python from 3.11 up."
  say "making .venv with $("$base" --version)"
  "$python" -m pip --version >/dev/null 2>&1 || "$base" -m venv --clear "$root/.venv" || fail "python -m venv failed."
  say "installing $(grep -c '==' "$root/requirements/all.txt") pinned packages (about 1 GB, once)"
  install_packages && install_checkout || fail "The packages could not be installed; the lines above say why."
  printf '%s\n' "$wanted" >"$root/.venv/.installed"
}

python=$root/.venv/bin/python
if command -v flock >/dev/null; then
  exec 9>"$root/.venv.lock"           # two demos of one checkout must not install at once
  flock -n 9 || { say "waiting for another script that installs packages"; flock 9; }
  make_environment
  exec 9>&-
else
  make_environment
fi
