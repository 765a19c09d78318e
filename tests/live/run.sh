#!/bin/sh
# Runs the parts of `make live` that its arguments name, all of them without arguments. Each part installs what it needs,
# from the registries that pip, npm, Go and Maven are configured for and, as root, from Debian. A part whose programs
# cannot be installed fails and says which: nothing is left out silently.
set -eu
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-.venv/bin/python}
parts='wheel crash sinks logins servers loaders pipelines pages lowest versions'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

thrice() { sh tests/live/thrice.sh "$@"; }
tests() { "$PYTHON" -m pytest -q --no-header "$@"; }

# quietly LOG COMMAND...: the output of an installation is shown only when the installation fails.
quietly() {
  log="$work/$1.log"
  shift
  "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
}

# debian COMMAND PACKAGE...: the command, from Debian's packages where it is missing.
debian() {
  command=$1
  shift
  command -v "$command" >/dev/null && return
  [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null \
    || { echo "$command is missing: install it, or run this as root on Debian" >&2; exit 1; }
  export DEBIAN_FRONTEND=noninteractive
  quietly apt-update thrice apt-get --quiet update
  quietly apt-install thrice apt-get --quiet install --yes --no-install-recommends "$@"
}

# needs COMMAND: a toolchain that this script does not install.
needs() { command -v "$1" >/dev/null || { echo "$1 is missing: install it to run this part" >&2; exit 1; }; }

# go_install MODULE@VERSION...: programs in Go, into $work/bin.
go_install() {
  needs go
  for module in "$@"; do
    quietly go thrice env GOPATH="$work/go" GOBIN="$work/bin" GOFLAGS='-modcacherw -buildvcs=false' go install "$module"
  done
}

# python_of VERSION: the command that runs this version of Python, from the path, from pyenv or installed by uv.
python_of() {
  for candidate in "python$1" "$(pyenv prefix "$(pyenv latest "$1" 2>/dev/null)" 2>/dev/null)/bin/python"; do
    "$candidate" -c 'import sys' 2>/dev/null && { echo "$candidate"; return; }
  done
  UV_PYTHON_INSTALL_DIR="$work/pythons" quietly "uv-$1" thrice .venv/bin/uv python install --no-bin "$1"
  ls "$work/pythons"/cpython-"$1".*/bin/python3
}

# environment NAME PIP-ARGUMENTS...: a virtual environment with iac and the tools of development.
environment() {
  name=$1
  shift
  "${interpreter:-$PYTHON}" -m venv "$work/$name"
  quietly "$name-pip" thrice "$work/$name/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
  quietly "$name" thrice "$work/$name/bin/python" -m pip install --quiet --disable-pip-version-check --group dev "$@"
}

live_wheel() {
  tests -m live tests/packaging
  [ -e .git ] || { echo 'this is no checkout of git: a release is made in one' >&2; exit 1; }
  git clone --quiet . "$work/release"
  quietly release make -C "$work/release" release-check
  tail -6 "$work/release.log"
}

live_crash() {
  tests -n 2 -m live tests/crash
}

live_sinks() {
  go_install github.com/versity/versitygw/cmd/versitygw@v1.8.0 github.com/getsops/sops/v3/cmd/sops@v3.13.3 filippo.io/age/cmd/age@v1.3.2
  for program in etcd:etcd apiserver:kube-apiserver; do
    quietly go thrice env GOPATH="$work/go" GOFLAGS='-modcacherw -buildvcs=false' \
      go -C "tests/live/go/${program%:*}" build -o "$work/bin/${program#*:}" .
  done
  for program in versitygw sops age; do
    go version -m "$work/bin/$program" | grep -E '^[[:space:]]+mod[[:space:]]' | cut -f3,4
  done
  for program in etcd/server kubernetes; do
    go version -m "$work/bin/etcd" "$work/bin/kube-apiserver" | grep -E "^[[:space:]]+dep[[:space:]].*/$program(/v3)?[[:space:]]" | cut -f3,4
  done
  IAC_TEST_VERSITYGW="$work/bin/versitygw" IAC_TEST_SOPS="$work/bin/sops" IAC_TEST_AGE="$work/bin/age" \
    IAC_TEST_ETCD="$work/bin/etcd" IAC_TEST_KUBE_APISERVER="$work/bin/kube-apiserver" \
    tests -m live tests/live/test_s3.py tests/live/test_sops.py tests/live/test_kubernetes.py
}

live_logins() {
  debian oidc-agent oidc-agent-cli
  oidc-agent --version
  tests -m live tests/live/test_logins.py
}

live_servers() {
  debian npm nodejs npm
  node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' \
    || { echo "node 20 or newer is needed, this is $(node --version)" >&2; exit 1; }
  quietly npm thrice npm install --prefix "$work/oidc" --silent --no-audit --no-fund oidc-provider@9.13.3
  node --version
  debian mvn maven default-jdk-headless
  copy=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy
  quietly keycloak thrice mvn -q -B "$copy" -Dartifact=org.keycloak:keycloak-quarkus-dist:26.7.3:zip \
    -DoutputDirectory="$work/keycloak"
  ls "$work/keycloak"
  "$PYTHON" -m venv "$work/toolkit"
  quietly toolkit thrice "$work/toolkit/bin/python" -m pip install --quiet --disable-pip-version-check \
    django-oauth-toolkit==3.4.1 'django>=5.2,<5.3'
  "$work/toolkit/bin/python" -m pip list --disable-pip-version-check --format freeze | grep -i -E '^django'
  IAC_TEST_OIDC_PROVIDER="$work/oidc" IAC_TEST_KEYCLOAK="$work/keycloak" \
    IAC_TEST_OAUTH_TOOLKIT="$work/toolkit/bin/python" \
    tests -n 0 -m live tests/live/test_oidc_provider.py tests/live/test_servers.py
}

live_loaders() {
  needs go
  debian mvn maven default-jdk-headless
  PYTHON="$PYTHON" sh tests/live/loaders/install.sh "$work/loaders"
  IAC_TEST_LOADERS="$work/loaders" tests -m live tests/live/test_services.py
}

live_pipelines() {
  debian shellcheck shellcheck
  go_install github.com/rhysd/actionlint/cmd/actionlint@v1.7.7
  PATH="$work/bin:$PATH" IAC_TEST_PIPELINES=1 tests -n 2 tests/workflow/pipelines
}

live_pages() {
  debian npm nodejs npm
  debian chromium chromium
  chromium --version
  quietly axe thrice npm install --prefix "$work/axe" --silent --no-audit --no-fund axe-core@4.14.1
  quietly playwright thrice "$PYTHON" -m pip install --quiet --disable-pip-version-check 'playwright>=1.50'
  IAC_TEST_AXE="$work/axe/node_modules/axe-core/axe.min.js" tests -n 0 -m live tests/live/test_pages.py
}

# What a version of a dependency decides: the tests without the slow ones, on the lowest versions.
live_lowest() {
  environment lowest --editable . --constraint requirements/lowest.txt
  "$work/lowest/bin/python" -m pip list --disable-pip-version-check --format freeze \
    | grep -i -E '^(click|cryptography|httpx|jinja2|joserfc|jsonschema|msgspec|obstore|pyrage|pyyaml|referencing|ruamel)'
  "$work/lowest/bin/python" -m pytest -q --no-header -n 2 -m 'not live and not slow' tests
}

# All that speaks HTTP on httpx2, and the whole suite on each newer Python.
live_versions() {
  environment httpx2 --editable '.[http2x]'
  "$work/httpx2/bin/python" -c 'import httpx2; print("httpx2", httpx2.__version__)'
  "$work/httpx2/bin/python" -m pytest -q --no-header -n 2 -m 'not live' tests/transport tests/providers tests/traps tests/apply \
    tests/scenarios tests/sinks tests/e2e tests/backends/test_http.py tests/backends/test_httplock.py

  for version in 3.12 3.13; do
    interpreter=$(python_of "$version")
    environment "python$version" --editable .
    "$work/python$version/bin/python" --version
    "$work/python$version/bin/python" -m pytest -q --no-header -n 2 -m 'not live' tests
  done
}

for part in ${@:-$parts}; do
  case " $parts " in
    *" $part "*) echo "== $part"; "live_$part" ;;
    *) echo "$part is not a part of make live: $parts" >&2; exit 64 ;;
  esac
done
