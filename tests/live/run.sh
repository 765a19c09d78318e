#!/bin/sh
# make live: the wheel in an empty environment, every death and fault of the crash test, state in S3 on a real server, the
# logins of people, the files of services read by their own loaders, the whole suite on httpx2, the whole suite on the lowest
# versions. Everything is installed here: from the registries that pip, Go and Maven are configured for, and as root from
# Debian.
set -eu
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-.venv/bin/python}
quiet='--quiet --disable-pip-version-check'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo '== the wheel in an empty environment'
"$PYTHON" -m pytest -q --no-header -m live tests/packaging

echo '== kill -9 at every call of the system, a fault at every write'
"$PYTHON" -m pytest -q --no-header -n 2 -m live tests/crash

echo '== state in S3 on a real server'
if command -v go >/dev/null; then
  GOPATH="$work/go" GOBIN="$work/bin" GOFLAGS=-modcacherw \
    go install github.com/versity/versitygw/cmd/versitygw@v1.8.0 2>"$work/go.log" || { cat "$work/go.log" >&2; exit 1; }
  go version -m "$work/bin/versitygw" | grep -E '^[[:space:]]+mod[[:space:]]' | cut -f3,4
  IAC_TEST_VERSITYGW="$work/bin/versitygw" "$PYTHON" -m pytest -q --no-header -m live tests/live/test_s3.py
else
  echo 'left out: the server is built with go, which is not here'
fi

echo '== people log in: oidc-agent of Debian, device code at a terminal'
if command -v oidc-agent >/dev/null; then
  :
elif [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  { apt-get update && apt-get install --yes --no-install-recommends oidc-agent-cli; } >"$work/apt.log" 2>&1 \
    || { cat "$work/apt.log" >&2; exit 1; }
fi
if command -v oidc-agent >/dev/null; then
  oidc-agent --version
  "$PYTHON" -m pytest -q --no-header -m live tests/live/test_logins.py
else
  echo 'oidc-agent left out: it is installed from Debian as root'
  "$PYTHON" -m pytest -q --no-header -m live -k 'not agent' tests/live/test_logins.py
fi

echo "== services' own loaders read their files"
PYTHON="$PYTHON" sh tests/live/loaders/install.sh "$work/loaders"
IAC_TEST_LOADERS="$work/loaders" "$PYTHON" -m pytest -q --no-header -m live tests/live/test_services.py

echo '== the suite on httpx2'
"$PYTHON" -m venv "$work/httpx2"
# shellcheck disable=SC2086
"$work/httpx2/bin/python" -m pip install $quiet --upgrade 'pip>=25.1'
# shellcheck disable=SC2086
"$work/httpx2/bin/python" -m pip install $quiet --editable '.[http2x]' --group dev
"$work/httpx2/bin/python" -c 'import httpx2; print("httpx2", httpx2.__version__)'
"$work/httpx2/bin/python" -m pytest -q --no-header -n 2 -m 'not live' tests

echo '== the suite on the lowest versions'
"$PYTHON" -m venv "$work/lowest"
# shellcheck disable=SC2086
"$work/lowest/bin/python" -m pip install $quiet --upgrade 'pip>=25.1'
# shellcheck disable=SC2086
"$work/lowest/bin/python" -m pip install $quiet --editable . --group dev --constraint requirements/lowest.txt
"$work/lowest/bin/python" -m pip list --disable-pip-version-check --format freeze | grep -i -E '^(click|httpx|jinja2|joserfc|jsonschema|obstore|pyrage|pyyaml|referencing|ruamel)'
"$work/lowest/bin/python" -m pytest -q --no-header -n 2 -m 'not live' tests
