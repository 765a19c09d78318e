#!/bin/sh
# make live: the wheel in an empty environment, every death and fault of the crash test, S3, SOPS, age and Kubernetes as
# they are released, the logins of people, a server that is no IAM, the files of services read by their own loaders,
# pipelines under the tools of the field, all that speaks HTTP on httpx2, the whole suite on the lowest versions. Everything is
# installed here: from the registries that pip, npm, Go and Maven are configured for, and as root from Debian.
set -eu
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-.venv/bin/python}
quiet='--quiet --disable-pip-version-check'
thrice() { sh tests/live/thrice.sh "$@"; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo '== the wheel in an empty environment'
"$PYTHON" -m pytest -q --no-header -m live tests/packaging

echo '== kill -9 at every call of the system, a fault at every write'
"$PYTHON" -m pytest -q --no-header -n 2 -m live tests/crash

echo '== real servers and programs: state in S3, files of SOPS and age, Secrets of Kubernetes'
if command -v go >/dev/null; then
  export GOPATH="$work/go" GOFLAGS="-modcacherw -buildvcs=false"
  {
    thrice env GOBIN="$work/bin" go install github.com/versity/versitygw/cmd/versitygw@v1.8.0 &&
    thrice env GOBIN="$work/bin" go install github.com/getsops/sops/v3/cmd/sops@v3.13.3 &&
    thrice env GOBIN="$work/bin" go install filippo.io/age/cmd/age@v1.3.2 &&
    thrice go -C tests/live/go/etcd build -o "$work/bin/etcd" . &&
    thrice go -C tests/live/go/apiserver build -o "$work/bin/kube-apiserver" .
  } 2>"$work/go.log" || { cat "$work/go.log" >&2; exit 1; }
  for program in versitygw sops age; do
    go version -m "$work/bin/$program" | grep -E '^[[:space:]]+mod[[:space:]]' | cut -f3,4
  done
  for program in etcd/server kubernetes; do
    go version -m "$work/bin/etcd" "$work/bin/kube-apiserver" | grep -E "^[[:space:]]+dep[[:space:]].*/$program(/v3)?[[:space:]]" | cut -f3,4
  done
  IAC_TEST_VERSITYGW="$work/bin/versitygw" IAC_TEST_SOPS="$work/bin/sops" IAC_TEST_AGE="$work/bin/age" \
    IAC_TEST_ETCD="$work/bin/etcd" IAC_TEST_KUBE_APISERVER="$work/bin/kube-apiserver" \
    "$PYTHON" -m pytest -q --no-header -m live tests/live/test_s3.py tests/live/test_sops.py tests/live/test_kubernetes.py
  unset GOPATH GOFLAGS
else
  echo 'left out: they are built with go, which is not here'
fi

echo '== people log in: oidc-agent of Debian, device code at a terminal'
if command -v oidc-agent >/dev/null; then
  :
elif [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  { thrice apt-get update && thrice apt-get install --yes --no-install-recommends oidc-agent-cli; } >"$work/apt.log" 2>&1 \
    || { cat "$work/apt.log" >&2; exit 1; }
fi
if command -v oidc-agent >/dev/null; then
  oidc-agent --version
  "$PYTHON" -m pytest -q --no-header -m live tests/live/test_logins.py
else
  echo 'oidc-agent left out: it is installed from Debian as root'
  "$PYTHON" -m pytest -q --no-header -m live -k 'not agent' tests/live/test_logins.py
fi

echo '== clients of a server that is no IAM: oidc-provider'
if ! command -v npm >/dev/null && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  { thrice apt-get update && thrice apt-get install --yes --no-install-recommends nodejs npm; } >"$work/apt.log" 2>&1 \
    || { cat "$work/apt.log" >&2; exit 1; }
fi
if command -v npm >/dev/null && node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)'; then
  thrice npm install --prefix "$work/oidc" --silent --no-audit --no-fund oidc-provider@9.13.3
  node --version
  IAC_TEST_OIDC_PROVIDER="$work/oidc" "$PYTHON" -m pytest -q --no-header -m live tests/live/test_oidc_provider.py
else
  echo 'left out: it needs node 20 or newer, with npm'
fi

echo "== services' own loaders read their files"
PYTHON="$PYTHON" sh tests/live/loaders/install.sh "$work/loaders"
IAC_TEST_LOADERS="$work/loaders" "$PYTHON" -m pytest -q --no-header -m live tests/live/test_services.py

echo '== pipelines: every step, actionlint, shellcheck, pre-commit, the real installation'
for tool in curl jq shellcheck; do
  command -v "$tool" >/dev/null || { thrice apt-get -qq update && thrice apt-get -qq install --yes "$tool" >/dev/null; }
done
if command -v go >/dev/null; then
  thrice env GOPATH="$work/go" GOBIN="$work/bin" GOFLAGS=-modcacherw \
    go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.7 2>"$work/go.log" || { cat "$work/go.log" >&2; exit 1; }
fi
PATH="$work/bin:$PATH" IAC_TEST_PIPELINES=1 "$PYTHON" -m pytest -q --no-header -n 2 tests/pipelines

echo '== all that speaks HTTP, on httpx2'
"$PYTHON" -m venv "$work/httpx2"
# shellcheck disable=SC2086
thrice "$work/httpx2/bin/python" -m pip install $quiet --upgrade 'pip>=25.1'
# shellcheck disable=SC2086
thrice "$work/httpx2/bin/python" -m pip install $quiet --editable '.[http2x]' --group dev
"$work/httpx2/bin/python" -c 'import httpx2; print("httpx2", httpx2.__version__)'
"$work/httpx2/bin/python" -m pytest -q --no-header -n 2 -m 'not live' tests/transport tests/providers tests/traps tests/apply \
  tests/scenarios tests/sinks tests/e2e tests/backends/test_http.py tests/backends/test_httplock.py

echo '== the suite on the lowest versions'
"$PYTHON" -m venv "$work/lowest"
# shellcheck disable=SC2086
thrice "$work/lowest/bin/python" -m pip install $quiet --upgrade 'pip>=25.1'
# shellcheck disable=SC2086
thrice "$work/lowest/bin/python" -m pip install $quiet --editable . --group dev --constraint requirements/lowest.txt
"$work/lowest/bin/python" -m pip list --disable-pip-version-check --format freeze | grep -i -E '^(click|cryptography|httpx|jinja2|joserfc|jsonschema|obstore|pyrage|pyyaml|referencing|ruamel)'
"$work/lowest/bin/python" -m pytest -q --no-header -n 2 -m 'not live' tests
